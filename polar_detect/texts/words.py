"""Words and emoji of texts in any language, and where they stand."""

import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

import regex

# Kanji, hiragana and katakana are written without blanks, and parted where they meet.
_UNSPACED = (r"\p{Han}", "\u3041-\u309f", "\u30a1-\u30ff\uff66-\uff9f")
_NOT_THESE = "".join(_UNSPACED)
_LETTER = rf"[[\w\p{{N}}]--[\p{{M}}\p{{Cf}}{_NOT_THESE}]]"
# Vowel signs, accents and variants belong to the letter before them, also at the end of a word.
_SIGNS = r"[\p{M}\u200c\u200d]*+"
_WORD = regex.compile(
    "|".join([f"(?:[{script}]{_SIGNS})+" for script in _UNSPACED])
    + rf"|{_LETTER}(?:[^\s{_NOT_THESE}]*{_LETTER})?{_SIGNS}",
    regex.VERSION1,
)
# Signs that stand for something by themselves: flags, and emoji with all that belongs to them.
_EMOJI = regex.compile(r"\p{RI}{2}|(?=\p{Extended_Pictographic})\X", regex.VERSION1)
# Thai, Lao, Burmese and Khmer (line breaks of class SA) and Tibetan have blanks between clauses at
# most.
_IS_UNSPACED = regex.compile(rf"[{_NOT_THESE}\p{{Line_Break=SA}}\p{{Tibetan}}]", regex.VERSION1)
_BLANK = regex.compile(r"\s")
_LONGEST = 40  # characters of a word; more are a URL, or JSON without blanks


def words_of(text: str) -> list[str]:
    """Return the words of a text, without what stands around them.

    >>> words_of("C/O left pump, 20-6! ポンプを定期交換、3号機、पानी")
    ['C/O', 'left', 'pump', '20-6', 'ポンプ', 'を', '定期交換', '3', '号機', 'पानी']
    """
    words: list[str] = _WORD.findall(text)
    return words


def word_places(text: str) -> list[tuple[int, int]]:
    """Return where the same words stand: each is ``text[start:stop]``."""
    return [found.span() for found in _WORD.finditer(text)]


def emoji_of(text: str) -> list[str]:
    """Return the emoji of a text that stand in no word.

    >>> emoji_of("pump ok 👍🏽, 👩‍🔧 🇩🇪🇫🇷")
    ['👍🏽', '👩‍🔧', '🇩🇪', '🇫🇷']
    """
    return [text[start:stop] for start, stop in _emoji_places(text, word_places(text))]


def is_spaced(word: str) -> bool:
    """Return whether a word is one between blanks: no kanji, kana or Thai, and no line of JSON.

    >>> [is_spaced(word) for word in ("Ventil", "밸브를", "定期", "วาล์วรั่ว", "a,b,c," * 9)]
    [True, True, False, False, False]
    """
    return len(word) <= _LONGEST and _IS_UNSPACED.search(word) is None


def plain_word(word: str) -> str:
    """Return a word as it is compared with others, whatever its case and width.

    >>> plain_word("Ｖｅｎｔｉｌ") == plain_word("VENTIL")
    True
    """
    # The dotless small i and the dotted capital one of Turkish are no case of I and i elsewhere.
    folded = unicodedata.normalize("NFKC", word).casefold()
    # A warning sign is the same with the mark that colours it.
    return folded.replace("i\u0307", "i").replace("ı", "i").removesuffix("\ufe0f")


def touched_words(text: str, places: Sequence[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    """Return where the words and emoji stand that each of some pieces of a text is in.

    Parameters
    ----------
    text : str
    places : sequence of (int, int)
        Each is ``text[start:stop]``.

    Examples
    --------
    >>> touched_words("new valve!", [(0, 3), (3, 6), (6, 9), (9, 10)])
    [[(0, 3)], [(4, 9)], [(4, 9)], []]
    """
    blank = _BLANK.search(text, max((stop for _, stop in places), default=0))
    head = text[: blank.start()] if blank else text  # no word has one
    words = word_places(head)
    words = sorted([*words, *_emoji_places(head, words)])
    starts, stops = ([own[side] for own in words] for side in (0, 1))
    return [words[bisect_right(stops, start) : bisect_left(starts, stop)] for start, stop in places]


def words_at(text: str, places: Sequence[tuple[int, int]]) -> list[str]:
    """Return the words in which pieces of a text lie; themselves, where they lie in none.

    From the first word that a piece touches to the last, where it touches several.

    >>> words_at("DAMAGED step", [(2, 4)]), words_at("a ~ b", [(2, 3)])
    (['DAMAGED'], ['~'])
    """
    found = zip(places, touched_words(text, places), strict=True)
    return [
        text[words[0][0] : words[-1][1]] if words else text[slice(*own)] for own, words in found
    ]


def _emoji_places(text: str, words: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return where emoji stand that none of the words holds, as ℃🔥℃ does."""
    if text.isascii():
        return []
    starts = [start for start, _ in words]
    ends = [0, *(stop for _, stop in words)]
    found = (own.span() for own in _EMOJI.finditer(text))
    return [(start, stop) for start, stop in found if ends[bisect_right(starts, start)] <= start]
