"""TAD-Bench's own protocol: unlabelled texts, three in a hundred of them anomalous, ranked.

Published detectors are fitted on all texts of a set, anomalies included, and rank the same
texts. So do we, without a text being compared with itself: the texts are dealt into folds, and
each fold is scored by a detector fitted on the others, whose labels nobody looks at. Source: Cao
et al., TAD-Bench, arXiv 2501.11960; the table of its 64 combinations of embedding and detector
lies beside the data.

Prints a table of the sets. Reads: tad_bench. Takes: not noted.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import common
import numpy as np
import pandas as pd
from bench_baselines import Scores
from benchmark import CACHE, Bench

from polar_detect import PolarDetector, models
from polar_detect.engine import Engine
from polar_detect.metrics import auroc

SETS = ("smsspam", "hate_speech", "olid")


def main() -> None:
    options = _options()
    published = pd.read_csv(common.existing(options.data / "tad_bench/auroc_published.csv"))
    engine = Bench(options.data, options.cache).engine(models.DEFAULT_ENCODER)
    rows = []
    for name in options.sets:
        texts, labels = _read(options.data, name)
        values = []
        for seed in range(options.seeds):
            settings = {"seed": seed, "contamination": options.contamination}
            scores = out_of_fold(texts, engine, n_folds=options.folds, settings=settings)
            values.append(auroc(labels, scores))
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
    print(
        f"{common.machine()}; contamination {options.contamination:g}, {options.folds} folds, "
        f"{options.seeds} seeds\n"
    )
    header = ["set", "texts / anomalous", "auto", "best of 64 published", "median of 64"]
    print(common.markdown_table(header, rows))


def out_of_fold(
    texts: Sequence[str], engine: Engine, *, n_folds: int, settings: dict[str, Any]
) -> Scores:
    """Return a score for each text, by a detector that was not fitted on it."""
    folds = np.random.default_rng(settings["seed"]).permutation(len(texts)) % n_folds
    scores = np.empty(len(texts))
    for fold in range(n_folds):
        detector = PolarDetector(model=engine.model.name, **settings)
        detector.engine_ = engine  # fit goes on with the models of an earlier fit
        detector.fit([text for text, own in zip(texts, folds, strict=True) if own != fold])
        mine = np.flatnonzero(folds == fold)
        scores[mine] = -detector.score_samples([texts[i] for i in mine.tolist()])
        common.say(f"fold {fold + 1} of {n_folds}")
    return scores


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    common.add_data_option(parser)
    parser.add_argument("--sets", type=common.some_of(SETS), default=SETS)
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--contamination", type=float, default=0.0, help="of the detector")
    parser.add_argument("--cache", type=Path, default=CACHE, help=f"default: {CACHE}")
    return parser.parse_args()


def _read(data: Path, name: str) -> tuple[list[str], np.ndarray]:
    path = common.existing(data / f"tad_bench/{name}.jsonl")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    kept = [row for row in rows if row["text"].strip()]
    return [row["text"] for row in kept], np.asarray([row["label"] == 1 for row in kept])


if __name__ == "__main__":
    main()
