"""A menu: programs found on training texts, of which a new text is served what promises most.

A search of its own costs a text 550 layer calls and more; a menu costs it about a fifth.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from polar_detect.arrays import Float32Array
from polar_detect.executor.batches import Batch, batches
from polar_detect.executor.decoder import Executor
from polar_detect.numerics.lanes import n_lanes, overlap
from polar_detect.program import Program
from polar_detect.programs.minimal import MinimalProgram, find_minimal_programs, search_batch
from polar_detect.search import (
    MOST_HARM,
    Asking,
    Belief,
    Found,
    FullLoss,
    Query,
    Refinement,
    Search,
    adaptive_menu,
    menu_search,
    thorough,
)

# Of 249 programs that searches of 24 queries found, the 125 that save those most serve others as
# all do: 21.4 layers with 166 calls, and 21.2 with 169; every second one by length 22.3 with 170.
_MAX_PROGRAMS = 128
_MAX_MET = 256
# What a search of the first tokens finds serves whole texts as well, for a fraction of the time,
# and so do the harms of a few more.
_SEARCHED_TOKENS, _MEASURED_TOKENS = 32, 64
# Of 1,500 short queries' programs, 4 that are taken with this clearance are invalid in float32
# (SmolLM2-135M, `experiments/bench_search.py`).
_CLEARANCE = 0.03


@dataclass(frozen=True, eq=False)
class Menu:
    """Programs to try on a text, the full program among them.

    Parameters
    ----------
    programs : tuple of Program
        Longest first.
    harms : (n_texts, n_programs) float32, optional
        By how much each raised the loss of texts that were searched, nats per token, above the
        full program's. By them the menu is served as promises most; without, as in artifacts of
        earlier versions, all at once.
    """

    programs: tuple[Program, ...]
    harms: Float32Array | None = None
    _beliefs: dict[float, Belief] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def fit(
        cls,
        executor: Executor,
        rows: Sequence[Sequence[int]],
        *,
        tolerance: float,
        prefixes: Sequence[Sequence[int]] | None = None,
    ) -> "Menu":
        """Search `rows` (tokenised training texts) and keep the programs that save them most.

        Of a long text the beginning is searched and measured, behind the whole of its prefix.
        """

        def first(n_tokens: int) -> Iterator[Batch]:
            own = [row[:n_tokens] for row in rows]
            return batches(own, executor.backbone, prefixes=prefixes, n_at_once=n_lanes())

        full = Program.full(executor.n_layers)
        met = _met_programs(executor, first(_SEARCHED_TOKENS), tolerance)
        programs = sorted({full, *met}, key=lambda p: (-len(p), p.layers))
        parts = [_harms(executor, own, programs, tolerance) for own in first(_MEASURED_TOKENS)]
        harms = np.concatenate(parts)
        harms = np.nan_to_num(harms, nan=MOST_HARM).clip(max=MOST_HARM)
        saved = np.asarray([len(full) - len(program) for program in programs])
        served = ((harms <= tolerance) * saved).sum(0)
        served[programs.index(full)] = len(full) * len(rows) + 1  # which has to stay
        kept = np.sort(np.argsort(-served, kind="stable")[:_MAX_PROGRAMS])
        return cls(tuple(programs[i] for i in kept), harms[:, kept])

    def minimal_programs(
        self,
        executor: Executor,
        rows: Sequence[Sequence[int]],
        *,
        tolerance: float,
        refinement: Refinement | None = None,
        full: Sequence[FullLoss] | None = None,
        wants_curves: bool = False,
    ) -> list[MinimalProgram]:
        """Return the shortest program that was found valid for each text.

        Verified in float32, but for programs of dense models that are valid with room to spare.

        Parameters
        ----------
        executor, rows, tolerance
            As in `find_minimal_programs`.
        refinement : Refinement, optional
            How the program is shortened further, text by text. Default: not at all.
        full : one FullLoss per text, optional
            Where they are known from reading the texts; then the full program is not run again.
        wants_curves : bool
            Also measure programs that are clearly invalid, for `MinimalProgram.curve`.
        """
        known = [None] * len(rows) if full is None else full
        n_layers = executor.n_layers
        method = self.method(
            n_layers, tolerance=tolerance, refinement=refinement, wants_curves=wants_curves
        )
        clearance = float("inf") if executor.backbone.has_mixtures else _CLEARANCE
        return find_minimal_programs(
            executor,
            rows,
            tolerance=tolerance,
            search=[partial(method, full=own) for own in known],
            clearance=clearance,
        )

    def method(
        self,
        n_layers: int,
        *,
        tolerance: float,
        refinement: Refinement | None = None,
        wants_curves: bool = False,
    ) -> Callable[..., Search]:
        """Return the search that serves the menu to a text, which takes its ``full`` loss too."""
        if self.harms is None:
            return partial(menu_search, programs=self.programs, refinement=refinement)
        if tolerance not in self._beliefs:  # 6 ms, a tenth of what a single text takes
            full = self.programs.index(Program.full(n_layers))
            programs = self.programs[:full] + self.programs[full + 1 :]
            harms = np.delete(self.harms, full, axis=1)
            self._beliefs[tolerance] = Belief.learned(programs, harms, tolerance=tolerance)
        return partial(
            adaptive_menu,
            belief=self._beliefs[tolerance],
            refinement=refinement,
            wants_curve=wants_curves,
        )


def _met_programs(executor: Executor, texts: Iterable[Batch], tolerance: float) -> list[Program]:
    """Return the best program of each length that each text's search met, shortest first."""
    search = partial(thorough, tolerance=tolerance)

    def search_all(batch: Batch) -> dict[int, Found]:
        return search_batch(executor, batch, [search] * len(batch))

    met: dict[Program, None] = {}
    for of_batch in overlap(search_all, texts):
        for found in of_batch.values():
            best: dict[int, Program] = {}
            for candidate in found.valid:
                best.setdefault(len(candidate.program), candidate.program)
            met.update(dict.fromkeys(best.values()))
    by_length = sorted(met, key=lambda p: (len(p), p.layers))
    step = max(1, -(-len(by_length) // _MAX_MET))
    return by_length[::step]


def _harms(
    executor: Executor, batch: Batch, programs: Sequence[Program], tolerance: float
) -> Float32Array:
    """Return by how much programs raise each text's loss, (n_texts, n_programs) nats per token.

    Over the common words alone where that is clearly more than the tolerance.
    """

    def measure(n_layers: int) -> Asking[Float32Array]:
        known = FullLoss.of((yield Query((Program.full(n_layers),), ceiling=math.inf)))
        ceiling = known.ceiling(known.loss + tolerance)
        return known.harms((yield Query(tuple(programs), ceiling=ceiling)))

    harms = search_batch(executor, batch, [measure] * len(batch))
    return np.stack([harms[row] for row in range(len(batch))])
