"""What the scripts share: where the data lies, task rows, seeded splits, the machine."""

import argparse
import csv
import datetime
import json
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

# Before torch is loaded: spinning OpenMP threads starve whatever runs beside them.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

_DEFAULT_DATA = Path(__file__).resolve().parent.parent / "../shared/data"


@dataclass(frozen=True)
class Task:
    """Normal texts, and pools of anomalous ones that test sets draw from in equal shares."""

    name: str
    normal: tuple[str, ...]
    anomalous: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Split:
    """Training texts, all normal, and test texts with their labels (true = anomalous)."""

    train: list[str]
    test: list[str]
    is_anomalous: NDArray[np.bool_]


def add_data_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(os.environ.get("POLAR_DETECT_DATA", _DEFAULT_DATA)),
        help="folder with the data sets; default: $POLAR_DETECT_DATA, else ../shared/data "
        "beside the repository",
    )


def load_task(name: str, data: Path) -> Task:
    """Read the texts of `bgl` or `excavator`."""
    log = pd.read_csv(_existing(data / "loghub2k/BGL/BGL_2k.log_structured.csv"), dtype=str)
    if name == "bgl":
        is_normal = log["Label"] == "-"
        return Task(name, _texts(log["Content"][is_normal]), (_texts(log["Content"][~is_normal]),))
    orders = pd.read_csv(_existing(data / "excavator_mwo/case_study_pdl.csv"), dtype=str)
    titles = pd.read_csv(
        _existing(data / "textoir_stackoverflow/test.tsv"),
        sep="\t",
        dtype=str,
        quoting=csv.QUOTE_NONE,
    )
    repairs = orders["OriginalShorttext"][orders["PMType"] == "PM01"]
    return Task(name, _texts(repairs), (_texts(titles["text"]), _texts(log["Content"])))


def clinc_queries(data: Path, part: str) -> list[str]:
    """Return the queries of one part (`train`, `val`, `test`) of CLINC150."""
    stored = json.loads(_existing(data / "clinc150/data_full.json").read_text(encoding="utf-8"))
    return [text for text, _ in stored[part]]


def split(task: Task, *, seed: int, n_train: int, n_test: int) -> Split:
    """Draw `n_train` normal training rows, and up to `n_test` test rows of each class."""
    rng = np.random.default_rng(seed)
    normal = _drawn(task.normal, n_train + n_test, rng)
    share = n_test // len(task.anomalous)
    anomalous = [text for pool in task.anomalous for text in _drawn(pool, share, rng)]
    inside = normal[n_train:]
    labels = np.repeat([False, True], [len(inside), len(anomalous)])
    return Split(normal[:n_train], inside + anomalous, labels)


def machine() -> str:
    """Return processor, cores, GPU, versions and date in one line."""
    import torch  # here, so that the wait policy above is set first

    n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    gpu = [torch.cuda.get_device_name()] if torch.cuda.is_available() else []
    parts = [
        next(_cpu_models(), platform.processor() or platform.machine()),
        f"{n_cores} cores ({torch.get_num_threads()} threads)",
        *gpu,
        f"torch {torch.__version__}",
        f"Python {platform.python_version()}",
        datetime.datetime.now(datetime.UTC).date().isoformat(),
    ]
    return ", ".join(parts)


def say(text: str) -> None:
    """Print progress to stderr."""
    print(text, file=sys.stderr, flush=True)


def markdown_table(header: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cpu_models() -> Iterator[str]:
    path = Path("/proc/cpuinfo")
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                yield line.split(":", 1)[1].strip()


def _texts(column: pd.Series) -> tuple[str, ...]:
    texts = column.dropna().str.strip()
    return tuple(texts[texts != ""])


def _drawn(pool: tuple[str, ...], n: int, rng: np.random.Generator) -> list[str]:
    return [pool[i] for i in rng.permutation(len(pool))[:n]]


def _existing(path: Path) -> Path:
    if not path.is_file():
        sys.exit(f"Got no file '{path}'; expected the data sets there; pass --data FOLDER.")
    return path
