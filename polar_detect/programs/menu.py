"""A menu: programs found on training texts, of which a new text is served what promises most.

A search of its own costs a text 550 layer calls and more; a menu costs it about a fifth.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from polar_detect.arrays import Float32Array
from polar_detect.executor.batches import Batch, batches
from polar_detect.executor.decoder import Executor
from polar_detect.executor.schedule import Job
from polar_detect.numerics.lanes import n_lanes, overlap
from polar_detect.program import Program
from polar_detect.programs.minimal import (
    MinimalProgram,
    counted,
    find_minimal_programs,
    search_batch,
)
from polar_detect.progress import Advance, untold
from polar_detect.search import (
    MOST_HARM,
    Belief,
    Found,
    FullLoss,
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
# Of roundings of usual size; those of short programs are measured again whatever they look like
# (`_SURE_SHARE`).
_CLEARANCE = 0.03
# One in a hundred valid programs is turned away by the common words, if so many are known; and so
# many of all are worth the twelfth of a read-out that these words cost. With doubts of 0 to .1 nats
# menus cost the same on three kinds of texts, and of a hundred texts 11, 8, 2 and 0 lose a program.
_KEPT_SHARE = 0.99
_LEAST_VALID = 20
_LEAST_TURNED_AWAY = 0.2
_LEAST_DOUBT = 0.05


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
    doubt : float, optional
        A program that raises a text's loss over the common words by so much more than the
        tolerance, nats per token, is taken for invalid and not measured any further, as one in a
        hundred of the valid programs of the texts that were searched would be. Without, all are.
    """

    programs: tuple[Program, ...]
    harms: Float32Array | None = None
    doubt: float | None = None
    _beliefs: dict[float, Belief] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def fit(
        cls,
        executor: Executor,
        rows: Sequence[Sequence[int]],
        *,
        tolerance: float,
        prefixes: Sequence[Sequence[int]] | None = None,
        advance: Advance = untold,
    ) -> "Menu":
        """Search `rows` (tokenised training texts) and keep the programs that save them most.

        Of a long text the beginning is searched and measured, behind the whole of its prefix.
        `advance` is told when a text has been searched, and when it has been measured, half a text
        each time.
        """

        def first(n_tokens: int) -> Iterator[Batch]:
            own = [row[:n_tokens] for row in rows]
            return batches(own, executor.backbone, prefixes=prefixes, n_at_once=n_lanes())

        def is_half_done(n_texts: float) -> None:
            advance(n_texts / 2)

        full = Program.full(executor.n_layers)
        met = _met_programs(executor, first(_SEARCHED_TOKENS), tolerance, is_half_done)
        programs = sorted({full, *met}, key=lambda p: (-len(p), p.layers))
        parts = []
        for batch in first(_MEASURED_TOKENS):
            parts.append(_harms(executor, batch, programs))
            is_half_done(len(batch))
        measured = np.nan_to_num(np.concatenate(parts, 1), nan=MOST_HARM).clip(max=MOST_HARM)
        harms, common = measured
        saved = np.asarray([len(full) - len(program) for program in programs])
        served = ((harms <= tolerance) * saved).sum(0)
        served[programs.index(full)] = len(full) * len(rows) + 1  # which has to stay
        kept = np.sort(np.argsort(-served, kind="stable")[:_MAX_PROGRAMS])
        others = kept[kept != programs.index(full)]
        doubt = _doubt(harms[:, others], common[:, others], tolerance) if executor.screens else None
        return cls(tuple(programs[i] for i in kept), harms[:, kept], doubt)

    def minimal_programs(  # noqa: PLR0913 - texts, what is known of them, and who is told
        self,
        executor: Executor,
        rows: Sequence[Sequence[int]],
        *,
        tolerance: float,
        refinement: Refinement | None = None,
        full: Sequence[FullLoss] | None = None,
        wants_curves: bool = False,
        advance: Advance = untold,
    ) -> list[MinimalProgram]:
        """Return the shortest program that was found valid for each text.

        Verified in float32, but for programs of dense models that are valid with room to spare and
        make more than two thirds of the layer calls of the full one.

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
        advance : callable, optional
            Told of each text whose search has ended.
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
            search=[counted(partial(method, full=own), advance) for own in known],
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
            doubt=None if wants_curves else self.doubt,
        )


def _met_programs(
    executor: Executor, texts: Iterable[Batch], tolerance: float, advance: Advance
) -> list[Program]:
    """Return the best program of each length that each text's search met, shortest first."""
    search = partial(counted(thorough, advance), tolerance=tolerance)

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


def _harms(executor: Executor, batch: Batch, programs: Sequence[Program]) -> Float32Array:
    """Return by how much programs raise each text's loss, and that over the common words.

    Returns
    -------
    (2, n_texts, n_programs) float32, nats per token
        The same twice for a model whose words are all common.
    """
    jobs = [
        Job(text, program)
        for text in range(len(batch))
        for program in (Program.full(executor.n_layers), *programs)
    ]
    if executor.screens:
        found = executor.screened(batch, jobs, np.full(len(jobs), np.inf, np.float32))
        losses = np.stack([found.losses, found.common])
    else:
        losses = np.stack([executor.losses(batch, jobs)] * 2)
    losses = losses.reshape(2, len(batch), -1)
    return losses[..., 1:] - losses[..., :1]


def _doubt(harms: Float32Array, common: Float32Array, tolerance: float) -> float | None:
    """Return what harm over the common words is clearly beyond the tolerance, nats per token.

    None where that is not known, or would turn hardly any away.

    Parameters
    ----------
    harms, common : (n_texts, n_programs) float32, nats per token
    tolerance : float
    """
    is_valid = harms <= tolerance
    if is_valid.sum() < _LEAST_VALID:
        return None
    most = np.quantile(common[is_valid], _KEPT_SHARE)
    is_worth_it = np.mean(common > most) > _LEAST_TURNED_AWAY
    return max(float(most) - tolerance, _LEAST_DOUBT) if is_worth_it else None
