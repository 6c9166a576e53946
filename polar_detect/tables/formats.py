"""Which format a file's ending stands for; the one list of endings that are read or written."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["delimited", "excel", "parquet", "jsonl", "text", "frame"]
Compression = Literal["gzip", "zstd"]

STDIN = Path("-")
_KINDS: dict[str, Kind] = {
    ".csv": "delimited",
    ".tsv": "delimited",
    ".tab": "delimited",
    ".xlsx": "excel",
    ".xlsm": "excel",
    ".xlsb": "excel",
    ".xls": "excel",
    ".ods": "excel",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
}
_ARCHIVES = {
    "zip": re.compile(rb"PK\x03\x04"),
    "xz": re.compile(rb"\xfd7zXZ\x00"),
    "bzip2": re.compile(rb"BZh[1-9]1AY&SY"),
    "7z": re.compile(rb"7z\xbc\xaf\x27\x1c"),
    "gzip": re.compile(rb"\x1f\x8b\x08"),
    "zstd": re.compile(rb"\x28\xb5\x2f\xfd"),
}
# Of what is no table, nor text with a line feed behind each.
DOCUMENTS = frozenset({".docx", ".docm", ".pdf", ".eml", ".msg", ".html", ".htm", ".xhtml"})
_COMPRESSIONS: dict[str, Compression] = {".gz": "gzip", ".zst": "zstd"}


@dataclass(frozen=True)
class Format:
    """What an ending stands for.

    Parameters
    ----------
    kind : str
        A name that is no table is text, one text a line.
    compression : str or None
        Of the whole file; Excel and Parquet compress inside.
    ending : str
        In lower case, with dot, without that of the compression.
    """

    kind: Kind
    compression: Compression | None
    ending: str


def format_of(path: Path) -> Format:
    """Return the format that the ending of `path` stands for.

    >>> format_of(Path("Orders.CSV.gz"))
    Format(kind='delimited', compression='gzip', ending='.csv')
    >>> format_of(Path("machine.log")).kind
    'text'
    """
    compression = _COMPRESSIONS.get(path.suffix.lower())
    ending = (path.with_suffix("") if compression else path).suffix.lower()
    return Format(_KINDS.get(ending, "text"), compression, ending)


def has_columns(path: Path) -> bool:
    """Return whether `path` is read as a table with named columns, not as one text a line.

    >>> has_columns(Path("orders.CSV")), has_columns(Path("machine.log"))
    (True, False)
    """
    return format_of(path).kind != "text"


def kind_of_content(start: bytes, *, has_columns: bool) -> Kind:
    """Return the format of content without a name, from its first bytes.

    >>> kind_of_content(b'{"id": 7}', has_columns=False)
    'jsonl'
    """
    if start.startswith(b"PAR1"):
        return "parquet"
    if start.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        return "excel"
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return "jsonl"
    return "delimited" if has_columns else "text"


def archive_of_content(start: bytes) -> str | None:
    """Return the name of an archive or a compression that is not read, from its first bytes.

    >>> archive_of_content(b"BZh91AY&SY"), archive_of_content(b"BZh is short")
    ('bzip2', None)
    """
    if start[257:262] == b"ustar":
        return "tar"
    return next((name for name, mark in _ARCHIVES.items() if mark.match(start)), None)


def is_workbook(start: bytes) -> bool:
    """Return whether a zip archive is a workbook of Excel or OpenDocument, by its first bytes."""
    return b"xl/" in start or b"opendocument.spreadsheet" in start


def compression_of_content(start: bytes) -> Compression | None:
    """Return how content without a name is compressed, from its first bytes."""
    if start.startswith(b"\x1f\x8b"):
        return "gzip"
    return "zstd" if start.startswith(b"\x28\xb5\x2f\xfd") else None
