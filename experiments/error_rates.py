"""Do the promises about error rates hold? Seeded trials on data for which the truth is known.

    python experiments/error_rates.py [--trials 1000] [--detector DIR]

- *alpha*: of exchangeable normal texts, the share flagged at alpha stays within the conformal
  bound: floor(alpha (n + 1)) / (n + 1) without ties, and no more with them.
- *fdr*: of the texts flagged by Benjamini–Hochberg at Q, the share that is normal is Q at most,
  on average over calibration sets and batches.

Scores are continuous, or rounded to a few values so that ties are the rule, or with every score
three times (duplicates). With --detector, the calibration scores of a fitted detector are split
at random into calibration and normal texts, and strangers are the same scores shifted.
"""

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from polar_detect.calibration import benjamini_hochberg, conformal_p_values

Scores = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Scores]

ALPHAS = (0.01, 0.05, 0.1)
RATES = (0.05, 0.1, 0.2)
N_CAL, N_NORMAL, N_STRANGERS = 199, 200, 40
SHIFT = 3.0  # standard deviations between strangers and normal texts
# A mean over trials may lie so many standard errors above its bound by chance; with the nine
# or so comparisons of one table, one in 40,000 tables is a false alarm.
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


def alpha_trials(name: str, draw: Draw, alpha: float, n_trials: int) -> Held:
    """Measure the share of normal texts that is flagged at alpha."""
    shares = []
    for seed in range(n_trials):
        chance = np.random.default_rng([seed, 1])
        scores = draw(chance, N_CAL + N_NORMAL)
        n_cal = len(scores) // 2
        p_values = conformal_p_values(scores[:n_cal], scores[n_cal:])
        shares.append(float((p_values <= alpha).mean()))
    bound = math.floor(alpha * (n_cal + 1) * (1 + 1e-12)) / (n_cal + 1)
    return _held(f"flagged at alpha {alpha:g}", name, bound, shares)


def fdr_trials(name: str, draw: Draw, rate: float, n_trials: int) -> Held:
    """Measure the share of flagged texts that is normal; none flagged counts as none false."""
    shares = []
    for seed in range(n_trials):
        chance = np.random.default_rng([seed, 2])
        scores = draw(chance, N_CAL + N_NORMAL)
        n_cal = len(scores) // 2
        normal, strangers = scores[n_cal:], draw(chance, N_STRANGERS) + SHIFT
        p_values = conformal_p_values(scores[:n_cal], np.concatenate([normal, strangers]))
        flagged = benjamini_hochberg(p_values, rate)
        n_false = int(flagged[: len(normal)].sum())
        shares.append(n_false / max(int(flagged.sum()), 1))
    return _held(f"false among flagged at Q {rate:g}", name, rate, shares)


def trials(sources: dict[str, Draw], n_trials: int) -> list[Held]:
    """Run every promise on every source."""
    return [
        held
        for name, draw in sources.items()
        for held in (
            *(alpha_trials(name, draw, alpha, n_trials) for alpha in ALPHAS),
            *(fdr_trials(name, draw, rate, n_trials) for rate in RATES),
        )
    ]


def synthetic() -> dict[str, Draw]:
    return {"continuous": continuous, "tied": tied, "duplicated": duplicated}


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
        sources["calibration scores"] = resampled(stored)
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
