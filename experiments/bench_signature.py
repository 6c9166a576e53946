"""What a signature costs: each stage as a multiple of a plain loss-only forward pass.

All stages run over the same short texts, one after the other in every repeat; medians are
printed. Texts per second are those of `PolarDetector.assess`, models loaded.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import common
import numpy as np
import torch
import torch.nn.functional as F

from polar_detect import PolarDetector
from polar_detect.executor import batches
from polar_detect.program import Program
from polar_detect.schedule import Job

Stages = dict[str, Callable[[], object]]

_LOSS_ONLY = "loss only, full program"
_BATCH_TOKENS = 1024


def main() -> None:
    options = _options()
    detector = PolarDetector(options.detector)
    common.say(f"fit on {options.n_train} texts")
    detector.fit(_drawn(common.clinc_queries(options.data, "train"), options.n_train))
    texts = _drawn(common.clinc_queries(options.data, "test"), options.n)
    times_s = _times_s(_stages(detector, texts), options.repeats)
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


def _stages(detector: PolarDetector, texts: list[str]) -> Stages:
    """Return what is timed, by name; each runs over all texts."""
    fitted, extractor = detector.fitted_, detector.engine_.extractor
    executor, backbone = extractor.tracer.executor, extractor.tracer.backbone
    tokens = backbone.tokenize(texts, detector.max_tokens)
    readings = extractor.read(texts)
    neighbours = fitted.reference.neighbours(readings.embeddings)
    return {
        _LOSS_ONLY: lambda: _losses(detector, tokens),
        "loss only, the model's own forward": lambda: _own_losses(detector, tokens),
        "read: trace": lambda: extractor.tracer.trace(texts),
        "read: encoder": lambda: extractor.encoder.read(texts),
        "compare: distances, tokens, memory": (
            lambda: extractor.signatures(readings, fitted.reference)
        ),
        "context gain (detectors other than auto)": (
            lambda: extractor.context(readings, neighbours, fitted.reference.texts)
        ),
        f"minimal program: menu of {len(fitted.menu.programs)}": (
            lambda: fitted.menu.minimal_programs(executor, tokens, tolerance=detector.tolerance)
        ),
        "assess: all of it": lambda: detector.assess(texts),
        "assess, preset fast": lambda: detector.assess(texts, programs_of="flagged"),
    }


def _losses(detector: PolarDetector, tokens: list[list[int]]) -> None:
    executor = detector.engine_.extractor.tracer.executor
    full = Program.full(executor.backbone.n_layers)
    for batch in batches(tokens, executor.backbone, max_batch_tokens=_BATCH_TOKENS):
        executor.losses(batch, [Job(text, full) for text in range(len(batch))])


@torch.no_grad()
def _own_losses(detector: PolarDetector, tokens: list[list[int]]) -> None:
    """Compute the same losses by Hugging Face's forward, batched alike, in its own dtype."""
    backbone = detector.engine_.extractor.tracer.backbone
    for batch in batches(tokens, backbone, max_batch_tokens=_BATCH_TOKENS):
        logits = backbone.model(input_ids=batch.input_ids, use_cache=False).logits
        kept = logits[batch.is_target].float()
        F.cross_entropy(kept, batch.targets[batch.is_target], reduction="none").cpu()


def _times_s(stages: Stages, repeats: int) -> dict[str, list[float]]:
    """Time all stages side by side, after one round to warm up."""
    times_s: dict[str, list[float]] = {name: [] for name in stages}
    for repeat in range(-1, repeats):
        for name, run in stages.items():
            start_s = time.perf_counter()
            run()
            took_s = time.perf_counter() - start_s
            common.say(f"repeat {repeat + 1}: {name} {took_s:.2f} s")
            if repeat >= 0:
                times_s[name].append(took_s)
    return times_s


def _table(medians_s: dict[str, float], n_texts: int) -> str:
    unit_s = medians_s[_LOSS_ONLY]
    rows = [
        [name, f"{1e3 * s / n_texts:.1f}", f"{s / unit_s:.1f}", f"{n_texts / s:.1f}"]
        for name, s in medians_s.items()
    ]
    return common.markdown_table(["stage", "ms a text", "× loss only", "texts a second"], rows)


def _write(path: Path, times_s: dict[str, list[float]], n_texts: int) -> None:
    stored = {"machine": common.machine(), "n_texts": n_texts, "times_s": times_s}
    common.write_json(path, stored)


if __name__ == "__main__":
    main()
