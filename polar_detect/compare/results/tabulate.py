"""A comparison as a table: for the terminal, and as CSV, JSON or Markdown."""

import csv
import io
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, fields
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from polar_detect.compare.results.advice import advise, advise_on_predictions, seconds, signed
from polar_detect.compare.results.comparison import (
    AUROC,
    MEASURES,
    Comparison,
    Figure,
    MethodResult,
)
from polar_detect.compare.results.predictions import Prediction, Predictions
from polar_detect.errors import OutputError, listing
from polar_detect.messages.language import ENGLISH, Language
from polar_detect.metrics import Difference
from polar_detect.shell import without_dashes

ENDINGS = (".csv", ".json", ".md")
_FULL_WIDTH, _BRIEF_WIDTH = 180, 112  # below, cells would be folded over several lines
_MAX_LISTED_COLUMNS = 20
_INTERVALS = "In brackets: bootstrap 95 % intervals over test rows."
_ITSELF = "–"  # where a method would be held against itself
_NO_GAP = Difference(0.0, 0.0, 0.0)  # the same, for programs
Record = dict[str, str | float | bool | None]


@dataclass(frozen=True)
class Cells:
    """A table for people; `are_ours` says which rows are polar-detect's."""

    header: list[str]
    rows: list[list[str]]
    are_ours: list[bool]

    def said_in(self, language: Language) -> "Cells":
        """Return the same in a language."""
        rows = [[*map(language.cell, row)] for row in self.rows]
        return Cells([*map(language.heading, self.header)], rows, self.are_ours)


class Table(ABC):
    """What was found, in every form that it is shown or written in."""

    @abstractmethod
    def cells(self, *, width: int | None = None) -> Cells:
        """Return header and rows for people.

        Parameters
        ----------
        width : int, optional
            Characters on a line.
        """

    @abstractmethod
    def conditions(self) -> list[str]:
        """Return what the figures were measured on, a sentence each."""

    @abstractmethod
    def advice(self) -> list[str]:
        """Return the sentences that say what to do."""

    @abstractmethod
    def records(self) -> list[Record]:
        """Return one flat record per line of the table, numbers unrounded."""

    @abstractmethod
    def as_json(self) -> dict[str, object]:
        """Return everything that was found, and the advice, as plain values."""

    def render(self, ending: str, language: Language = ENGLISH) -> str:
        """Return the table as the content of a file with that ending, one of `ENDINGS`.

        What programs read, CSV and JSON, is English in any language.
        """
        if ending == ".json":
            return json.dumps(self.as_json(), ensure_ascii=False, indent=1) + "\n"
        if ending == ".csv":
            return _as_csv(self.records())
        return self._as_markdown(language)

    def _as_markdown(self, language: Language) -> str:
        """Return table, conditions and advice as Markdown."""
        cells = self.cells().said_in(language)
        align = ["---"] + ["---:"] * (len(cells.header) - 1)
        lines = ["| " + " | ".join(line) + " |" for line in (cells.header, align, *cells.rows)]
        notes = "\n".join(f"- {language.compared(line)}" for line in self.conditions())
        advice = (f"{language.compared(line)}\n" for line in self.advice())
        return "\n".join([*lines, "", notes, "", *advice])


