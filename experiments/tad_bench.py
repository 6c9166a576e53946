"""TAD-Bench's own protocol: unlabelled texts, three in a hundred of them anomalous, ranked.

Published detectors are fitted on all texts of a set, anomalies included, and rank the same
texts. So does `screen`, without a text being compared with itself: the texts are dealt into five
folds, and each fold is scored by a detector fitted on the others, whose labels nobody looks at.
Source: Cao et al., TAD-Bench, arXiv 2501.11960; the table of its 64 combinations of embedding and
detector lies beside the data.

Prints a table of the sets. Reads: tad_bench. Takes: not noted.
"""

import argparse
import json
from pathlib import Path

import common
import numpy as np
import pandas as pd

from polar_detect import PolarDetector, screen
from polar_detect.metrics import auroc

SETS = ("smsspam", "hate_speech", "olid")


def main() -> None:
    options = _options()
    published = pd.read_csv(common.existing(options.data / "tad_bench/auroc_published.csv"))
    rows = []
    for name in options.sets:
        texts, labels = _read(options.data, name)
        values = []
        for seed in range(options.seeds):
            detector = PolarDetector(seed=seed, contamination=options.contamination)
            values.append(auroc(labels, screen(texts, detector).scores))
            common.say(f"{name} seed {seed}: {values[-1]:.3f}")
        best = published.loc[published[name].idxmax()]
        rows.append(
            [
                name,
                f"{len(texts):,} / {labels.sum()}",
                f"{np.mean(values):.3f}",
                f"{best[name]:.3f} ({best['embedding']} + {best['detector']})",
                f"{published[name].median():.3f}",
            ]
        )
    print(f"{common.machine()}; contamination {options.contamination:g}, {options.seeds} seeds\n")
    header = ["set", "texts / anomalous", "auto", "best of 64 published", "median of 64"]
    print(common.markdown_table(header, rows))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    common.add_data_option(parser)
    parser.add_argument("--sets", type=common.some_of(SETS), default=SETS)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--contamination", type=float, default=0.0, help="of the detector")
    return parser.parse_args()


def _read(data: Path, name: str) -> tuple[list[str], np.ndarray]:
    path = common.existing(data / f"tad_bench/{name}.jsonl")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    kept = [row for row in rows if row["text"].strip()]
    return [row["text"] for row in kept], np.asarray([row["label"] == 1 for row in kept])


if __name__ == "__main__":
    main()
