"""What commands read: tables, a saved detector, and the assessment of one by the other."""

from dataclasses import dataclass, replace
from pathlib import Path

from polar_detect import calibration, tables
from polar_detect.artifact.reading import stored_rows, stored_text_column
from polar_detect.artifact.sealing import check_not_replaced, manifest_sha256
from polar_detect.cli.commands.output import err
from polar_detect.detector import PolarDetector
from polar_detect.errors import InputError
from polar_detect.report.language import Language
from polar_detect.visible import visible


@dataclass(frozen=True)
class InputOptions:
    """Options of every command that reads a table.

    Parameters
    ----------
    text_column, label_column : str or None
    columns : str or None
        Columns to write out as rows, with commas between them.
    all_columns : bool
    sheet, encoding : str or None
    """

    text_column: str | None = None
    label_column: str | None = None
    columns: str | None = None
    all_columns: bool = False
    sheet: str | None = None
    encoding: str | None = None

    @property
    def reading(self) -> tables.ReadOptions:
        """How to read the file."""
        return tables.ReadOptions(encoding=self.encoding, sheet=self.sheet)

    @property
    def rows(self) -> tables.RowColumns | None:
        """Which columns to write out as rows."""
        asks_rows = self.all_columns or self.columns is not None
        return tables.RowColumns(self.columns) if asks_rows else None


def read_training(path: Path, options: InputOptions, sample: tables.RowSample) -> tables.Table:
    """Read a table to fit a detector on, or a sample of it."""
    return tables.read_table(
        path,
        text_column=options.text_column,
        label_column=options.label_column,
        rows=options.rows,
        options=replace(options.reading, sample=sample, may_take_rows=True),
    )


def read_and_load(
    path: Path, detector_folder: Path, options: InputOptions, alpha: float | None
) -> tuple[tables.Table, PolarDetector]:
    """Read a table, and the detector that shall assess it; `alpha` replaces the detector's."""
    sha256 = manifest_sha256(detector_folder)
    template = stored_template(detector_folder, options)
    table = tables.read_table(
        path,
        text_column=options.text_column,
        label_column=options.label_column,
        default_column=stored_text_column(detector_folder),
        rows=template,
        options=options.reading,
    )
    detector = PolarDetector.load(detector_folder)
    check_not_replaced(detector_folder, sha256)
    if alpha is not None:
        calibration.check_alpha(alpha, len(detector.fitted_.calibration_scores))
        detector.alpha = alpha
    return table, detector


def stored_template(detector_folder: Path, options: InputOptions) -> tables.RowTemplate | None:
    """Return how the training texts were written out of rows, if so, and these have to be."""
    rows = stored_rows(detector_folder)
    template = None if rows is None else tables.RowTemplate.from_json(rows)
    if template is not None and options.text_column is not None:
        raise InputError(
            f"Got --text-column {options.text_column!r} for a detector that was fitted on whole "
            "rows; expected none; leave it out."
        )
    return template


def tell_about(table: tables.Table, rejected: Path, language: Language | None = None) -> None:
    """Say what was guessed of an input, and put its rows that could not be read into a file."""
    own = language or Language()
    for notice in table.notices:
        say_notice(f"{table.source}: {own.notice(notice)}")
    layout = tables.Layout(has_mark=table.needs_mark)
    tables.write_rejected(table.rejected, rejected, layout)
    if table.rejected:
        say_rejected(table.source, len(table.rejected), len(table.texts), rejected, own)


def say_rejected(source: str, n: int, n_read: int, path: Path, language: Language) -> None:
    """Say how many rows of a source could not be read, beside those that were, and where."""
    said = language.say("terminal.rejected", n=n, n_all=n + n_read, path=path)
    say_notice(f"{source}: {said}")


def say_notice(notice: str) -> None:
    """Print a line on stderr; it may quote what a file holds."""
    err.print(visible(notice), highlight=False, markup=False, soft_wrap=True)