@dataclass(frozen=True, repr=False)
class MethodTable(Table):
    """Methods that tell anomalous rows from normal ones."""

    found: Comparison

    def cells(self, *, width: int | None = None) -> Cells:
        """See `Table.cells`.

        Where the whole table does not fit, only AUROC has an interval; where that does not
        either, figures are left out.
        """
        results = self.found.results
        if width is None or width >= _FULL_WIDTH:
            lines = [_full_line(result) for result in results]
        else:
            lines = [_brief_line(result, is_narrow=width < _BRIEF_WIDTH) for result in results]
        ours = [result.method.is_ours for result in results]
        return Cells([*lines[0]], [[*line.values()] for line in lines], ours)

    def to_frame(self) -> pd.DataFrame:
        """Return a row a method, best AUROC first, numbers unrounded."""
        return pd.DataFrame(self.records())

    def __repr__(self) -> str:
        """Return the table, what it was measured on and the advice, as a terminal shows them."""
        cells = self.cells(width=_BRIEF_WIDTH)
        columns = [*zip(cells.header, *cells.rows, strict=True)]
        widths = [max(map(len, column)) for column in columns]
        lines = [
            "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])])
            for line in (cells.header, *cells.rows)
        ]
        return "\n".join([*lines, "", *self.conditions(), "", *self.advice()])

    def _repr_html_(self) -> str:
        """Return the same for a notebook."""
        cells = self.cells(width=_BRIEF_WIDTH)
        table = pd.DataFrame(cells.rows, columns=cells.header).to_html(index=False, border=0)
        paragraphs = [f"<p>{escape(line)}</p>" for line in self.advice()]
        notes = "".join(f"<li>{escape(line)}</li>" for line in self.conditions())
        return "\n".join([table, *paragraphs, f"<ul>{notes}</ul>"])

    def conditions(self) -> list[str]:
        """See `Table.conditions`."""
        return self._said(self._conditions())

    def _said(self, sentences: list[str]) -> list[str]:
        """Return sentences with options of the command line as who has none knows them."""
        if self.found.is_of_files:
            return sentences
        return [without_dashes(line) for line in sentences]

    def _conditions(self) -> list[str]:
        found = self.found
        train, test = found.n_train, found.n_test
        learns = (
            "Methods with labels 'yes' learned from the labelled anomalous training rows; all "
            "others saw normal rows only."
            if any(result.method.is_supervised for result in found.results)
            else "No method saw an anomalous row. LightGBM and random forest learned to tell "
            "normal rows from rows whose cells are drawn column by column."
        )
        return [
            f"Fitted on {train[0]} normal and {train[1]} anomalous rows, tested on {test[0]} and "
            f"{test[1]}.",
            *_say_what_is_read(found.text_source, found.columns),
            learns,
            *found.notes,
            f"{_INTERVALS} The best of {len(found.results)} methods on the same rows is "
            "flattered by that choice.",
        ]

    def advice(self) -> list[str]:
        """See `Table.advice`."""
        return self._said(advise(self.found))

    def records(self) -> list[Record]:
        """See `Table.records`."""
        return [_method_record(result) for result in self.found.results]

    def as_json(self) -> dict[str, object]:
        """See `Table.as_json`."""
        results = [_method_json(result) for result in self.found.results]
        return _shallow(self.found) | {"results": results, "advice": self.advice()}


@dataclass(frozen=True)
class PredictionTable(Table):
    """Models that predict a number."""

    found: Predictions

    def cells(self, *, width: int | None = None) -> Cells:  # noqa: ARG002 - fits any
        """See `Table.cells`."""
        header = ["model", "R²", "RMSE", "R² gained by the signature", "fit, s"]
        rows = [
            [
                result.title,
                _interval(result.r2),
                _interval(result.rmse, 2),
                "" if result.gain is None else _gap(result.gain),
                seconds(result.fit_s),
            ]
            for result in self.found.results
        ]
        return Cells(header, rows, [False] * len(rows))

    def conditions(self) -> list[str]:
        """See `Table.conditions`."""
        found = self.found
        how = "hold-out" if found.n_folds == 1 else f"{found.n_folds}-fold cross-validation"
        reads = _say_what_is_read(found.text_source, found.columns)
        return [f"{found.n_rows} rows, {how}.", *reads, *found.notes, _INTERVALS]

    def advice(self) -> list[str]:
        """See `Table.advice`."""
        return advise_on_predictions(self.found)

    def records(self) -> list[Record]:
        """See `Table.records`."""
        return [_prediction_record(result) for result in self.found.results]

    def as_json(self) -> dict[str, object]:
        """See `Table.as_json`."""
        results = [_prediction_json(result) for result in self.found.results]
        drivers = [asdict(driver) for driver in self.found.drivers]
        own = {"results": results, "drivers": drivers, "advice": self.advice()}
        return _shallow(self.found) | own


def check_ending(path: Path) -> None:
    """Raise `OutputError` for a name that none of the formats has."""
    if path.suffix.lower() not in ENDINGS:
        raise OutputError(
            f"Got --out '{path}'; expected a name that ends in {', '.join(ENDINGS)}; rename it."
        )
    if not path.parent.is_dir():
        raise OutputError(
            f"Got '{path}' in a folder that does not exist; expected an existing folder; "
            "create it first."
        )


