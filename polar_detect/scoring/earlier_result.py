"""What people have written into an earlier result, which a new one would take the place of."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from polar_detect import tables
from polar_detect.errors import InputError, OutputError, quoted
from polar_detect.messages.language import Language
from polar_detect.messages.tongues import TONGUES
from polar_detect.tables.cells.text import cells_as_text
from polar_detect.tables.columns.results import FLAG
from polar_detect.tables.formats import format_of


class EarlierResult:
    """What stands at the output path, if `score` wrote it and people may have worked on it.

    Parameters
    ----------
    out : Path
    chunk_rows : int
        Rows of it in memory at a time.

    Raises
    ------
    OutputError
        Columns stand behind those that were added, such as labels, or sheets beside those that
        `score` writes; they would be gone.
    """

    def __init__(self, out: Path, chunk_rows: int) -> None:
        self._out = out
        self._chunk_rows = chunk_rows
        found = _table_at(out)
        present = () if found is None else found.columns
        added = tables.result_columns(present)
        own = present[present.index(added[-1]) + 1 :] if added else ()
        if own:
            raise OutputError(
                f"Got the output path {out}, where somebody has put {quoted(own)} beside "
                "an earlier result; expected a file without such columns, as they would be lost; "
                "move it or choose another --out."
            )
        sheets = _others_than_written(found.other_sheets) if added and found is not None else []
        if sheets:
            raise OutputError(
                f"Got the output path {out}, where somebody has put the sheet {quoted(sheets)} "
                "beside an earlier result; expected a file without such sheets, as they would be "
                "lost; move it or choose another --out."
            )
        self._columns = present if added else ()
        self._n_rows = 0
        self._n_filled: Counter[str] = Counter()

    def check_nothing_put_in(self, columns: Sequence[str]) -> None:
        """Raise `OutputError` where the result has the columns of the input, and more among them.

        Such as labels that somebody has put in the first column, or right before the score.
        """
        known = {*columns, *tables.result_columns(self._columns)}
        more = [name for name in self._columns if name not in known]
        if more and set(columns) <= set(self._columns):
            raise OutputError(
                f"Got the output path {self._out}, an earlier result with {quoted(more)}, which "
                "the input has not, as if somebody had put that in; expected no such columns, as "
                "they would be lost; move it or choose another --out."
            )

    def add(self, frame: pd.DataFrame) -> None:
        """Count the filled cells of a chunk of the input."""
        if self._columns:
            self._n_rows += len(frame)
            self._n_filled.update(_count_filled(frame))

    def check_not_filled_in(self, columns: Sequence[str]) -> None:
        """Raise `OutputError` where cells that are empty in the input are filled in the result.

        Such as a column of verdicts that was waiting for them. A result of other rows may hold
        what it likes: it has another number of them, or fewer filled cells somewhere.
        """
        if not columns or not set(columns) <= set(self._columns):
            return
        if all(self._n_filled[name] == self._n_rows for name in columns):
            return  # without a look into it: nothing is left to be filled in
        n_rows, found = 0, Counter[str]()
        try:
            for chunk in _opened(self._out).chunks(self._chunk_rows):
                n_rows += len(chunk.frame)
                found.update(_count_filled(chunk.frame[[*columns]]))
        except InputError:  # replaced, as any file that is no table is
            return
        more = [name for name in columns if found[name] > self._n_filled[name]]
        fewer = any(found[name] < self._n_filled[name] for name in columns)
        if more and not fewer and n_rows == self._n_rows:
            raise OutputError(
                f"Got the output path {self._out}, an earlier result that says more in "
                f"{quoted(more)} than the input, as if somebody had filled cells in; expected no "
                "more there, as it would be lost; move it or choose another --out."
            )


def _count_filled(frame: pd.DataFrame) -> dict[str, int]:
    """Return how many cells of each column say something."""
    return {
        str(name): sum(bool(cell.strip()) for cell in cells_as_text(frame.iloc[:, j]))
        for j, name in enumerate(frame.columns)
    }


def _others_than_written(sheets: Sequence[str]) -> list[str]:
    """Return the sheets that `score` writes in no language."""
    written = {
        Language(tongue).say(f"sheet.{name}") for tongue in TONGUES for name in ("rows", "summary")
    }
    return [sheet for sheet in sheets if sheet not in written]


def _table_at(out: Path) -> tables.TableReader | None:
    """Open a file that people work on in a spreadsheet program; None for others."""
    found = format_of(out)
    if found.compression or found.kind not in ("delimited", "excel") or not out.is_file():
        return None
    try:
        return _opened(out)
    except (InputError, OSError):  # of another kind, and replaced as any file is
        return None


def _opened(out: Path) -> tables.TableReader:
    """Open a file that `score` wrote, in whatever encoding and with whatever delimiters it is now.

    Excel in Japanese saves a CSV in CP932, in German with semicolons.
    """
    return tables.open_table(out, tables.ReadOptions(expected=(FLAG,)))
