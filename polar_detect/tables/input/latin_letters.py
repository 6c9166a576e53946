"""Which of the encodings of Latin letters a text has, told by the letters of languages.

Read as that of Western Europe, Polish is Odchy³ka, Czech prùmìr and Turkish sýcaklýk: no language
has all of these letters.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# Letters beyond a to z, in the order in which encodings are preferred where several explain all.
_ALPHABETS = (
    ("cp1252", "äöüß"),
    ("cp1252", "àâçéèêëîïôùûüÿ"),
    ("cp1252", "áéíñóúüçàèïòºª"),
    ("cp1252", "áâãàçéêíóôõúü"),
    ("cp1252", "àèéìíîòóùú"),
    ("cp1252", "æøåéäöàü"),
    ("cp1252", "éëïóöüáèê"),
    *((codec, "ąćęłńóśźż") for codec in ("cp1250", "iso8859_2")),
    *((codec, "áčďéěíňóřšťúůýž") for codec in ("cp1250", "iso8859_2")),
    *((codec, "áäčďéíĺľňóôŕšťúýž") for codec in ("cp1250", "iso8859_2")),
    *((codec, "áéíóöőúüű") for codec in ("cp1250", "iso8859_2")),
    *((codec, "čćđšž") for codec in ("cp1250", "iso8859_2")),
    *((codec, "ăâîşţ") for codec in ("cp1250", "iso8859_2")),
    ("cp1254", "çğıİöşüâîû"),
    ("cp1252", "áðéíóúýþæö"),  # Icelandic, behind Turkish, whose ğ ı ş are its ð ý þ
)
_WORD = re.compile(b"[A-Za-z\x80-\xff]*[\x80-\xff][A-Za-z\x80-\xff]*")
_ASCII_LETTER = re.compile(b"[A-Za-z]")
# Signs that are no letters: 25 °C, µm, m², kg/m³, ±2, ¿qué?, quotes, dashes, blanks; and
# œ, which stands before u and i.
_NO_LETTERS = re.compile(
    b"\xb0[A-Za-z]?(?![A-Za-z])|\xb5(?=[A-Za-z])|(?<![A-Za-z])[kcdm]?m[\xb2\xb3]"
    b"|(?<![A-Za-z\x80-\xff])[\xb1\xbf\xa1]|[\x84\x85\x91-\x97\xa0]|\x9c(?=[ui])"
)
_QUOTED = re.compile(b"\xab([^\xab\xbb]*)\xbb|\xbb([^\xab\xbb]*)\xab")
_SURE, _MORE = 0.97, 0.03  # shares of the letters
_MIN_WORDS = 3


@dataclass(frozen=True)
class _Fit:
    codec: str
    share: float


def encoding_of_letters(lines: Iterable[bytes]) -> str | None:
    """Return the encoding other than that of Western Europe whose letters a text has, if any.

    >>> words = ["Odchyłka", "Średnica", "Ciśnienie", "zgodny"]
    >>> [encoding_of_letters([word.encode(own) for word in words]) for own in ("cp1250", "latin2")]
    ['cp1250', 'iso8859_2']
    >>> encoding_of_letters(["Prüfer Gehäuse 25 °C ±2 µm".encode("cp1252")])
    """
    plain = (_NO_LETTERS.sub(b" ", _QUOTED.sub(rb" \1\2 ", line)) for line in lines)
    found = (word for line in plain for word in _WORD.findall(line))
    words = {word for word in found if _ASCII_LETTER.search(word)}
    if len(words) < _MIN_WORDS:
        return None
    fits = [_Fit(codec, _share(sorted(words), codec, letters)) for codec, letters in _ALPHABETS]
    best = max(fits, key=lambda own: own.share)  # the first among equals
    western = max(own.share for own in fits[:-1] if own.codec == "cp1252")
    is_other = best.share >= max(_SURE, western + _MORE) and best.codec != "cp1252"
    return best.codec if is_other else None


def _share(words: Sequence[bytes], codec: str, letters: str) -> float:
    """Return how many of the letters beyond a to z are those of a language."""
    own = frozenset(letters + letters.upper())
    found = [sign for word in words for sign in word.decode(codec, "replace") if not sign.isascii()]
    return sum(sign in own for sign in found) / max(len(found), 1)
