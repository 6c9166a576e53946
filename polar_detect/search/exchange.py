"""Shortening a program by exchange: two calls out, one that makes up for them back in.

Where no call can be left out any more, two often can if a third one comes back. There are some
two thousand such exchanges, of which a handful is valid, so what was measured says what to try.
"""

import math
from collections.abc import Collection, Generator
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from polar_detect.arrays import Float32Array, Float64Array, IntArray
from polar_detect.program import Program
from polar_detect.search.protocol import Answer, Candidate, Log, Query, calls_of, check_counts
from polar_detect.search.refinement import EXTRA_CALLS

# Chosen by how often 400 layer calls find one of the valid exchanges of a text, of which all were
# measured: for 82 % of 45 texts, and for 67 to 80 % with half or double of any of the first five.
_PRIOR_HARM = 1.5  # in influences, brought to the scale of the measured harms
_PRIOR_SPREAD = 0.5  # the same, beside one median influence
_DEVIATION = 0.3  # in median influences for each call changed, as harms do not add up
_DEVIATION_OF_HARM = 0.15  # of a measured harm, as large ones add up less
_NEAR = 8  # changed calls up to which a program tells of the current one's neighbours
_LEAST_INFLUENCE = 0.01  # of the largest


@dataclass(frozen=True, slots=True)
class Exchange:
    """How long exchanges are tried.

    Parameters
    ----------
    n_programs : int
        How many are measured at once. Fewer find more with as many calls, and take longer.
    patience : int
        How often in a row they may fail before the search ends.
    last_calls : float
        Before it ends, all single removals that are left are measured, if that takes at most so
        many layer calls for each of the model's layers; so it does in short programs.
    """

    n_programs: int = 5
    patience: int = 2
    last_calls: float = 1.5

    def __post_init__(self) -> None:
        check_counts(self, n_programs=1, patience=0, last_calls=0)


def exchange(log: Log, how: Exchange, influences: Float32Array) -> Generator[Query, Answer, None]:
    """Shorten the most wanted program of `log`; what is measured goes there.

    Bayesian linear regression on all that was measured near the current program says what each
    layer's absence harms, and how certain that is. The programs that are most likely valid, for
    what they take to measure, are measured next.

    Parameters
    ----------
    log : Log
        Of programs that call layers in their order, each once at most.
    how : Exchange
    influences : (n_layers,) float32
        What the layers are thought to matter, on any scale.

    Source: Bishop, Pattern Recognition and Machine Learning (2006), section 3.3, for the
    regression.
    """
    failures = 0
    while True:
        current = log.most_wanted()
        if not math.isfinite(current.loss):  # then nothing tells what a move harms
            return
        if failures <= how.patience:
            programs = _most_promising(log, current, influences, how.n_programs)
        else:
            programs = _single_removals_left(log, current)
            if calls_of(programs) > how.last_calls * len(influences):
                return
        if not programs:
            return
        log.meet(programs, (yield Query(programs)).losses)
        is_shorter = len(log.most_wanted().program) < len(current.program)
        failures = 0 if is_shorter else failures + 1


def _single_removals_left(log: Log, current: Candidate) -> tuple[Program, ...]:
    """Return the programs without one call of the current one that were not met before."""
    removals = dict.fromkeys(current.program.skip(i) for i in range(len(current.program)))
    return tuple(program for program in removals if program not in log.losses)


def _most_promising(
    log: Log, current: Candidate, influences: Float32Array, n_programs: int
) -> tuple[Program, ...]:
    """Return programs one call shorter than the current one that were not met before."""
    kept = np.array(current.program.layers, np.int64)
    moves = _moves(kept, len(influences))
    harm, spread = _Harms.learned(log, current, influences).of(moves)
    calls = len(kept) - np.searchsorted(kept, (moves != 0).argmax(1)) + EXTRA_CALLS
    worth = ndtr((log.aim(current) - current.loss - harm) / spread) / calls
    programs: list[Program] = []
    for move in np.argsort(-worth, kind="stable"):
        moved = np.flatnonzero(moves[move]).tolist()
        program = Program(tuple(sorted(set(current.program) ^ set(moved))))
        if program not in log.losses:
            programs.append(program)
        if len(programs) == n_programs:
            break
    return tuple(programs)


def _moves(kept: IntArray, n_layers: int) -> Float64Array:
    """Return what each move leaves out (1) and brings back (-1), (n_moves, n_layers)."""
    layers = np.eye(n_layers)
    singles = layers[kept]
    first, second = np.triu_indices(len(kept), 1)
    pairs = singles[first] + singles[second]
    absent = np.delete(layers, kept, axis=0)
    return np.concatenate([singles, (pairs[:, None] - absent).reshape(-1, n_layers)])


def _skipped(programs: Collection[Program], n_layers: int) -> Float64Array:
    """Return 1 where a program skips a layer, (n_programs, n_layers)."""
    skipped = np.ones((len(programs), n_layers))
    for row, program in zip(skipped, programs, strict=True):
        row[list(program)] = 0
    return skipped


@dataclass(frozen=True, eq=False, slots=True)
class _Harms:
    """What the absence of each layer harms near one program: a normal distribution.

    Parameters
    ----------
    mean : (n_layers,)
    covariance : (n_layers, n_layers)
    deviation : float
        Standard deviation, for each call changed, of what harms that are added up leave out.
    """

    mean: Float64Array
    covariance: Float64Array
    deviation: float

    @classmethod
    def learned(cls, log: Log, current: Candidate, influences: Float32Array) -> "_Harms":
        """Return what the log tells of the harms near `current`."""
        skipped = _skipped(log.losses, len(influences))
        losses = np.fromiter(log.losses.values(), float, len(log.losses))
        prior = _as_harms(influences, skipped, losses - log.full_loss)
        unit = float(np.median(prior))
        changes = skipped - _skipped([current.program], len(influences))
        n_changed = np.abs(changes).sum(1)
        is_near = (n_changed > 0) & (n_changed <= _NEAR) & np.isfinite(losses)
        changes, harms = changes[is_near], (losses - current.loss)[is_near]
        spreads = _DEVIATION * unit * n_changed[is_near] + _DEVIATION_OF_HARM * np.abs(harms)
        weighted = changes.T / spreads**2
        precision = (_PRIOR_SPREAD * prior + unit) ** -2
        covariance: Float64Array = np.linalg.inv(np.diag(precision) + weighted @ changes)
        mean = covariance @ (precision * _PRIOR_HARM * prior + weighted @ harms)
        return cls(mean, covariance, _DEVIATION * unit)

    def of(self, moves: Float64Array) -> tuple[Float64Array, Float64Array]:
        """Return mean and standard deviation of what moves harm, (n_moves,) each."""
        own = self.deviation * np.abs(moves).sum(1)
        return moves @ self.mean, np.sqrt(((moves @ self.covariance) * moves).sum(1) + own**2)


def _as_harms(influences: Float32Array, skipped: Float64Array, harms: Float64Array) -> Float64Array:
    """Return influences on the scale of what skipping layers harmed, none of them zero.

    In root mean square over all that was measured.
    """
    floored = np.maximum(influences, _LEAST_INFLUENCE * influences.max(initial=0)).astype(float)
    is_known = np.isfinite(harms) & (harms != 0)
    if not (is_known.any() and floored.all()):
        return np.ones_like(floored)
    guessed = skipped[is_known] @ floored
    scaled: Float64Array = floored * (np.linalg.norm(harms[is_known]) / np.linalg.norm(guessed))
    return scaled
