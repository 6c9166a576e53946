"""Foreign texts for people's eyes: nothing in them steers a terminal or vanishes from a page.

And what nobody sees in them, which models read all the same.
"""

import re
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
_UNSEEN = dict.fromkeys(map(ord, "\u200b\u2060\ufeff\u00ad\u200e\u200f\u061c"))
# Spaces at which no line is broken, as pages and word processors write them.
_NO_BREAK = dict.fromkeys(map(ord, "\u00a0\u2007\u202f"), " ")
# Kana and kanji, and katakana of half the width.
_JAPANESE = re.compile("[\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uff66-\uff9f]")
_VOICE_MARKS = "\uff9e\uff9f"  # of half the width, behind their letters
# Katakana and their punctuation of half the width; digits, letters and blanks of the full one.
_OTHER_WIDTH = re.compile("[\uff61-\uff9f\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\u3000]+")


def visible(text: str) -> str:
    r"""Return `text` with line ends as line feeds and control characters made visible.

    >>> visible("oil \x1b[31mleak")
    'oil ␛[31mleak'
    """
    return _with_line_feeds(text).translate(_VISIBLE)


def without_unseen(text: str) -> str:
    r"""Return `text` without signs that have no width, and with letters in one way (NFC).

    Some systems write accents and voice marks apart from their letters, which is the same text.

    >>> without_unseen("\u200eva\u00adlve\u061c \ufeffカ\u3099ス")
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


def in_usual_widths(text: str) -> str:
    r"""Return Japanese text with wide katakana, and with narrow digits, letters and blanks.

    Which of the two widths stands there is a matter of the keyboard, and of the system that a text
    comes from. In texts without kana and kanji full-width letters are meant to look strange.

    >>> in_usual_widths("ﾎﾟﾝﾌﾟ\u3000Ｐ２（異音）"), in_usual_widths("ＦＲＥＥ")
    ('ポンプ P2（異音）', 'ＦＲＥＥ')
    """
    if text.isascii() or not _JAPANESE.search(text):
        return text
    usual = _OTHER_WIDTH.sub(lambda found: normalize("NFKC", found[0]), text)
    return normalize("NFC", usual)  # a voice mark may stand behind a letter that was wide already


def as_seen(texts: Sequence[str]) -> list[str]:
    r"""Return texts without what nobody sees: signs without width, kinds of spaces, blanks behind.

    And Japanese ones in usual widths. A model reads these, so that with them an ordinary text would
    look strange. The cells of rows are written so too. See `without_unseen`,
    `in_usual_widths` and `plainly_spaced`.

    >>> as_seen(["oil \n", "異常なし\u3000", "ﾊﾞﾙﾌﾞ", "  fuse", "\u200evalve", "a\r\nb"])
    ['oil', '異常なし', 'バルブ', '  fuse', 'valve', 'a\nb']
    """
    usual = map(in_usual_widths, texts)
    return [plainly_spaced(without_unseen(text)).rstrip() for text in usual]


def read_places(text: str, read: Callable[[Sequence[str]], list[str]]) -> list[int]:
    r"""Return where in `text` each character stands of what is read of it, and at last its end.

    Parameters
    ----------
    text : str
    read : callable
        Returns texts without what nobody sees in them, as `as_seen` does.

    >>> read_places("a\r\nカ\u3099", as_seen)
    [0, 1, 3, 5]
    """
    pieces = [*_pieces(text)]
    # With a letter behind them, blanks are none at the end, which are read nowhere; of the text's
    # own script, as that decides on widths.
    letter = "あ" if _JAPANESE.search(text) else "a"
    lengths = [len(own) - 1 for own in read([piece + letter for piece in pieces])]
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
        goes_on = kind in {"Mn", "Mc", "Me", "Cf"} or sign in _VOICE_MARKS
        is_hangul = "\u1160" <= sign <= "\u11ff"  # behind the first sign of a syllable
        if i and not goes_on and not is_hangul and (before, sign) != ("\r", "\n"):
            yield text[start:i]
            start = i
        before = before if kind == "Cf" else sign
    if text:
        yield text[start:]


def _with_line_feeds(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
