"""Whether a message is in Japanese."""

import re

_ENGLISH = re.compile(r"\b(Got|give|expected|which|is|are|the|that|not|or|of|as|with|on)\b")
_QUOTED = re.compile(r"（[^（）]*）|\([^()]*\)|「[^」]*」|'[^']*'")


def is_japanese(said):
    """Return whether a line is Japanese, whatever it quotes or has in brackets."""
    plain = _QUOTED.sub("", said)
    return bool(re.search("[ぁ-ヿ一-鿿]", plain)) and not _ENGLISH.search(plain)
