"""Find out how text is encoded, and decode it without losing a row to a broken one.

UTF-8 and byte order marks prove themselves. The others are tried line by line: each candidate
is weighed by how much of what it yields is plausible in its language.
"""

import codecs
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

import charset_normalizer

from polar_detect.errors import EmptyInputError, InputError
from polar_detect.tables.input.latin_letters import encoding_of_letters

ESCAPE_UNDECODABLE = "polar_detect.escape"
_BLOCK_BYTES = 2**20
_EVIDENCE_BYTES = 2**18
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BLANK = b" \t\r\n" + codecs.BOM_UTF8
_MOST_NULS = 0.2  # of the first block; a table in UTF-16 has a NUL in every other byte
# With the weight of half-width katakana: in EUC-JP each stands behind a byte of its own; in
# CP932 they also arise from EUC-JP and Latin-1 that is read as such.
_JAPANESE = {"euc_jp": 1.0, "euc_jis_2004": 1.0, "cp932": 0.7}
_WESTERN = ("cp1252", "latin_1")
_ALPHABETS = ("cp1251", "koi8_r", "cp866", "cp1253", "cp1255", "cp1256", "cp874")  # not Latin
_OTHERS = (*_WESTERN, *_JAPANESE, "gb18030", "big5", "cp949", *_ALPHABETS)
_PLAUSIBLE = 0.6
_MIN_EVIDENCE = 10  # bytes; fewer are as likely broken as of a rare encoding
_TITLES = {
    "utf_8": "UTF-8",
    "utf_8_sig": "UTF-8",
    "utf_16": "UTF-16",
    "utf_32": "UTF-32",
    "cp932": "CP932 (Shift_JIS)",
    "euc_jp": "EUC-JP",
    "euc_jis_2004": "EUC-JP (2004)",
    "cp1252": "CP1252 (Windows Latin-1)",
    "iso8859_1": "Latin-1",
    "cp949": "CP949 (EUC-KR)",
    "gb18030": "GB 18030 (GBK)",
    "big5": "Big5",
    "cp1250": "CP1250 (Windows Central European)",
    "iso8859_2": "ISO 8859-2 (Latin-2)",
    "cp1254": "CP1254 (Windows Turkish)",
    "cp1251": "CP1251 (Windows Cyrillic)",
    "koi8_r": "KOI8-R",
    "cp866": "CP866 (DOS Cyrillic)",
    "cp1253": "CP1253 (Windows Greek)",
    "cp1255": "CP1255 (Windows Hebrew)",
    "cp1256": "CP1256 (Windows Arabic)",
    "cp874": "CP874 (Windows Thai)",
}
# Kanji of JIS level 1 are those of daily use; a wrong guess yields level 2, by and large.
_LEVEL_1 = frozenset(
    bytes((row + 0xA0, cell + 0xA0)).decode("euc_jp", "ignore")
    for row in range(16, 48)
    for cell in range(1, 95)
)
_WESTERN_SYMBOLS = frozenset("°±µ²³€–—“”‘’„…§£½¼¾×÷«»·®©™ªº¡¿")
_HIGH_RUN = re.compile("[^\0-\x7f]+")
_HIGH_LETTERS = r"[^\W\d_A-Za-z]+"
_THAI, _THAI_CONSONANT = re.compile("[\u0e01-\u0e5b]"), re.compile("[\u0e01-\u0e2e]")
_IN_LATIN_WORD = re.compile(f"(?<=[A-Za-z]){_HIGH_LETTERS}|{_HIGH_LETTERS}(?=[A-Za-z])")
# EUC-JP, EUC-KR and GB 2312 write 94 rows of characters as two bytes each.
_EUC_PAIR = re.compile(b"[\xa1-\xfe]{2}")
_KANA, _LETTERS = range(0xA4, 0xA6), range(0xB0, 0xFF)  # first bytes
_HANGUL, _CHINESE = range(0xB0, 0xC9), range(0xD0, 0xD8)  # that is, of daily use in Chinese only
# Characters. Of 2,000 draws of so many different kanji from words of work orders and headings at
# most .8 % were taken for Chinese and .2 % for Korean; of Korean headings nine in ten are told.
_MIN_DIFFERENT, _MIN_CHINESE, _MIN_KOREAN = 30, 10, 6
_FEW_KANA, _NEARLY_ALL, _MANY, _FREQUENTLY = 0.02, 0.97, 0.1, 0.3  # shares
# Of a few Korean words a third of the syllables and more are among these; as kanji they are rare.
_FREQUENT_HANGUL = frozenset(
    syllable.encode("euc_kr")
    for syllable in "이다는에고하가을지의사기리나아로자도시은대그인해어서일한정수전상보부비구조"
    "스장제원동공성안있과라를들만면선요신여음연용유주중오계호화트치타무미방분불산생속실업운위"
    "작적점터판품후경관교모물발반니"
)
# The capitals of CP1251 and the small letters of KOI8-R are katakana from ﾀ on in CP932; half of
# what Japanese people write stands before it, ｱ to ｿ and the small ones. Of 4,000 draws of five to
# eight Japanese words .3 to 1 % have next to none of these, but marks of voice, ﾎﾞﾙﾄ ﾄﾞﾘﾙ ﾊﾟﾈﾙ; in
# Cyrillic Ю, Я and ч look like such marks, and some stand behind letters that take none.
_NARROW = re.compile("[\uff66-\uff9f]+")
_VOICED = re.compile("[ｳｶ-ﾄﾊ-ﾎ]ﾞ|[ﾊ-ﾎ]ﾟ")
_MIN_NARROW, _FEW_BEFORE_TA, _SOME_VOICED = 20, 0.1, 0.05


