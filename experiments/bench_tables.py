"""From every run's figures to the benchmark's tables, with intervals over tasks."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import bench_baselines
import bench_tasks
import common
import numpy as np
from numpy.typing import NDArray

from polar_detect.metrics import aupr, auroc, fpr_at_tpr

Table = dict[str, dict[str, float]]  # a figure by task and method, mean over seeds
Figure = Literal["auroc", "aupr", "fpr95"]

_N_RESAMPLES = 10_000


@dataclass(frozen=True)
class Run:
    """One method on one split.

    `seen_normal` and `seen_anomalous` are the shares of test texts that occur in training
    word for word.
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

    @classmethod
    def of(
        cls, task: str, seed: int, method: str, split: common.Split, scores: NDArray[np.float64]
    ) -> "Run":
        """Return what a method's scores of the test texts are worth."""
        labels = split.is_anomalous
        return cls(
            task=task,
            seed=seed,
            method=method,
            n_train=len(split.train),
            n_normal=int((~labels).sum()),
            n_anomalous=int(labels.sum()),
            seen_normal=split.seen_share(is_anomalous=False),
            seen_anomalous=split.seen_share(is_anomalous=True),
            auroc=auroc(labels, scores),
            aupr=aupr(labels, scores),
            fpr95=fpr_at_tpr(labels, scores),
        )


@dataclass(frozen=True)
class Mean:
    """A mean over tasks with its 95 % bootstrap interval, tasks drawn with replacement."""

    value: float
    low: float
    high: float

    @classmethod
    def of(
        cls,
        values: Sequence[float] | NDArray[np.float64],
        *,
        groups: Sequence[Hashable] | None = None,
        seed: int = 0,
    ) -> "Mean":
        """Return the mean and its interval.

        With `groups`, one for each value, whole groups are drawn in place of single values.
        """
        array = np.asarray(values, np.float64)
        own = list(range(len(array)) if groups is None else groups)
        names = list(dict.fromkeys(own))
        is_in = np.asarray([[group == name for group in own] for name in names], np.float64)
        sums, counts = is_in @ array, is_in.sum(1)
        draws = np.random.default_rng(seed).integers(len(names), size=(_N_RESAMPLES, len(names)))
        means = sums[draws].sum(1) / counts[draws].sum(1)
        low, high = np.quantile(means, [0.025, 0.975])
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
    parts = [f"### {title}", _auroc_table(table), _means(runs), _differences(table, default)]
    return "\n\n".join(part for part in parts if part)


def means_over_seeds(runs: Sequence[Run], figure: Figure = "auroc") -> Table:
    """Return the mean of a figure by task and method."""
    values: dict[str, dict[str, list[float]]] = {}
    for run in runs:
        values.setdefault(run.task, {}).setdefault(run.method, []).append(getattr(run, figure))
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


def _means(runs: Sequence[Run]) -> str:
    """Return the means over tasks of the methods that ran on every one, the best AUROC first."""
    table, *others = (means_over_seeds(runs, figure) for figure in ("auroc", "aupr", "fpr95"))
    ordered = sorted(_common_methods(table), key=lambda name: -_column(table, name).mean())
    rows = [
        [name, str(Mean.of(_column(table, name)))]
        + [f"{_column(other, name).mean():.3f}" for other in others]
        for name in ordered
    ]
    header = [f"method, mean over {len(table)} tasks", "AUROC", "AUPR", "FPR95"]
    return common.markdown_table(header, rows)


def _differences(table: Table, default: str) -> str:
    """Return by how much the default is better than the best baseline and nearest neighbours."""
    methods, lines = _common_methods(table), []
    if default in methods and len(methods) > 1:
        best = best_single(table, default)
        lines.append(_gain(table, default, best, " (best single baseline in hindsight)"))
        if bench_baselines.KNN in methods and best != bench_baselines.KNN:
            lines.append(_gain(table, default, bench_baselines.KNN))
    if default in methods and bench_baselines.KNN in methods:
        wins = _column(table, default) >= _column(table, bench_baselines.KNN)
        lines.append(f"at least as good as {bench_baselines.KNN}: {wins.mean():.0%} of tasks")
    return "\n\n".join(lines)


def _gain(table: Table, default: str, other: str, remark: str = "") -> str:
    """Return the mean difference with intervals over tasks, and over the sources of tasks."""
    gains, sources = (
        _column(table, default) - _column(table, other),
        list(map(bench_tasks.source, table)),
    )
    whole = Mean.of(gains, groups=sources)
    return (
        f"{default} − {other}{remark}: {Mean.of(gains)}; {len(set(sources))} sources drawn in "
        f"place of tasks: {whole.low:.3f} to {whole.high:.3f}"
    )


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
