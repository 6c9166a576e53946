"""What people who open an output in a spreadsheet need beside the rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SheetNames:
    """What the sheets of an Excel file, and what it may have to add to the summary, are called.

    Parameters
    ----------
    rows, summary : str
        The sheets.
    n_cut, n_replaced : str
        Texts that were too long for a cell; texts with characters that Excel cannot hold.
    """

    rows: str = "rows"
    summary: str = "summary"
    n_cut: str = "Texts cut to the 32,767 characters of a cell"
    n_replaced: str = "Texts with characters that Excel cannot hold, written as \ufffd"


@dataclass(frozen=True)
class Layout:
    """What people who open the file in a spreadsheet need beside the rows.

    Parameters
    ----------
    flag_column : str or None
        Rows in which it is true are coloured.
    summary : sequence of (str, object)
        Labels and values of the summary sheet. Read when the file is closed, so that a list
        can be filled on the way.
    has_mark : bool
        Whether CSV and TSV begin with a byte order mark, without which Excel reads UTF-8 as
        the encoding of the country.
    formats : mapping of str to str
        Number formats that columns have in Excel.
    names : SheetNames
    """

    flag_column: str | None = None
    summary: Sequence[tuple[str, object]] = ()
    has_mark: bool = False
    formats: Mapping[str, str] = field(default_factory=dict)
    names: SheetNames = field(default_factory=SheetNames)
