"""Do the promises about error rates hold? Seeded trials on data for which the truth is known.

    python experiments/error_rates.py [--trials 1000] [--detector DIR]

- *alpha*: of exchangeable normal texts, the share flagged at alpha stays within the conformal
  bound: floor(alpha (n + 1)) / (n + 1) without ties, and no more with them.
- *fdr*: of the texts flagged by Benjamini–Hochberg at Q, the share that is normal is Q at most,
  on average over calibration sets and batches.

Scores are continuous, or rounded to a few values so that ties are the rule, or with every score
three times (duplicates); or distances to nearest neighbours, where the calibration texts are
neighbours too, of new texts and of each other; or what is learned from few texts with such
distances and another feature, the calibration texts being neighbours there too, as in the default
detector. With --detector, the calibration scores of a fitted detector are split at random into
calibration and normal texts, and strangers are the same scores shifted.

Not covered: rows that are judged by their columns alone, whose p-values no bound holds for, and
texts that hang together; the reference says how far these are off ("Limits in detail").

Prints a table of what was promised and what came, and ends with exit code 1 where a promise is not
kept. Reads: no data set. Takes: 1 min.
"""

import argparse
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from sklearn.linear_model import LogisticRegression

from polar_detect.calibration import benjamini_hochberg, conformal_p_values
from polar_detect.signature.normal.neighbours import nearest

Scores = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Scores]
# Chance → scores of calibration texts, of normal texts and of strangers.
Source = Callable[[np.random.Generator], tuple[Scores, Scores, Scores]]

ALPHAS = (0.01, 0.05, 0.1)
RATES = (0.05, 0.1, 0.2)
N_CAL, N_NORMAL, N_STRANGERS = 199, 200, 40
N_TRAIN, N_DIRECTIONS, N_NEAREST = 40, 6, 3  # of the texts that have neighbours
N_FEW_TRAIN, N_FEW_CAL = 31, 19  # what `fit` makes of fifty texts
SHIFT = 3.0  # standard deviations between strangers and normal texts
# A mean over trials may lie so many standard errors above its bound by chance; with the thirty
# comparisons of one table, one in 10,000 tables is a false alarm.
N_ERRORS = 4.5


@dataclass(frozen=True)
class Held:
    """One promise, and what was seen."""

    promise: str
    data: str
    bound: float
    mean: float
    standard_error: float

    @property
    def is_held(self) -> bool:
        """Whether the mean is within its bound, or above it by no more than chance."""
        return self.mean <= self.bound + N_ERRORS * self.standard_error


def continuous(chance: np.random.Generator, n: int) -> Scores:
    return chance.normal(size=n)


def tied(chance: np.random.Generator, n: int) -> Scores:
    return np.round(chance.normal(size=n))


