"""A menu: programs found on training texts, measured together on every new text.

A search of its own costs a text 550 layer calls and more; a menu shares its prefixes and costs
about 130, and its programs mean the same for every text of a batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from polar_detect.executor import Batch, Executor, batches
from polar_detect.minimal import MinimalProgram, find_minimal_programs, search_batch
from polar_detect.program import Program
from polar_detect.schedule import Job
from polar_detect.search import Refinement, Search, menu_search, thorough

_MAX_CANDIDATES = 64
# What a search of the first tokens finds serves whole texts as well, for a fraction of the time:
# 28.2 layers in place of 28.3 (`experiments/bench_search.py --n 30 --join 16 --methods menu`).
_SEARCHED_TOKENS = 64
# Of 1,500 short queries' programs, 3 that are taken with this clearance are invalid in float32
# (SmolLM2-135M, `experiments/bench_search.py`). To measure all again would double the menu's time.
_CLEARANCE = 0.03


@dataclass(frozen=True)
class Menu:
    """Programs to try on a text, the full program among them.

    Parameters
    ----------
    programs : tuple of Program
        Longest first.
    """

    programs: tuple[Program, ...]

    @classmethod
    def fit(
        cls,
        executor: Executor,
        rows: Sequence[Sequence[int]],
        *,
        tolerance: float,
        n_programs: int = 8,
    ) -> "Menu":
        """Search `rows` (tokenised training texts) and keep the programs that serve them best.

        Of a long text the beginning is searched; what is kept is measured on the whole. Programs
        are chosen greedily: each time the one that shortens the shortest valid program of the
        training texts most, on average.
        """
        full = Program.full(executor.backbone.n_layers)
        met = _met_programs(executor, [row[:_SEARCHED_TOKENS] for row in rows], tolerance)
        candidates = [full, *(program for program in met if program != full)]
        lengths = np.asarray([len(program) for program in candidates])
        losses = np.concatenate(
            [_losses(executor, batch, candidates) for batch in batches(rows, executor.backbone)]
        )
        costs = np.where(losses <= losses[:, :1] + tolerance, lengths, len(full))
        chosen: list[int] = [0]
        shortest = np.full(len(losses), len(full))
        while len(chosen) < min(n_programs, len(candidates)):
            means = np.minimum(shortest[:, None], costs).mean(0)
            best = int(means.argmin())
            if best in chosen:
                break
            chosen.append(best)
            shortest = np.minimum(shortest, costs[:, best])
        programs = sorted((candidates[i] for i in chosen), key=lambda p: (-len(p), p.layers))
        return cls(tuple(programs))

    def minimal_programs(
        self,
        executor: Executor,
        rows: Sequence[Sequence[int]],
        *,
        tolerance: float,
        refinement: Refinement | None = None,
        full_losses: Sequence[float] | None = None,
    ) -> list[MinimalProgram]:
        """Return the shortest program of the menu that is valid for each text.

        Verified in float32, but for programs of dense models that are valid with room to spare.

        Parameters
        ----------
        executor, rows, tolerance
            As in `find_minimal_programs`.
        refinement : Refinement, optional
            How the program is shortened further, text by text. Default: not at all.
        full_losses : (n_texts,), optional
            Of the full program, where they are known from reading the texts; then it is not run
            again.
        """
        known = [None] * len(rows) if full_losses is None else full_losses
        searches = [
            partial(menu_search, programs=self.programs, refinement=refinement, full_loss=loss)
            for loss in known
        ]
        clearance = float("inf") if executor.backbone.has_mixtures else _CLEARANCE
        return find_minimal_programs(
            executor, rows, tolerance=tolerance, search=searches, clearance=clearance
        )


def _met_programs(
    executor: Executor, rows: Sequence[Sequence[int]], tolerance: float
) -> list[Program]:
    """Return the best program of each length that each text's search met, shortest first."""

    def search(n_layers: int) -> Search:
        return thorough(n_layers, tolerance=tolerance)

    met: dict[Program, None] = {}
    for batch in batches(rows, executor.backbone):
        for found in search_batch(executor, batch, [search] * len(batch)).values():
            best: dict[int, Program] = {}
            for candidate in found.valid:
                best.setdefault(len(candidate.program), candidate.program)
            met.update(dict.fromkeys(best.values()))
    by_length = sorted(met, key=lambda p: (len(p), p.layers))
    step = max(1, -(-len(by_length) // _MAX_CANDIDATES))
    return by_length[::step]


def _losses(executor: Executor, batch: Batch, programs: Sequence[Program]) -> np.ndarray:
    jobs = [Job(text, program) for text in range(len(batch)) for program in programs]
    return executor.losses(batch, jobs).reshape(len(batch), len(programs))
