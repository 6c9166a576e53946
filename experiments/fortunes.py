"""Fortunes: how the default detector does on texts of kinds that nothing was chosen on.

Quotations, jokes and verses as Debian's package `fortunes` sorts them (`apt-get install fortunes`).
Each kind of which there are enough is normal once, against all other kinds: texts of 30 to 600
characters by many writers, which share a wide topic (computers, politics), or a form (definitions,
verses), or hardly anything. The default detector, nearest neighbours in its encoder, and the loss
alone.

Reads: no data set. Takes: 5 min (AMD EPYC).
"""

import argparse
import re
import sys
from pathlib import Path

import common
import fit_tables
import numpy as np
from bench_baselines import neighbours
from common import Split, Task
from fit_tables import Notes

from polar_detect import models
from polar_detect.backbone.tokenizing import MAX_TOKENS
from polar_detect.detectors import AutoHead
from polar_detect.metrics import auroc
from polar_detect.pipeline.engine import Engine

_LENGTHS = (30, 600)  # characters
_SOURCE = re.compile(r"\n\s*-- .*", re.DOTALL)  # who said it


def main() -> None:
    options = _options()
    kinds = read(options.folder, at_least=options.at_least)
    engine = Engine.load(models.DEFAULT_MODEL, models.DEFAULT_ENCODER)
    engine = engine.reading(max_tokens=MAX_TOKENS, curves="none", wants_context=False)
    rows, every = [], []
    for name, normal in kinds.items():
        others = tuple(own for other, own in kinds.items() if other != name)
        split = common.split(
            Task(name, normal, others), seed=0, n_train=options.n_train, n_test=options.n_test
        )
        every.append(_figures(split, engine))
        sizes = f"{len(split.train)} / {len(split.test)}"
        rows.append([name, sizes, *(f"{value:.3f}" for value in every[-1])])
        common.say(" ".join(rows[-1]))
    rows.append(["mean", "", *(f"{value:.3f}" for value in np.mean(every, axis=0))])
    print(f"{common.machine()}; seed 0\n")
    header = ["normal", "train / test", "polar-detect", "kNN", "loss, low", "loss, both tails"]
    print(common.markdown_table(header, rows))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("/usr/share/games/fortunes"))
    parser.add_argument("--at-least", type=int, default=600, help="texts of a kind")
    parser.add_argument("--n-train", type=int, default=300)
    parser.add_argument("--n-test", type=int, default=100, help="test rows per class at most")
    return parser.parse_args()


def read(folder: Path, *, at_least: int) -> dict[str, tuple[str, ...]]:
    """Return the texts of each kind without who said them, no two the same."""
    kinds = {}
    for path in sorted(folder.glob("*")):
        if path.suffix or path.is_dir() or path.is_symlink():  # an index, or the same once more
            continue
        found = path.read_text(encoding="utf-8").split("\n%\n")
        texts = (" ".join(_SOURCE.sub("", text).split()) for text in found)
        own = tuple(dict.fromkeys(t for t in texts if _LENGTHS[0] <= len(t) <= _LENGTHS[1]))
        if len(own) >= at_least:
            kinds[path.name] = own
    if len(kinds) < 2:
        sys.exit(f"Got no fortunes in '{folder}'; expected Debian's; run apt-get install fortunes.")
    return kinds


def _figures(split: Split, engine: Engine) -> list[float]:
    tables = fit_tables.signatures(split, engine, seed=0, notes=Notes())
    train, test = (engine.extractor.encoder.embed(part) for part in (split.train, split.test))
    losses = tables.losses()
    scores = [
        tables.scores(AutoHead(), seed=0),
        neighbours(train, test),
        losses["loss, low"],
        losses["loss, both tails"],
    ]
    return [auroc(split.is_anomalous, values) for values in scores]


if __name__ == "__main__":
    main()
