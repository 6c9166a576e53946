"""What the scripts share: where the data lies, task rows, seeded splits, the machine."""

import argparse
import datetime
import json
import os
import platform
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

# Before torch is loaded: spinning OpenMP threads starve whatever runs beside them.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

_DEFAULT_DATA = Path(__file__).resolve().parent.parent / "../shared/data"


@dataclass(frozen=True)
class Task:
    """Normal texts, and pools of anomalous ones that test sets draw from in equal shares.

    Parameters
    ----------
    name : str
    normal : tuple of str
    anomalous : tuple of tuple of str
    held_out : tuple of str
        Normal texts of the source's own test part; empty: test texts are drawn from `normal`.
    is_paired : bool
        Anomalous text i continues normal text i, so that a test set holds samples of those
        originals only that nothing was trained on.
    numbers : (n_texts, n_columns) float64, optional
        The same rows as numbers, in the order of `texts`.
    """

    name: str
    normal: tuple[str, ...]
    anomalous: tuple[tuple[str, ...], ...]
    held_out: tuple[str, ...] = ()
    is_paired: bool = False
    numbers: NDArray[np.float64] | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """All texts: normal, held out, then the anomalous pools."""
        return self.normal + self.held_out + tuple(t for pool in self.anomalous for t in pool)


@dataclass(frozen=True)
class Split:
    """Training texts, all normal, and test texts with their labels (true = anomalous).

    `train_rows` and `test_rows` are their places in `Task.texts`.
    """

    train: list[str]
    test: list[str]
    is_anomalous: NDArray[np.bool_]
    train_rows: NDArray[np.intp]
    test_rows: NDArray[np.intp]

    def seen_share(self, *, is_anomalous: bool) -> float:
        """Return the share of test texts of one class that occur in training word for word."""
        known = set(self.train)
        pairs = zip(self.test, self.is_anomalous, strict=True)
        return float(np.mean([text in known for text, label in pairs if label == is_anomalous]))


def add_data_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(os.environ.get("POLAR_DETECT_DATA", _DEFAULT_DATA)),
        help="folder with the data sets; default: $POLAR_DETECT_DATA, else ../shared/data "
        "beside the repository",
    )


def some_of(allowed: Iterable[str]) -> Callable[[str], tuple[str, ...]]:
    """Return an argparse type for names with commas between them, all among `allowed`."""
    known = tuple(allowed)

    def parse(value: str) -> tuple[str, ...]:
        names = tuple(value.split(","))
        if unknown := [name for name in names if name not in known]:
            raise argparse.ArgumentTypeError(
                f"Got '{unknown[0]}'; expected some of {','.join(known)}."
            )
        return names

    return parse


def write_json(path: Path, content: object) -> None:
    """Write figures for later, in a folder that is made where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def clinc_queries(data: Path, part: str) -> list[str]:
    """Return the queries of one part (`train`, `val`, `test`) of CLINC150."""
    return [text for text, _ in clinc_pairs(data, part)]


def clinc_pairs(data: Path, part: str) -> list[tuple[str, str]]:
    """Return the queries of one part of CLINC150, each with its intent."""
    stored = json.loads(existing(data / "clinc150/data_full.json").read_text(encoding="utf-8"))
    return [(text, intent) for text, intent in stored[part]]


def existing(path: Path) -> Path:
    """Return `path`, or end the script saying where the data is expected."""
    if not path.is_file():
        sys.exit(f"Got no file '{path}'; expected the data sets there; pass --data FOLDER.")
    return path


def split(task: Task, *, seed: int, n_train: int = 600, n_test: int = 300) -> Split:
    """Draw normal training rows, and up to `n_test` test rows of each class.

    Where there are few normal texts, a third of them at most is kept for the test. Smaller
    test sets are the first rows of larger ones.
    """
    rng = np.random.default_rng(seed)
    pool, starts = np.arange(len(task.normal)), _pool_starts(task)
    order = rng.permutation(pool)
    if task.held_out:
        inside = starts[0] + rng.permutation(len(task.held_out))
    else:
        n_train = min(n_train, len(order) - min(n_test, len(order) // 3))
        inside = order[n_train:]
    inside = inside[:n_test]
    share = n_test // len(task.anomalous)
    if task.is_paired:
        drawn = [starts[1] + inside]
    else:
        pairs = zip(task.anomalous, starts[1:], strict=True)
        drawn = [start + rng.permutation(len(pool))[:share] for pool, start in pairs]
    return _split(task, order[:n_train], inside, np.concatenate(drawn))


def matched_split(task: Task, *, seed: int, n_train: int = 600, n_test: int = 300) -> Split:
    """Draw as `split` does, with test rows in pairs of nearly the same length.

    Each anomalous row is paired with a normal row that nothing was trained on, so that the
    lengths differ least in all; pairs more than a tenth apart are left out.
    """
    whole = split(task, seed=seed, n_train=n_train, n_test=n_test)
    texts, is_paired = task.texts, task.is_paired
    anomalous = whole.test_rows[whole.is_anomalous]
    untouched = np.setdiff1d(np.arange(len(task.normal + task.held_out)), whole.train_rows)
    inside = whole.test_rows[~whole.is_anomalous] if is_paired else untouched
    lengths = [np.log([len(texts[row]) for row in rows]) for rows in (anomalous, inside)]
    gaps = np.abs(lengths[0][:, None] - lengths[1][None])
    left, right = linear_sum_assignment(gaps)
    kept = gaps[left, right] <= np.log(1.1)
    return _split(task, whole.train_rows, inside[right[kept]], anomalous[left[kept]])


def machine(*, is_dated: bool = True) -> str:
    """Return processor, cores, GPU, versions and date in one line."""
    import torch  # here, so that the wait policy above is set first

    n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    processor, *others = _calculates()
    parts = [
        processor,
        f"{n_cores} cores ({torch.get_num_threads()} threads)",
        *others,
        f"Python {platform.python_version()}",
        *([datetime.datetime.now(datetime.UTC).date().isoformat()] if is_dated else []),
    ]
    return ", ".join(parts)


def arithmetic() -> str:
    """Return what decides the last bits of a result: processor, GPU, torch."""
    return ", ".join(_calculates())


def say(text: str) -> None:
    """Print progress to stderr."""
    print(text, file=sys.stderr, flush=True)


def markdown_table(header: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _calculates() -> list[str]:
    import torch

    gpu = [torch.cuda.get_device_name()] if torch.cuda.is_available() else []
    processor = next(_cpu_models(), platform.processor() or platform.machine())
    return [processor, *gpu, f"torch {torch.__version__}"]


def _cpu_models() -> Iterator[str]:
    path = Path("/proc/cpuinfo")
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                yield line.split(":", 1)[1].strip()


def _pool_starts(task: Task) -> list[int]:
    """Return where the held-out texts and each anomalous pool begin in `Task.texts`."""
    sizes = [len(task.normal), len(task.held_out), *(len(pool) for pool in task.anomalous)]
    starts: list[int] = np.cumsum(sizes)[:-1].tolist()
    return starts


def _split(
    task: Task, train: NDArray[np.intp], inside: NDArray[np.intp], anomalous: NDArray[np.intp]
) -> Split:
    texts, test = task.texts, np.concatenate([inside, anomalous])
    return Split(
        [texts[row] for row in train],
        [texts[row] for row in test],
        np.repeat([False, True], [len(inside), len(anomalous)]),
        train,
        test,
    )
