"""What becomes of the lines of a log that are written later, by when they were written.

    python experiments/log_times.py [--systems Hadoop,Zookeeper] [--n-train 200]

Whole lines of loghub's logs that begin with a date and time. A detector is fitted on lines of the
first three fifths of a log; scored are later lines of the same kinds, and lines of rare kinds from
anywhere. A kind is what is left of a line without words that hold a digit. Dates and times are read
as one, as `PolarDetector` does, and as they stand there.

Prints AUROC, and which share of the later and of the rare lines is flagged at .05.
Reads: loghub2k. Takes: 35 min (AMD EPYC, beside other work).
"""

import argparse
import re
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import common
import numpy as np

from polar_detect import PolarDetector
from polar_detect.metrics import auroc
from polar_detect.texts.moments import at_no_moment

SYSTEMS = (
    "Android", "Apache", "Hadoop", "HealthApp", "Linux", "Mac",
    "OpenSSH", "OpenStack", "Proxifier", "Spark", "Windows", "Zookeeper",
)  # fmt: skip
_EARLY = 0.6  # of the lines
_COMMON, _RARE = 10, 3  # lines of a kind, at least and at most
_LEAST = 10  # lines of rare kinds


class Log(NamedTuple):
    """Lines of one system."""

    train: list[str]
    later: list[str]
    rare: list[str]


def log_of(folder: Path, *, n_train: int, seed: int) -> Log:
    """Return the lines of a system's log; later and rare ones half as many as `n_train` at most."""
    path = common.existing(folder / f"{folder.name}_2k.log")
    lines = [line.strip() for line in path.read_text("utf-8", "replace").split("\n")]
    lines = [line for line in lines if line]
    kinds = [*map(_kind, lines)]
    counts, n_early = Counter(kinds), int(_EARLY * len(lines))
    rng = np.random.default_rng(seed)

    def drawn(places: list[int], most: int) -> list[int]:
        return [places[i] for i in np.sort(rng.permutation(len(places))[:most])]

    train = drawn([i for i in range(n_early) if counts[kinds[i]] >= _COMMON], n_train)
    known = {kinds[i] for i in train}
    later = [i for i in range(n_early, len(lines)) if kinds[i] in known]
    rare = [i for i in range(len(lines)) if counts[kinds[i]] <= _RARE]
    parts = (train, drawn(later, n_train // 2), drawn(rare, n_train // 2))
    return Log(*([lines[i] for i in part] for part in parts))


def _kind(line: str) -> str:
    words = re.split(r"[\s=:,()\[\]]+", at_no_moment(line))
    return " ".join(word for word in words if not any(map(str.isdecimal, word)))


def figures(log: Log) -> tuple[float, float, float]:
    """Return AUROC and the shares of later and rare lines that are flagged."""
    detector = PolarDetector().fit(log.train)
    found = detector.assess([*log.later, *log.rare], programs_of="none")
    is_rare = np.arange(len(found)) >= len(log.later)
    flagged = found.is_anomaly
    return auroc(is_rare, found.scores), flagged[~is_rare].mean(), flagged[is_rare].mean()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    common.add_data_option(parser)
    parser.add_argument("--systems", type=common.some_of(SYSTEMS), default=SYSTEMS, help="a,b,…")
    parser.add_argument("--n-train", type=int, default=200)
    options = parser.parse_args()
    data, rows, all_found = options.data, [], []
    for system in options.systems:
        log = log_of(data / "loghub2k" / system, n_train=options.n_train, seed=0)
        if len(log.rare) < _LEAST or len(log.train) < options.n_train:
            common.say(f"{system}: too few lines of common or rare kinds")
            continue
        found: list[float] = []
        for fitting in (nullcontext(), patch("polar_detect.detector.at_no_moment", str)):
            with fitting:
                found += figures(log)
        all_found.append(found)
        sizes = " / ".join(str(len(part)) for part in log)
        rows.append([system, sizes, *(f"{value:.3f}" for value in found)])
        common.say(" ".join(rows[-1]))
    rows.append(["mean", "", *(f"{value:.3f}" for value in np.mean(all_found, 0))])
    print(f"{common.machine()}; seed 0\n")
    said = ("AUROC", "later lines flagged", "rare lines flagged")
    header = [f"{what}, {how}" for how in ("read as one", "as they stand") for what in said]
    print(common.markdown_table(["system", "train / later / rare", *header], rows))


if __name__ == "__main__":
    main()
