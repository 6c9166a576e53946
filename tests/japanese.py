"""Whether a message is in Japanese."""

import re

from polar_detect.messages.catalogue import sentences, texts

# Everything that is said in both languages, English and Japanese side by side.
EVERY_TEXT = [
    (own["en"], own["ja"])
    for text in texts().values()
    for worded in (text, *([text["columns"]] if "columns" in text else []))
    for own in (worded, *([worded["one"]] if "one" in worded else []))
]
EVERY_TEXT += [pair for known in sentences().values() for pair in known.items()]

_ENGLISH = re.compile(r"\b(Got|give|expected|which|is|are|the|that|not|or|of|as|with|on)\b")
_QUOTED = re.compile(r"（[^（）]*）|\([^()]*\)|「[^」]*」|'[^']*'")


def is_japanese(said):
    """Return whether a line is Japanese, whatever it quotes or has in brackets."""
    plain = _QUOTED.sub("", said)
    return bool(re.search("[ぁ-ヿ一-鿿]", plain)) and not _ENGLISH.search(plain)