def _say_what_is_read(text_source: str, columns: Sequence[str]) -> list[str]:
    sentences = [f"Text: {text_source}."]
    if columns:
        sentences.append(f"Numbers and categories: {listing(columns, _MAX_LISTED_COLUMNS)}.")
    return sentences


def _full_line(result: MethodResult) -> dict[str, str]:
    return {
        "method": result.method.title,
        "labels": "yes" if result.method.is_supervised else "no",
        **{measure.title: _interval(result.figures[measure]) for measure in MEASURES},
        "AUROC − best baseline": _gap(result.to_best_baseline),
        "fit, s": seconds(result.fit_s),
        "1,000 rows, s": seconds(result.s_per_1000),
    }


def _brief_line(result: MethodResult, *, is_narrow: bool) -> dict[str, str]:
    shown = [m for m in MEASURES if m != AUROC and not (is_narrow and m.is_left_out)]
    gap = result.to_best_baseline
    written = _ITSELF if gap is None else f"{gap.difference:+z.3f}"
    return {
        "method": result.method.title,
        "labels": "yes" if result.method.is_supervised else "no",
        AUROC.brief: _interval(result.figures[AUROC], 2 if is_narrow else 3),
        **{measure.brief: f"{result.figures[measure].value:.2f}" for measure in shown},
        **({} if is_narrow else {"− best baseline": written}),
        "s/1,000": seconds(result.s_per_1000),
    }


def _method_record(result: MethodResult) -> Record:
    record: Record = {
        "method": result.method.name,
        "reads": result.method.view,
        "learned_from_labels": result.method.is_supervised,
    }
    for measure, figure in result.figures.items():
        record |= _flat(measure.title, figure)
    record |= _flat("AUROC minus best baseline", result.to_best_baseline or _NO_GAP)
    return record | {"fit_s": result.fit_s, "s_per_1000_rows": result.s_per_1000}


def _prediction_record(result: Prediction) -> Record:
    record: Record = {"model": result.model, "reads": result.features}
    record |= _flat("R2", result.r2) | _flat("RMSE", result.rmse)
    record |= _flat("R2 gained by the signature", result.gain)
    return record | {"fit_s": result.fit_s}


def _flat(name: str, own: Figure | Difference | None) -> Record:
    """Return a figure or a difference with its interval under three names."""
    parts = (None, None, None) if own is None else astuple(own)
    return dict(zip((name, f"{name}, low", f"{name}, high"), parts, strict=True))


def _method_json(result: MethodResult) -> dict[str, object]:
    method = result.method
    return {
        "name": method.name,
        "view": method.view,
        "is_supervised": method.is_supervised,
        "is_ours": method.is_ours,
        "fit_s": result.fit_s,
        "s_per_1000": result.s_per_1000,
        "figures": {measure.title: asdict(figure) for measure, figure in result.figures.items()},
        "to_best_baseline": asdict(result.to_best_baseline or _NO_GAP),
        "to_best": asdict(result.to_best or _NO_GAP),
        "drivers": [asdict(driver) for driver in result.drivers],
    }


def _prediction_json(result: Prediction) -> dict[str, object]:
    return {
        "model": result.model,
        "features": result.features,
        "r2": asdict(result.r2),
        "rmse": asdict(result.rmse),
        "gain": None if result.gain is None else asdict(result.gain),
        "to_best": asdict(result.to_best or _NO_GAP),
        "fit_s": result.fit_s,
    }


def _shallow(found: Any) -> dict[str, object]:
    """Return the fields of a dataclass as they are."""
    return {field.name: getattr(found, field.name) for field in fields(found)}


def _interval(figure: Figure, digits: int = 3) -> str:
    return f"{figure.value:.{digits}f} ({figure.low:.{digits}f}–{figure.high:.{digits}f})"


def _gap(gap: Difference | None) -> str:
    return _ITSELF if gap is None else signed(gap)


def _as_csv(rows: Sequence[Mapping[str, object]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
