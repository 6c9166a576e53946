"""What is kept of each scored text, and the columns that are made of it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING

import pyarrow as pa

from polar_detect.assessment import Result
from polar_detect.messages.tongues import Tongue
from polar_detect.program import ProgramsOf
from polar_detect.progress import ASSESS_CHUNK

if TYPE_CHECKING:  # torch takes seconds to import, and whoever brings a detector has it
    from polar_detect.detector import PolarDetector

_DECIMALS = 6
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
        "passage": pa.string(),
        "known_anomaly": pa.string(),
        "repeat_of": pa.string(),
        "unusual_digits": pa.string(),
        "likely_mistake": pa.string(),
    }
)


# Distinct texts, and a function that hears of texts as they are done → a result each.
Engine = Callable[[list[str], Callable[[int], None]], Sequence[Result]]
# Numbered chunks of texts → results of each, in any order.
Fleet = Callable[[Iterator[tuple[int, list[str]]]], Iterator[tuple[int, list[Result]]]]


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
        is_slow = self._detector.fitted_.head.reads_texts
        n_together = ASSESS_CHUNK if is_slow else max(len(texts), 1)
        for start in range(0, len(texts), n_together):
            piece = list(texts[start : start + n_together])
            assessment = self._detector.assess(
                piece, programs_of=self._programs_of, neighbours=False
            )
            results += assessment.results(self._tongue)
            advance(len(piece))
        return results


def added_columns(
    results: Sequence[Result], largest_p: float, names: Iterable[str]
) -> dict[str, list[object]]:
    """Return the columns that `score` adds; p-values of at most `largest_p` are flagged."""
    columns: dict[str, list[object]] = {
        name: [getattr(r, name, None) for r in results] for name in names
    }
    is_anomaly = [r.p_value is not None and r.p_value <= largest_p for r in results]
    columns["is_anomaly"] = [*is_anomaly]
    if "known_anomaly" in columns:  # only of flagged rows: others are like one by chance
        pairs = zip(results, is_anomaly, strict=True)
        columns["known_anomaly"] = [r.known_anomaly if flagged else "" for r, flagged in pairs]
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
