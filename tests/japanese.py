"""Whether a message is in Japanese."""

import re

from polar_detect.report.catalogue import TEXTS
from polar_detect.report.compare_sentences import COMPARE_SENTENCES
from polar_detect.report.inspect_sentences import INSPECT_SENTENCES
from polar_detect.report.sentences import SENTENCES

# Everything that is said in both languages, English and Japanese side by side.
EVERY_TEXT = [*TEXTS.values()]
for kinds in (SENTENCES, COMPARE_SENTENCES, INSPECT_SENTENCES):
    EVERY_TEXT += [pair for known in kinds.values() for pair in known.items()]

_ENGLISH = re.compile(r"\b(Got|give|expected|which|is|are|the|that|not|or|of|as|with|on)\b")
_QUOTED = re.compile(r"（[^（）]*）|\([^()]*\)|「[^」]*」|'[^']*'")


def is_japanese(said):
    """Return whether a line is Japanese, whatever it quotes or has in brackets."""
    plain = _QUOTED.sub("", said)
    return bool(re.search("[ぁ-ヿ一-鿿]", plain)) and not _ENGLISH.search(plain)
