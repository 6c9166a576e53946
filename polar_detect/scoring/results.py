"""What is kept of each scored text, and the columns that are made of it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import pyarrow as pa

from polar_detect.program import Program, ProgramsOf
from polar_detect.progress import ASSESS_CHUNK
from polar_detect.report.language import Tongue

if TYPE_CHECKING:  # torch takes seconds to import, and whoever brings a detector has it
    from polar_detect.detector import Assessment, PolarDetector

ADDED_KINDS = {
    "score": "float",
    "p_value": "float",
    "is_anomaly": "bool",
    "reasons": "str",
    "program": "str",
    "program_length": "int",
    "n_skips": "int",
    "n_loops": "int",
    "top_layers": "str",
}
_ROW_KINDS = ADDED_KINDS | {"top_columns": "str"}
_DECIMALS = 6
_EMPTY_MARK = "empty text"
_STORED = pa.schema(
    {
        "score": pa.float64(),
        "p_value": pa.float64(),
        "program": pa.string(),
        "program_length": pa.int64(),
        "n_skips": pa.int64(),
        "n_loops": pa.int64(),
        "top_layers": pa.string(),
        "top_columns": pa.string(),
        "reasons": pa.string(),
    }
)


@dataclass(frozen=True, slots=True)
class Result:
    """What `score` says about a text, but for the flag, which may depend on the whole batch.

    What is no text is None for a text without tokens, and what tells of the program where none
    was searched.
    """

    score: float | None
    p_value: float | None
    program: str | None
    program_length: int | None
    n_skips: int | None
    n_loops: int | None
    top_layers: str
    top_columns: str = ""
    reasons: str = ""


class LocalEngine:
    """Scores distinct texts with a detector on this machine.

    Parameters
    ----------
    detector : PolarDetector
    programs_of : {"all", "flagged", "searched"}
        Which texts get their minimal program; see `PolarDetector.assess`.
    tongue : {"en", "ja"}
        Language of the reasons.
    """

    def __init__(
        self,
        detector: "PolarDetector",
        programs_of: ProgramsOf = "all",
        *,
        tongue: Tongue = "en",
    ) -> None:
        self._detector = detector
        self._programs_of = programs_of
        self._tongue = tongue

    def __call__(
        self, texts: Sequence[str], advance: Callable[[int], None] = lambda _: None
    ) -> list[Result]:
        """Return the result of each text; `advance` hears of texts as they are done."""
        results: list[Result] = []
        # As many at a time as `assess` reads itself, so that progress shows.
        for start in range(0, len(texts), ASSESS_CHUNK):
            piece = list(texts[start : start + ASSESS_CHUNK])
            assessment = self._detector.assess(piece, programs_of=self._programs_of)
            results += results_of(assessment, self._detector.n_layers, self._tongue)
            advance(len(piece))
        return results


def results_of(assessment: "Assessment", n_layers: int, tongue: Tongue = "en") -> list[Result]:
    """Return the result of each assessed text, with its reasons in a language."""
    reasons = assessment.reasons(tongue)
    top_layers = assessment.explanation.top_layers()
    top_columns = assessment.explanation.top_columns()
    results = []
    for i, score in enumerate(assessment.scores.tolist()):
        if math.isnan(score):
            results.append(Result(None, None, None, None, None, None, _EMPTY_MARK))
            continue
        minimal = assessment.programs[i]
        results.append(
            Result(
                score,
                float(assessment.p_values[i]),
                *_facts_of(None if minimal is None else minimal.program, n_layers),
                top_layers[i],
                top_columns[i],
                reasons[i],
            )
        )
    return results


def _facts_of(
    program: Program | None, n_layers: int
) -> tuple[str | None, int | None, int | None, int | None]:
    if program is None:
        return None, None, None, None
    return str(program), len(program), program.n_skips(n_layers), program.n_loops


def added_kinds(*, are_rows: bool) -> dict[str, str]:
    """Return the columns that `score` adds, with their kinds; `are_rows`: to whole rows."""
    return _ROW_KINDS if are_rows else ADDED_KINDS


def added_columns(
    results: Sequence[Result], largest_p: float, *, are_rows: bool = False
) -> dict[str, list[object]]:
    """Return the columns that `score` adds; p-values of at most `largest_p` are flagged."""
    columns: dict[str, list[object]] = {
        name: [getattr(r, name, None) for r in results] for name in added_kinds(are_rows=are_rows)
    }
    columns["is_anomaly"] = [r.p_value is not None and r.p_value <= largest_p for r in results]
    for name in ("score", "p_value"):
        columns[name] = [_rounded(getattr(r, name)) for r in results]
    return columns


def with_programs_up_to(largest_p: float, results: Sequence[Result]) -> list[Result]:
    """Return results without the programs of those whose p-value is above `largest_p`."""
    return [
        replace(r, program=None, program_length=None, n_skips=None, n_loops=None)
        if r.p_value is not None and r.p_value > largest_p
        else r
        for r in results
    ]


def to_arrow(results: Sequence[Result]) -> pa.Table:
    """Return results as a table that holds them exactly."""
    columns = {f.name: [getattr(r, f.name) for r in results] for f in fields(Result)}
    return pa.table(columns, schema=_STORED)


def from_arrow(table: pa.Table) -> list[Result]:
    """Return what `to_arrow` was given."""
    columns = (table.column(f.name).to_pylist() for f in fields(Result))
    return [Result(*row) for row in zip(*columns, strict=True)]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DECIMALS)
