"""A comparison as a table: for the terminal, and as CSV, JSON or Markdown."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from polar_detect.compare.advice import advise, advise_on_predictions
from polar_detect.compare.detection import DECIDES, Comparison, Figure, MethodResult
from polar_detect.compare.regression import Prediction, Predictions
from polar_detect.errors import OutputError
from polar_detect.metrics import Difference

ENDINGS = (".csv", ".json", ".md")
_BRIEF = {
    "average precision": "AP",
    "FPR at 95 % recall": "FPR95",
    "recall at 1 % false alarms": "R@1%",
    "recall at 5 % false alarms": "R@5%",
}
_LEFT_OUT = {"FPR95", "R@1%", "− best baseline"}  # where lines are narrow
_FULL_WIDTH, _BRIEF_WIDTH = 180, 112  # below, cells would be folded over several lines
Record = dict[str, str | float | bool | None]


def check_ending(path: Path) -> None:
    """Raise `OutputError` for a name that none of the formats has."""
    if path.suffix.lower() not in ENDINGS:
        raise OutputError(
            f"Got --out '{path}'; expected a name that ends in {', '.join(ENDINGS)}; rename it."
        )
    if not path.parent.is_dir():
        raise OutputError(
            f"Got --out '{path}' in a folder that does not exist; expected an existing folder; "
            "create it first."
        )


def render(found: Comparison | Predictions, ending: str) -> str:
    """Return the table as the content of a file with that ending, one of `ENDINGS`."""
    if ending == ".json":
        return json.dumps(as_json(found), ensure_ascii=False, indent=1) + "\n"
    if ending == ".csv":
        return _as_csv(records(found))
    return as_markdown(found)


def as_json(found: Comparison | Predictions) -> dict[str, object]:
    """Return everything that was found, and the advice, as plain values."""
    return asdict(found) | {"advice": advice(found)}


def as_markdown(found: Comparison | Predictions) -> str:
    """Return table, conditions and advice as Markdown."""
    header, rows = cells(found)
    align = ["---"] + ["---:"] * (len(header) - 1)
    lines = ["| " + " | ".join(line) + " |" for line in (header, align, *rows)]
    notes = "\n".join(f"- {line}" for line in conditions(found))
    return "\n".join([*lines, "", notes, "", *(f"{line}\n" for line in advice(found))])


def advice(found: Comparison | Predictions) -> list[str]:
    """Return the sentences that say what to do."""
    return advise(found) if isinstance(found, Comparison) else advise_on_predictions(found)


def conditions(found: Comparison | Predictions) -> list[str]:
    """Return what the figures were measured on, a sentence each."""
    intervals = "In brackets: bootstrap 95 % intervals over test rows"
    reads = [f"Text: {found.text_source}."]
    if found.columns:
        reads.append(f"Numbers and categories: {', '.join(found.columns)}.")
    if isinstance(found, Predictions):
        how = "hold-out" if found.n_folds == 1 else f"{found.n_folds}-fold cross-validation"
        return [f"{found.n_rows} rows, {how}.", *reads, *found.notes, f"{intervals}."]
    train, test = found.n_train, found.n_test
    learns = (
        "Methods with labels 'yes' learned from the labelled anomalous training rows; all others "
        "saw normal rows only."
        if any(result.is_supervised for result in found.results)
        else "No method saw an anomalous row. LightGBM and random forest learned to tell normal "
        "rows from rows whose cells are drawn column by column."
    )
    return [
        f"Fitted on {train[0]} normal and {train[1]} anomalous rows, tested on {test[0]} and "
        f"{test[1]}.",
        *reads,
        learns,
        *found.notes,
        f"{intervals}. The best of {len(found.results)} methods on the same rows is flattered "
        "by that choice.",
    ]


def cells(
    found: Comparison | Predictions, *, width: int | None = None
) -> tuple[list[str], list[list[str]]]:
    """Return header and rows for people.

    Parameters
    ----------
    found : Comparison or Predictions
    width : int, optional
        Characters on a line. Where the whole table does not fit, only AUROC has an interval;
        where that does not either, figures are left out.
    """
    if isinstance(found, Predictions):
        return _prediction_cells(found)
    if width is not None and width < _FULL_WIDTH:
        return _brief_cells(found, is_narrow=width < _BRIEF_WIDTH)
    names = list(found.results[0].figures)
    header = [
        "method", "labels", *names, "AUROC − best baseline", "fit, s", "1,000 rows, s"
    ]  # fmt: skip
    rows = [
        [
            result.title,
            "yes" if result.is_supervised else "no",
            *(_interval(result.figures[name]) for name in names),
            _gap(result.to_best_baseline),
            f"{result.fit_s:.3g}",
            f"{result.s_per_1000:.3g}",
        ]
        for result in found.results
    ]
    return header, rows


def _brief_cells(found: Comparison, *, is_narrow: bool) -> tuple[list[str], list[list[str]]]:
    lines = [_brief_line(result, is_narrow=is_narrow) for result in found.results]
    return [*lines[0]], [[*line.values()] for line in lines]


def _brief_line(result: MethodResult, *, is_narrow: bool) -> dict[str, str]:
    gap = result.to_best_baseline
    line = {
        "method": result.title,
        "labels": "yes" if result.is_supervised else "no",
        DECIDES: _interval(result.figures[DECIDES], 2 if is_narrow else 3),
        **{short: f"{result.figures[name].value:.2f}" for name, short in _BRIEF.items()},
        "− best baseline": "–" if gap.low == gap.high == 0 else f"{gap.difference:+.3f}",
        "s/1,000": f"{result.s_per_1000:.3g}",
    }
    return {k: cell for k, cell in line.items() if not (is_narrow and k in _LEFT_OUT)}


def records(found: Comparison | Predictions) -> list[Record]:
    """Return one flat record per line of the table, numbers unrounded."""
    if isinstance(found, Predictions):
        return [_prediction_record(result) for result in found.results]
    return [_method_record(result) for result in found.results]


def _method_record(result: MethodResult) -> Record:
    record: Record = {
        "method": result.name,
        "reads": result.view,
        "learned_from_labels": result.is_supervised,
    }
    for name, figure in result.figures.items():
        record |= {name: figure.value, f"{name}, low": figure.low, f"{name}, high": figure.high}
    gap = result.to_best_baseline
    return record | {
        "AUROC minus best baseline": gap.difference,
        "AUROC minus best baseline, low": gap.low,
        "AUROC minus best baseline, high": gap.high,
        "fit_s": result.fit_s,
        "s_per_1000_rows": result.s_per_1000,
    }


def _prediction_record(result: Prediction) -> Record:
    record: Record = {"model": result.model, "reads": result.features}
    for name, figure in (("R2", result.r2), ("RMSE", result.rmse)):
        record |= {name: figure.value, f"{name}, low": figure.low, f"{name}, high": figure.high}
    gain = result.gain
    return record | {
        "R2 gained by the signature": None if gain is None else gain.difference,
        "R2 gained by the signature, low": None if gain is None else gain.low,
        "R2 gained by the signature, high": None if gain is None else gain.high,
        "fit_s": result.fit_s,
    }


def _prediction_cells(found: Predictions) -> tuple[list[str], list[list[str]]]:
    header = ["model", "R²", "RMSE", "R² gained by the signature", "fit, s"]
    rows = [
        [
            result.title,
            _interval(result.r2),
            _interval(result.rmse, 2),
            "" if result.gain is None else _gap(result.gain),
            f"{result.fit_s:.3g}",
        ]
        for result in found.results
    ]
    return header, rows


def _interval(figure: Figure, digits: int = 3) -> str:
    return f"{figure.value:.{digits}f} ({figure.low:.{digits}f}–{figure.high:.{digits}f})"


def _gap(gap: Difference) -> str:
    if gap.difference == gap.low == gap.high == 0:
        return "–"
    return f"{gap.difference:+.3f} ({gap.low:+.3f} to {gap.high:+.3f})"


def _as_csv(rows: Sequence[Record]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