@dataclass(frozen=True)
class Encoding:
    """How the text of an input is encoded.

    Parameters
    ----------
    codec : str
        A codec of Python that swallows a byte order mark, if there is one.
    origin : str
        `given`, `mark` (a byte order mark), `ascii` (all of it), `utf-8` (it decodes as such) or
        `guessed`.
    """

    codec: str
    origin: str

    @property
    def is_plain(self) -> bool:
        """Whether it is UTF-8 without byte order mark."""
        return self.codec == "utf-8-sig" and self.origin != "mark"

    @property
    def has_line_feeds(self) -> bool:
        """Whether a line feed is one byte, which is in no other character."""
        return "\n".join("..").encode(self.codec).endswith(b".\n.")

    @property
    def title(self) -> str:
        """The name that people know it by."""
        name = codecs.lookup(self.codec).name.replace("-", "_")
        return _TITLES.get(name, name)


def _escape_undecodable(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    bad = error.object[error.start : error.end]
    return "".join(chr(0xDC00 + byte) for byte in bad), error.end


# Not surrogateescape, which raises for the low bytes that broken UTF-16 holds.
codecs.register_error(ESCAPE_UNDECODABLE, _escape_undecodable)


def given_encoding(name: str) -> Encoding:
    """Return the encoding that a user named.

    >>> given_encoding("Shift_JIS").codec, given_encoding("UTF-8").codec
    ('cp932', 'utf-8-sig')
    """
    try:
        "".encode(name)
        codec = codecs.lookup(name).name
    except (LookupError, ValueError) as error:
        raise InputError(
            f"Got --encoding {name!r}, which is unknown; expected one such as utf-8, cp932, "
            "euc-jp, utf-16 or latin-1; choose one of them, or leave it out to have it detected."
        ) from error
    # What Windows calls Shift_JIS is CP932: it has ①, ㈱ and others on top.
    return Encoding({"utf-8": "utf-8-sig", "shift_jis": "cp932"}.get(codec, codec), "given")


def detect_encoding(file: BinaryIO, name: str) -> Encoding:
    """Return the encoding of a file, read to its end where all of it is ASCII.

    Raises
    ------
    InputError
        The file is empty or binary.
    """
    block = file.read(_BLOCK_BYTES)
    for mark, codec in _BOMS:
        if block.startswith(mark) and len(block) > len(mark):
            return Encoding(codec, "mark")
    if not block.strip(_BLANK):
        raise EmptyInputError(
            f"Got {name} without any text ({len(block)} bytes); expected at least one row; "
            "check the file."
        )
    if block.count(b"\0") > _MOST_NULS * len(block):
        raise InputError(
            f"Got {name} with many NUL bytes (binary data, or UTF-16 without byte order mark); "
            "expected text; check the file, or pass --encoding utf-16-le or utf-16-be."
        )
    lines = _non_ascii_lines(block, file)
    if not lines:
        return Encoding("utf-8-sig", "ascii")
    if _share_in_utf8(lines) >= 0.5:
        return Encoding("utf-8-sig", "utf-8")
    codec = _guess(lines)
    return Encoding(codec, "utf-8" if codec == "utf-8-sig" else "guessed")


def _non_ascii_lines(block: bytes, file: BinaryIO) -> list[bytes]:
    """Return lines that are not ASCII, from all over the file, of limited size in all."""
    found: list[bytes] = []
    n_bytes, rest = 0, b""
    while block and n_bytes < _EVIDENCE_BYTES:
        content = rest + block
        end = content.rfind(b"\n") + 1 if len(rest) < _EVIDENCE_BYTES else len(content)
        whole, rest = content[:end], content[end:]
        if not whole.isascii():
            for line in whole.splitlines(keepends=True):
                if not line.isascii() and n_bytes < _EVIDENCE_BYTES:
                    found.append(line[:_EVIDENCE_BYTES])
                    n_bytes += len(line)
        block = file.read(_BLOCK_BYTES)
    # With an end, because half a character is an error only before something else.
    return found if block or rest.isascii() else [*found, rest[:_EVIDENCE_BYTES] + b"\n"]


def _share_in_utf8(lines: list[bytes]) -> float:
    return sum(_decode(line, "utf-8") is not None for line in lines) / len(lines)


def _decode(line: bytes, codec: str) -> str | None:
    try:  # incrementally, because a very long line was cut, maybe within a character
        return codecs.getincrementaldecoder(codec)().decode(line)
    except UnicodeDecodeError:
        return None


def _guess(lines: list[bytes]) -> str:
    plausible = {
        codec: _mean_plausibility(lines, codec, partial(_japanese, half_width=weight))
        for codec, weight in _JAPANESE.items()
    }
    others = [*_OTHERS]
    if not _may_be_katakana(lines):
        others.remove("cp932")
        del plausible["cp932"]
    plausible |= {codec: _mean_plausibility(lines, codec, _western) for codec in _WESTERN}
    best = max(plausible, key=lambda codec: plausible[codec])  # the first among equals
    if plausible[best] >= _PLAUSIBLE:
        if best in _WESTERN:
            return encoding_of_letters(lines) or best
        return _euc(lines, best) if best.startswith("euc") else best
    evidence = b"\n".join(lines)
    if sum(byte >= 0x80 for byte in evidence) < _MIN_EVIDENCE:
        return "utf-8-sig"
    matches = charset_normalizer.from_bytes(evidence, cp_isolation=others)
    own = (match.encoding for match in matches if _may_be_written(str(match), match.encoding))
    return next(own, "utf-8-sig")


def _may_be_written(text: str, codec: str) -> bool:
    """Return whether somebody may have written what a file says in another alphabet.

    Polish that is read as Arabic has its letters in Latin words, and Hebrew that is read as Thai
    has vowels, tones and digits only.
    """
    if codec not in _ALPHABETS:
        return True
    if codec == "cp874" and len(_THAI_CONSONANT.findall(text)) < len(_THAI.findall(text)) / 4:
        return False
    return 2 * len(_IN_LATIN_WORD.findall(text)) <= len(re.findall(_HIGH_LETTERS, text))


def _may_be_katakana(lines: list[bytes]) -> bool:
    """Return whether the narrow katakana of different words are such as Japanese people write.

    Some of them are from ｱ to ｿ, or marks of voice stand where such marks do, and nowhere else.
    """
    texts = filter(None, (_decode(line, "cp932") for line in lines))
    words = {word for text in texts for word in _NARROW.findall(text)}
    letters = "".join(words)
    n_before = sum(letter < "ﾀ" for letter in letters)
    if len(letters) < _MIN_NARROW or n_before >= _FEW_BEFORE_TA * len(letters):
        return True
    n_marks = letters.count("ﾞ") + letters.count("ﾟ")
    n_in_place = sum(len(_VOICED.findall(word)) for word in words)
    return n_marks == n_in_place >= _SOME_VOICED * len(letters)


def _euc(lines: list[bytes], japanese: str) -> str:
    """Return the encoding of what looks like EUC-JP, which hardly anybody writes without kana."""
    pairs = [pair for line in lines for pair in _EUC_PAIR.findall(line)]
    has_kana = sum(pair[0] in _KANA for pair in pairs) > _FEW_KANA * len(pairs)
    letters = [pair for pair in pairs if pair[0] in _LETTERS]
    if has_kana or not letters:
        return japanese
    if _are_korean(letters):
        return "cp949"
    return "gb18030" if _are_chinese(letters) else japanese


def _are_korean(letters: list[bytes]) -> bool:
    if sum(letter[0] in _HANGUL for letter in letters) < _NEARLY_ALL * len(letters):
        return False
    different = {*letters}
    are_frequent = len(different & _FREQUENT_HANGUL) >= _FREQUENTLY * len(different)
    return len(different) >= (_MIN_KOREAN if are_frequent else _MIN_DIFFERENT)


def _are_chinese(letters: list[bytes]) -> bool:
    own = [letter for letter in letters if letter[0] in _CHINESE]
    are_many = len(own) >= _MANY * len(letters) and len({*own}) > 1
    return are_many and len({*letters}) >= _MIN_CHINESE


def _mean_plausibility(
    lines: list[bytes], codec: str, plausibility: Callable[[str], Iterable[float]]
) -> float:
    """Return the mean over the non-ASCII characters; in lines that do not decode it is 0."""
    total, n_characters = 0.0, 0
    for line in lines:
        text = _decode(line, codec)
        weights = [] if text is None else list(plausibility(text))
        total += sum(weights)
        n_characters += len(weights) if weights else len(line) // 2
    return total / max(1, n_characters)


def _japanese(text: str, *, half_width: float) -> Iterable[float]:
    for run in _HIGH_RUN.findall(text):
        for character in run:
            if "\uff61" <= character <= "\uff9f":
                yield half_width if len(run) > 1 and character > "\uff65" else 0.0
            else:
                yield float(_is_japanese(character))


def _is_japanese(character: str) -> bool:
    return (
        character in _LEVEL_1
        or "\u3000" <= character <= "\u30ff"
        or "\uff01" <= character <= "\uff5e"
        or character in "①②③④⑤⑥⑦⑧⑨⑩㈱℃×±°→←↑↓○●△▲□■◎☆★※φΩμ…―"
    )


def _western(text: str) -> Iterable[float]:
    for run in _HIGH_RUN.findall(text):
        for character in run:
            is_usual = character.isalpha() or character in _WESTERN_SYMBOLS
            yield float(is_usual and len(run) < 3)
