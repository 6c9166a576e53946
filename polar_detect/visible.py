"""Foreign texts for people's eyes: nothing in them steers a terminal or vanishes from a page.

And what nobody sees in them, which models read all the same.
"""

from collections.abc import Callable, Iterator, Sequence
from unicodedata import category, normalize

# C0, DEL and C1 as control pictures or U+FFFD: they would vanish in HTML and steer a terminal.
# Line feed and tab are layout, not control. Lone surrogates cannot be written as UTF-8. What sets
# or overrides the direction of writing turns round whatever stands behind it, other columns too.
_VISIBLE = (
    {code: 0x2400 + code for code in range(0x20) if code not in (0x09, 0x0A)}
    | {0x7F: 0x2421}
    | dict.fromkeys(range(0x80, 0xA0), 0xFFFD)
    | dict.fromkeys(range(0xD800, 0xE000), 0xFFFD)
    | dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)), 0xFFFD)
)
# Zero-width space, joiner of words, byte order mark, soft hyphen and marks of direction come along
# with what is copied from pages and dialogs.
_UNSEEN = dict.fromkeys(map(ord, "\u200b\u2060\ufeff\u00ad\u200e\u200f"))
# Spaces at which no line is broken, as pages and word processors write them.
_NO_BREAK = dict.fromkeys(map(ord, "\u00a0\u2007\u202f"), " ")


def visible(text: str) -> str:
    r"""Return `text` with line ends as line feeds and control characters made visible.

    >>> visible("oil \x1b[31mleak")
    'oil ␛[31mleak'
    """
    return _with_line_feeds(text).translate(_VISIBLE)


def without_unseen(text: str) -> str:
    r"""Return `text` without signs that have no width, and with letters in one way (NFC).

    Some systems write accents and voice marks apart from their letters, which is the same text.

    >>> without_unseen("\u200eva\u00adlve \ufeffカ\u3099ス")
    'valve ガス'
    """
    return text if text.isascii() else normalize("NFC", text.translate(_UNSEEN))


def plainly_spaced(text: str) -> str:
    r"""Return `text` with line feeds as its line ends and spaces in place of no-break spaces.

    Exports of other systems write these for the same text: databases CRLF, Excel line feeds.

    >>> plainly_spaced("oil leak\r\n12\u00a0bar")
    'oil leak\n12 bar'
    """
    text = _with_line_feeds(text)
    return text if text.isascii() else text.translate(_NO_BREAK)


def read_places(text: str, read: Callable[[Sequence[str]], list[str]]) -> list[int]:
    r"""Return where in `text` each character stands of what is read of it, and at last its end.

    Parameters
    ----------
    text : str
    read : callable
        Returns texts without what nobody sees in them, as `texts.as_seen` does.

    >>> from polar_detect.texts import as_seen
    >>> read_places("a\r\nカ\u3099", as_seen)
    [0, 1, 3, 5]
    """
    pieces = [*_pieces(text)]
    # With a letter behind them, blanks are none at the end, which are read nowhere.
    lengths = [len(own) - 1 for own in read([f"{piece}x" for piece in pieces])]
    places, start = [], 0
    for piece, length in zip(pieces, lengths, strict=True):
        places += [start + min(k, len(piece) - 1) for k in range(length)]
        start += len(piece)
    return [*places, start]


def _pieces(text: str) -> Iterator[str]:
    """Cut a text so that each piece is read by itself as in the text."""
    start, before = 0, ""
    for i, sign in enumerate(text):
        kind = category(sign)
        goes_on = kind in {"Mn", "Mc", "Me", "Cf"} or "\u1160" <= sign <= "\u11ff"  # Hangul
        if i and not goes_on and (before, sign) != ("\r", "\n"):
            yield text[start:i]
            start = i
        before = before if kind == "Cf" else sign
    if text:
        yield text[start:]


def _with_line_feeds(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
