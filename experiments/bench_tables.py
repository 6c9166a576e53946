"""From every run's figures to the benchmark's tables, with intervals over tasks."""

from collections.abc import Sequence
from dataclasses import dataclass

import bench_baselines
import bench_tasks
import common
import numpy as np
from numpy.typing import NDArray

Table = dict[str, dict[str, float]]  # AUROC by task and method, mean over seeds

_N_RESAMPLES = 10_000


@dataclass(frozen=True)
class Run:
    """One method on one split.

    `seen_normal` and `seen_anomalous` are the shares of test texts that occur in training
    word for word; `family_s` is the time of all methods of the family together.
    """

    task: str
    seed: int
    method: str
    n_train: int
    n_normal: int
    n_anomalous: int
    seen_normal: float
    seen_anomalous: float
    auroc: float
    aupr: float
    fpr95: float
    family_s: float


@dataclass(frozen=True)
class Mean:
    """A mean over tasks with its 95 % bootstrap interval, tasks drawn with replacement."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float] | NDArray[np.float64], *, seed: int = 0) -> "Mean":
        """Return the mean and its interval."""
        array = np.asarray(values, np.float64)
        draws = np.random.default_rng(seed).integers(len(array), size=(_N_RESAMPLES, len(array)))
        low, high = np.quantile(array[draws].mean(1), [0.025, 0.975])
        return cls(float(array.mean()), float(low), float(high))

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def report(runs: Sequence[Run], *, default: str) -> str:
    """Return the Markdown tables of the runs, those of length-matched rows on their own."""
    plain = [run for run in runs if not run.task.endswith(bench_tasks.MATCHED)]
    matched = [run for run in runs if run.task.endswith(bench_tasks.MATCHED)]
    parts = [_part(plain, "All test rows", default), _part(matched, "Length-matched rows", default)]
    return "\n\n".join([*(part for part in parts if part), _rows_table(runs)])


def _part(runs: Sequence[Run], title: str, default: str) -> str:
    table = means_over_seeds(runs)
    if not table:
        return ""
    return f"### {title}\n\n{_auroc_table(table)}\n\n{_summary(table, default)}"


def means_over_seeds(runs: Sequence[Run]) -> Table:
    """Return the mean AUROC by task and method."""
    values: dict[str, dict[str, list[float]]] = {}
    for run in runs:
        values.setdefault(run.task, {}).setdefault(run.method, []).append(run.auroc)
    return {
        task: {method: float(np.mean(own)) for method, own in methods.items()}
        for task, methods in values.items()
    }


def best_single(table: Table, default: str) -> str:
    """Return the baseline with the highest mean over tasks: one method for the whole suite.

    Methods that read test labels, or that do not run on every task, do not count.
    """
    barred = {default, bench_baselines.HINDSIGHT}
    names = [name for name in _common_methods(table) if name not in barred]
    return max(names, key=lambda name: _column(table, name).mean())


def _summary(table: Table, default: str) -> str:
    methods = _common_methods(table)
    ordered = sorted(methods, key=lambda name: -_column(table, name).mean())
    rows = [[name, str(Mean.of(_column(table, name)))] for name in ordered]
    lines = [common.markdown_table([f"method, mean over {len(table)} tasks", "AUROC"], rows)]
    if default in methods and len(methods) > 1:
        best = best_single(table, default)
        gain = Mean.of(_column(table, default) - _column(table, best))
        lines.append(f"{default} − {best} (best single baseline in hindsight): {gain}")
    if default in methods and bench_baselines.KNN in methods:
        wins = _column(table, default) >= _column(table, bench_baselines.KNN)
        lines.append(f"at least as good as {bench_baselines.KNN}: {wins.mean():.0%} of tasks")
    return "\n\n".join(lines)


def _auroc_table(table: Table) -> str:
    """Return tasks × methods; the best figure of a task is bold."""
    methods = list(dict.fromkeys(name for own in table.values() for name in own))
    rows = []
    for task, own in table.items():
        best = max(own.values())
        cells = [f"{own[m]:.3f}" if m in own else "" for m in methods]
        rows.append([task, *(f"**{c}**" if c == f"{best:.3f}" else c for c in cells)])
    return common.markdown_table(["task", *methods], rows)


def _rows_table(runs: Sequence[Run]) -> str:
    """Return how many rows each task has, and how many test texts were seen in training."""
    rows = []
    for task in dict.fromkeys(run.task for run in runs):
        own = [run for run in runs if run.task == task]
        counts = f"{own[0].n_train} / {own[0].n_normal} + {own[0].n_anomalous}"
        seen = [float(np.mean([getattr(r, n) for r in own])) for n in _SEEN]
        rows.append([task, counts, *(f"{share:.1%}" for share in seen)])
    header = ["task", "train / normal + anomalous", "normal seen", "anomalous seen"]
    return "### Rows (first seed), test texts that occur in training\n\n" + common.markdown_table(
        header, rows
    )


_SEEN = ("seen_normal", "seen_anomalous")


def _common_methods(table: Table) -> list[str]:
    """Return the methods that ran on every task."""
    own = list(table.values())
    return [name for name in own[0] if all(name in methods for methods in own)]


def _column(table: Table, method: str) -> NDArray[np.float64]:
    return np.asarray([methods[method] for methods in table.values()])
