"""What stdout and stderr write where their encoding lacks a character, as Windows' old ones do.

A console shows everything. What goes into a file or a pipe there is written in a code page such
as CP932 or CP1252, and Python refuses what that does not have: a long run would end in a
traceback when its last line is printed.
"""

import codecs
import io
import unicodedata
from collections.abc import Callable
from typing import TextIO

# What NFKC and leaving out accents do not find. Heights of a sparkline become digits.
_LOOKALIKES = {
    **dict(zip("▁▂▃▄▅▆▇", "1234567", strict=True)),
    **{"█": "#", "·": ".", "•": "*", "∙": ".", "×": "x", "°": " deg ", "±": "+-"},
    **{"−": "-", "–": "-", "—": "-", "―": "-", "‐": "-", "≤": "<=", "≥": ">=", "≈": "~"},
    **{"→": "->", "←": "<-", "↑": "^", "↓": "v", "‘": "'", "’": "'", "“": '"', "”": '"'},
    **{"\N{SYMBOL FOR DELETE}": "^?", "\N{REPLACEMENT CHARACTER}": "?"},
    # Control characters, as `visible` writes them, in caret notation.
    **{chr(0x2400 + code): f"^{chr(0x40 + code)}" for code in range(0x20)},
}


def write_anything(*streams: TextIO) -> None:
    """Let streams write the nearest that their encoding has, and ? for what has nothing near.

    Parameters
    ----------
    streams : TextIO
        One that writes UTF-8 keeps what it does with lone surrogates, unless that is an error; one
        of the C locale still writes names of files as the bytes that they are.
    """
    for stream in streams:
        if not isinstance(stream, io.TextIOWrapper):  # a program without a console has none
            continue
        encoding = codecs.lookup(stream.encoding).name
        if encoding != "utf-8" or stream.errors == "strict":
            keeps_bytes = stream.errors == "surrogateescape"
            name = f"polar-detect-nearest-{encoding}-{keeps_bytes}"
            codecs.register_error(name, _nearest(encoding, keeps_bytes=keeps_bytes))
            stream.reconfigure(errors=name)


def is_utf8(stream: TextIO) -> bool:
    """Return whether a stream writes UTF-8; one that has no encoding takes anything."""
    encoding = getattr(stream, "encoding", None)
    return encoding is None or codecs.lookup(encoding).name == "utf-8"


def can_write(stream: TextIO, text: str) -> bool:
    """Return whether a text that a stream writes is read as the same text."""
    encoding = getattr(stream, "encoding", None)
    # CP932 takes a minus sign and gives back a full-width hyphen.
    return encoding is None or text.encode(encoding, "ignore").decode(encoding) == text


def _nearest(
    encoding: str, *, keeps_bytes: bool
) -> Callable[[UnicodeError], tuple[str | bytes, int]]:
    """Return an error handler: its error does not name the encoding of a charmap codec."""

    def replace(error: UnicodeError) -> tuple[str | bytes, int]:
        assert isinstance(error, UnicodeEncodeError)
        character, behind = error.object[error.start], error.start + 1
        if keeps_bytes and "\udc80" <= character <= "\udcff":
            return character.encode(errors="surrogateescape"), behind
        return _nearest_of(character, encoding), behind

    return replace


def _nearest_of(character: str, encoding: str) -> str:
    decomposed = unicodedata.normalize("NFKD", character)
    candidates = (
        _LOOKALIKES.get(character, ""),
        unicodedata.normalize("NFKC", character),
        "".join(c for c in decomposed if not unicodedata.combining(c)),
    )
    return next((c for c in candidates if c and _has(encoding, c)), "?")


def _has(encoding: str, text: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
