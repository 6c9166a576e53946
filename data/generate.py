"""Write the demo work orders: `python data/generate.py`.

`--check` writes nothing and exits with 1 where a file differs. What orders say is in the phrase
files, how it is put into words in `grammar.py`, who writes it in `jobs.py`.
"""

import argparse
import csv
import io
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date
from pathlib import Path
from random import Random

from jobs import Author, Job
from orders import Order, Period, number_and_date

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Batch:
    """One file: its name, what it holds, and when that was written."""

    name: str
    n_normal: int
    n_of_each_anomaly: int
    period: Period

    @property
    def is_labelled(self) -> bool:
        """Whether the file says which rows are anomalies."""
        return self.n_of_each_anomaly > 0


@dataclass(frozen=True)
class Language:
    """One phrase file, and the batches that are drawn from it in turn."""

    phrases: str
    seed: int
    batches: tuple[Batch, ...]


LANGUAGES = (
    Language(
        phrases="phrases_en.toml",
        seed=20240601,
        batches=(
            Batch("work_orders_train.csv", 400, 0, Period(date(2023, 1, 9), 420, 230117)),
            Batch("work_orders_new.csv", 120, 8, Period(date(2024, 3, 5), 126, 241003)),
        ),
    ),
    Language(
        phrases="phrases_ja.toml",
        seed=20240602,
        batches=(
            Batch("work_orders_ja_train.csv", 150, 0, Period(date(2023, 4, 3), 330, 510208)),
            Batch("work_orders_ja_new.csv", 45, 3, Period(date(2024, 3, 11), 112, 520014)),
        ),
    ),
)


def main() -> None:
    """Write the files, or compare them."""
    parser = argparse.ArgumentParser(description="Write the demo work orders.")
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 on a difference")
    parser.add_argument("--out", type=Path, default=HERE, help="folder (default: beside this file)")
    arguments = parser.parse_args()
    files = {arguments.out / name: text.encode() for name, text in tables()}
    if arguments.check:
        _compare(files)
    else:
        for path, content in files.items():
            path.write_bytes(content)


def tables() -> Iterator[tuple[str, str]]:
    """Yield the name and the text of every file."""
    for language in LANGUAGES:
        rng = Random(language.seed)
        author = Author(HERE / language.phrases)
        for batch in language.batches:
            jobs = [author.normal(rng) for _ in range(batch.n_normal)]
            jobs += author.anomalies(rng, batch.n_of_each_anomaly)
            jobs.sort(key=lambda _: rng.random())
            rows = list(number_and_date(rng, jobs, batch.period))
            yield batch.name, _csv(rows, jobs if batch.is_labelled else None)


def _csv(rows: Sequence[Order], jobs: Sequence[Job] | None) -> str:
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    header = [field.name for field in fields(Order)]
    writer.writerow(header if jobs is None else [*header, "label", "kind"])
    for i, row in enumerate(rows):
        kind = [] if jobs is None else [int(jobs[i].kind != "normal"), jobs[i].kind]
        writer.writerow([*asdict(row).values(), *kind])
    return target.getvalue()


def _compare(files: dict[Path, bytes]) -> None:
    differing = [
        path.name
        for path, content in files.items()
        if not path.is_file() or path.read_bytes() != content
    ]
    if differing:
        sys.exit(
            f"Got other contents in {', '.join(differing)}; run data/generate.py to renew them."
        )


if __name__ == "__main__":
    main()