def duplicated(chance: np.random.Generator, n: int) -> Scores:
    return chance.permutation(np.repeat(chance.normal(size=-(-n // 3)), 3)[:n])


def resampled(scores: Scores) -> Draw:
    """Return a source that draws without replacement, so that what is drawn is exchangeable."""
    centred = (scores - scores.mean()) / scores.std()
    return lambda chance, n: chance.permutation(centred)[:n]


def of_scores(draw: Draw) -> Source:
    """Return a source of scores of which none depends on another."""

    def source(chance: np.random.Generator) -> tuple[Scores, Scores, Scores]:
        scores = draw(chance, N_CAL + N_NORMAL)
        n_cal = len(scores) // 2
        return scores[:n_cal], scores[n_cal:], draw(chance, N_STRANGERS) + SHIFT

    return source


def with_neighbours(chance: np.random.Generator) -> tuple[Scores, Scores, Scores]:
    """Return distances to the nearest of the training and the calibration texts."""
    train, *others = _texts(chance, N_TRAIN, N_CAL)
    return _against(others, np.concatenate([train, others[0]]))


def with_learning(chance: np.random.Generator) -> tuple[Scores, Scores, Scores]:
    """Return what tells a group of few texts from the others, by distances and a coordinate.

    Training texts have the distances that new ones have: to all of the training and the calibration
    texts but themselves, or but all of their group.
    """
    train, *others = _texts(chance, N_FEW_TRAIN, N_FEW_CAL)
    known = np.concatenate([train, others[0]])
    groups = known[:, 1] > np.median(known[:, 1])
    n, own = len(train), np.arange(len(train))
    alone = _distances(train, known, banned=own[:, None] == np.arange(len(known)))
    apart = _distances(train, known, banned=groups[:n, None] == groups)
    pairs = [np.column_stack([distances, train[:, 2]]) for distances in (alone, apart)]
    centre, spread = pairs[0].mean(0), pairs[0].std(0)
    rows = (np.concatenate(pairs) - centre) / spread
    model = LogisticRegression().fit(rows, np.repeat([0, 1], n))
    calibration, normal, strangers = (
        model.decision_function((np.column_stack([d, texts[:, 2]]) - centre) / spread)
        for d, texts in zip(_against(others, known), others, strict=True)
    )
    return calibration, normal, strangers


def _texts(chance: np.random.Generator, n_train: int, n_cal: int) -> list[NDArray[np.float32]]:
    """Return training, calibration and normal texts, which are alike, and strangers."""
    sizes = (n_train, n_cal, N_NORMAL, N_STRANGERS)
    parts = [chance.normal(size=(n, N_DIRECTIONS)).astype(np.float32) for n in sizes]
    for texts, sign in zip(parts, (1, 1, 1, -1), strict=True):
        texts[:, 0] += sign * SHIFT
    return parts


def _against(
    parts: Sequence[NDArray[np.float32]], known: NDArray[np.float32]
) -> tuple[Scores, Scores, Scores]:
    """Return distances of calibration texts, the last known ones, each but to itself; of others."""
    calibration, normal, strangers = parts
    n = len(calibration)
    itself = np.arange(len(known) - n, len(known))[:, None] == np.arange(len(known))
    return (
        _distances(calibration, known, banned=itself),
        _distances(normal, known),
        _distances(strangers, known),
    )


def _distances(
    texts: NDArray[np.float32],
    known: NDArray[np.float32],
    *,
    banned: NDArray[np.bool_] | None = None,
) -> Scores:
    unit, reference = (
        rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (texts, known)
    )
    similarity = nearest(unit, reference, k=N_NEAREST, banned=banned).similarity
    distances: Scores = 1 - similarity.mean(1).astype(np.float64)
    return distances


def alpha_trials(name: str, source: Source, alpha: float, n_trials: int) -> Held:
    """Measure the share of normal texts that is flagged at alpha."""
    shares = []
    for seed in range(n_trials):
        calibration, normal, _ = source(np.random.default_rng([seed, 1]))
        shares.append(float((conformal_p_values(calibration, normal) <= alpha).mean()))
    n_cal = len(calibration)
    bound = math.floor(alpha * (n_cal + 1) * (1 + 1e-12)) / (n_cal + 1)
    return _held(f"flagged at alpha {alpha:g}", name, bound, shares)


def fdr_trials(name: str, source: Source, rate: float, n_trials: int) -> Held:
    """Measure the share of flagged texts that is normal; none flagged counts as none false."""
    shares = []
    for seed in range(n_trials):
        calibration, normal, strangers = source(np.random.default_rng([seed, 2]))
        p_values = conformal_p_values(calibration, np.concatenate([normal, strangers]))
        flagged = benjamini_hochberg(p_values, rate)
        n_false = int(flagged[: len(normal)].sum())
        shares.append(n_false / max(int(flagged.sum()), 1))
    return _held(f"false among flagged at Q {rate:g}", name, rate, shares)


def trials(sources: dict[str, Source], n_trials: int) -> list[Held]:
    """Run every promise on every source."""
    return [
        held
        for name, source in sources.items()
        for held in (
            *(alpha_trials(name, source, alpha, n_trials) for alpha in ALPHAS),
            *(fdr_trials(name, source, rate, n_trials) for rate in RATES),
        )
    ]


def synthetic() -> dict[str, Source]:
    return {
        "continuous": of_scores(continuous),
        "tied": of_scores(tied),
        "duplicated": of_scores(duplicated),
        "neighbours": with_neighbours,
        "learned beside neighbours": with_learning,
    }


def _held(promise: str, name: str, bound: float, shares: list[float]) -> Held:
    error = float(np.std(shares, ddof=1)) / math.sqrt(len(shares))
    return Held(promise, name, bound, float(np.mean(shares)), error)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--detector", type=Path, help="folder of a fitted detector")
    args = parser.parse_args()
    sources = synthetic()
    if args.detector is not None:
        stored = load_file(args.detector / "arrays.safetensors")["calibration_scores"]
        sources["calibration scores"] = of_scores(resampled(stored))
    results = trials(sources, args.trials)
    print("| promise | data | bound | mean | standard error | held |\n|---|---|---|---|---|---|")
    for held in results:
        print(
            f"| {held.promise} | {held.data} | {held.bound:.4f} | {held.mean:.4f} | "
            f"{held.standard_error:.4f} | {'yes' if held.is_held else 'NO'} |"
        )
    if not all(held.is_held for held in results):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
