"""Cells that name something, such as a part, a tool or a lot, and columns that are called so."""

import re
import unicodedata
from collections.abc import Sequence

import numpy as np

from polar_detect.tables.cells.numbers import MIN_NUMERIC, as_numbers
from polar_detect.tables.cells.units import split_unit
from polar_detect.tables.columns.dates import mostly_match

# Three digits behind a dash or a letter, but not 120x800 or 100-200; 2024-0012; hexadecimal.
_CODE = re.compile(
    r"(?![\dx-]*$)[^\W\d_]{0,8}[-a-z0-9_#]*(?:[-_#a-wyz]|(?<!\d)x)\d{3}[-a-z0-9_#]*"
    r"|\d+(?:-\d+)*-0\d{2,}"
    r"|(?=[\d-]*[a-f])(?=\D*\d)[\da-f]{8}[\da-f-]*",
    re.IGNORECASE,
)
# A digit among some letters and marks, but no sentence of a language that has no blanks.
_SHORT_CODE = re.compile(r"(?=\D*\d)[^\W\d_]{0,8}[-a-z0-9_#./:+]*", re.IGNORECASE)
_WHOLE = re.compile(r"\d+")

_ID_NAME = re.compile(
    r"(^|[^a-z])(id|ids|uid|udi|uuid|no|nr|num|number|index|idx|key|serial)$|(番号|コード)$|(?-i:[a-z]ID)$",
    re.IGNORECASE,
)
_LOT_NAME = re.compile(
    r"(?:(?<![^\W\d_])(?:lot|lote|batch|los|coil|charge|wafer)"
    r"|(?-i:(?<=[a-z])(?:Lot|Batch|Los|Coil|Charge|Wafer))"
    r"|chargen|ロット|バッチ|チャージ|コイル|ウェーハ|ウエハ|批次?)"
    r"[ _.\-]*(?:(?:no|nr|num|number|nummer|id|code)\.?|#|番号|号)?$"
    r"|(?<![^\W\d_])(?:heat|melt|cast)[ _.\-]*(?:(?:no|nr|num|number|id)\.?|#)$"
    r"|(?:溶解|溶湯|鋳造|ヒート|キャスト)[ _.\-]*(?:no\.?|番号)$|溶番$",
    re.IGNORECASE,
)
_SOURCE_NAME = re.compile(
    r"(?:(?:source|excel|csv)?[ _.\-]*(?:file|sheet)|ファイル|シート)[ _.\-]*(?:name|名)?(?:_\d+)?",
    re.IGNORECASE,
)


def is_lot_name(name: str) -> bool:
    r"""Return whether a column is called as one is that names lots.

    >>> [*filter(is_lot_name, ["Lot", "batchNo", "Chargen-Nr.", "製造ロット番号", "Lot size"])]
    ['Lot', 'batchNo', 'Chargen-Nr.', '製造ロット番号']
    >>> [*filter(is_lot_name, ["Heat No.", "heat", "溶解番号", "溶解温度", "wafer_id"])]
    ['Heat No.', '溶解番号', 'wafer_id']
    >>> is_lot_name("Lot\nNo"), is_lot_name("ロット\n番号"), is_lot_name("ＬＯＴ　Ｎｏ．")
    (True, True, True)
    """
    return _LOT_NAME.search(_in_a_line(name)) is not None


def is_source_name(name: str) -> bool:
    """Return whether a column is called as one is that names the file or sheet of each row.

    >>> [*filter(is_source_name, ["file", "Source file", "シート名", "file_2", "profile"])]
    ['file', 'Source file', 'シート名', 'file_2']
    """
    return _SOURCE_NAME.fullmatch(_in_a_line(name)) is not None


def is_id_name(name: str) -> bool:
    """Return whether a column is called as one is that names the rows.

    >>> [*filter(is_id_name, ["UDI", "Order No", "orderID", "製造番号", "humid", "Torque"])]
    ['UDI', 'Order No', 'orderID', '製造番号']
    """
    return _ID_NAME.search(_in_a_line(name)) is not None


def plain(cells: Sequence[str]) -> list[str]:
    """Return what the filled cells of a column say."""
    texts = (unicodedata.normalize("NFKC", text).strip() for text in cells)
    return [text for text in texts if text]


def are_codes(texts: Sequence[str], *, are_short: bool = False) -> bool:
    """Return whether nearly all are codes; short ones need one digit only, as T1 or 12/3.

    >>> are_codes(["L-101", "L-102"]), are_codes(["L1", "L2"]), are_codes(["L1"], are_short=True)
    (True, False, True)
    """
    pattern = _SHORT_CODE if are_short else _CODE
    if not mostly_match(texts, pattern):
        return False
    is_code = np.array([pattern.fullmatch(text) is not None for text in texts])
    has_unit = [split_unit(text, is_expected=False) is not None for text in texts]
    is_measured = np.array(has_unit) | ~np.isnan(as_numbers(texts))
    return bool((is_code & ~is_measured).mean() >= MIN_NUMERIC)


def are_mostly_whole(texts: Sequence[str]) -> bool:
    """Return whether nearly all consist of digits."""
    return mostly_match(texts, _WHOLE)


def are_whole(texts: Sequence[str]) -> bool:
    """Return whether all consist of digits."""
    return all(text.isdecimal() for text in texts)


def _in_a_line(name: str) -> str:
    """Return a name as it is without breaks, as of narrow cells, and without wide letters."""
    return " ".join(unicodedata.normalize("NFKC", name).split())
