"""What a signature costs: each stage as a multiple of a plain loss-only forward pass.

Beside it stands what a user would run instead: MiniLM in float32, PyOD's nearest neighbours. All
stages run over the same short texts, one after the other in every repeat, after one round to warm
up; a table of medians is printed. `assess` is `PolarDetector.assess`, models loaded.

Reads: clinc150. Takes: 4 min (500 texts).
"""

import argparse
import statistics
from collections.abc import Callable
from pathlib import Path

import bench_engine
import common
import numpy as np
import torch
import torch.nn.functional as F
from pyod.models.knn import KNN as NearestNeighbours
from transformers import AutoModel, AutoTokenizer

from polar_detect import PolarDetector, models

_LOSS_ONLY = "loss only, full program"
_KNN = "MiniLM in float32 + kNN"
_ENCODER_BATCH = 32  # texts, as sentence-transformers does


def main() -> None:
    options = _options()
    detector = PolarDetector(options.detector)
    common.say(f"fit on {options.n_train} texts")
    train = _drawn(common.clinc_queries(options.data, "train"), options.n_train)
    detector.fit(train)
    texts = _drawn(common.clinc_queries(options.data, "test"), options.n)
    stages = {_KNN: _nearest_neighbours(train, texts)} | _stages(detector, texts)
    times_s = bench_engine.times_s(stages, options.repeats)
    medians_s = {name: statistics.median(values) for name, values in times_s.items()}
    print(
        f"{common.machine()}; {len(texts)} CLINC150 queries of which {len(set(texts))} distinct, "
        f"detector {options.detector}, median of {options.repeats} repeats\n"
    )
    print(_table(medians_s, len(texts)))
    if options.out:
        _write(options.out, times_s, len(texts))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    common.add_data_option(parser)
    parser.add_argument("--n", type=int, default=200, help="texts to score")
    parser.add_argument("--n-train", type=int, default=200, help="texts to fit on")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--detector", default="auto")
    parser.add_argument("--out", type=Path, help="JSON file for every time")
    return parser.parse_args()


def _drawn(texts: list[str], n: int) -> list[str]:
    return [texts[i] for i in np.random.default_rng(0).permutation(len(texts))[:n]]


def _stages(detector: PolarDetector, texts: list[str]) -> bench_engine.Stages:
    """Return what is timed, by name; each runs over all texts."""
    fitted, extractor = detector.fitted_, detector.engine_.extractor
    tokens = extractor.tracer.tokenize(texts)
    readings = extractor.read(texts)
    neighbours, _ = fitted.text_reference.neighbours(readings.embeddings)
    menu = detector.normal_programs().menu
    return {
        _LOSS_ONLY: lambda: bench_engine.losses(extractor.tracer.executor, tokens),
        "loss only, the model's own forward": (
            lambda: bench_engine.own_losses(extractor.tracer.backbone, tokens)
        ),
        "read: trace": lambda: extractor.tracer.trace(texts),
        "read: encoder": lambda: extractor.encoder.read(texts),
        "compare: distances, tokens, memory": (
            lambda: extractor.signatures(readings, fitted.text_reference)
        ),
        "context gain (detectors other than auto)": (
            lambda: extractor.context(readings, neighbours, fitted.reference.texts)
        ),
        f"minimal program: menu of {len(menu.programs)}": (
            lambda: extractor.minimal_programs(readings, menu, tolerance=detector.tolerance)
        ),
        "assess: all of it": lambda: detector.assess(texts),
        "assess, preset fast": lambda: detector.assess(texts, programs_of="flagged"),
    }


def _nearest_neighbours(train: list[str], texts: list[str]) -> Callable[[], object]:
    """Return what scores `texts` as PyOD's users do, models loaded and neighbours fitted."""
    folder = models.resolve(models.DEFAULT_ENCODER).folder
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)
    model.float().eval()

    @torch.no_grad()
    def embed(own: list[str]) -> np.ndarray:
        order = sorted(range(len(own)), key=lambda i: -len(own[i]))
        rows = np.empty((len(own), model.config.hidden_size), np.float32)
        for start in range(0, len(own), _ENCODER_BATCH):
            chunk = order[start : start + _ENCODER_BATCH]
            batch = tokenizer(
                [own[i] for i in chunk], padding=True, truncation=True, return_tensors="pt"
            )
            mask = batch["attention_mask"][:, :, None]
            pooled = (model(**batch).last_hidden_state * mask).sum(1) / mask.sum(1)
            rows[chunk] = F.normalize(pooled).numpy()
        return rows

    detector = NearestNeighbours(n_neighbors=5, method="mean").fit(embed(train))
    return lambda: detector.decision_function(embed(texts))


def _table(medians_s: dict[str, float], n_texts: int) -> str:
    units_s = [medians_s[name] for name in (_LOSS_ONLY, _KNN)]
    rows = []
    for name, s in medians_s.items():
        ratios = [f"{s / unit_s:.1f}" for unit_s in units_s]
        rows.append([name, f"{1e3 * s / n_texts:.1f}", *ratios, f"{n_texts / s:.1f}"])
    header = ["stage", "ms a text", "× loss only", "× MiniLM + kNN", "texts a second"]
    return common.markdown_table(header, rows)


def _write(path: Path, times_s: dict[str, list[float]], n_texts: int) -> None:
    stored = {"machine": common.machine(), "n_texts": n_texts, "times_s": times_s}
    common.write_json(path, stored)


if __name__ == "__main__":
    main()
