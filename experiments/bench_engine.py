"""How near the engine is to the machine's limit, and what it costs that bits never change.

Everything is timed side by side in every repeat, after one round to warm up; figures are
medians. With `--clock cpu`, the processor's time instead of the wall's: what to use where
other work runs beside. Layer calls are those that the executor counted.

With `--out` a run goes on where it stopped: parts that the file has are not measured again,
and `--parts` names those to measure now.

Prints a table of the figures; --plot draws how the cost grows. Reads: clinc150. Takes: 4 min.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest import mock

import common
import numpy as np
import torch
import torch.nn.functional as F
from bench_processes import CLI, timed_process
from kept import Kept

from polar_detect import PolarDetector
from polar_detect.backbone import moving
from polar_detect.backbone.decoder import Backbone
from polar_detect.backbone.packing import Packing
from polar_detect.executor.batches import Batch, batches
from polar_detect.executor.decoder import Executor
from polar_detect.executor.schedule import Job
from polar_detect.numerics import block_sizes, blocks
from polar_detect.program import Program, one_edit_programs

Stages = dict[str, Callable[[], object]]

_CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
_PRODUCTS = {"mkldnn::_linear_pointwise", "aten::mm", "aten::addmm", "aten::bmm"}
_PARTS = ("start", "start-fast", "products", "stages", "bits", "growth")
_ATTENTION = "aten::_scaled_dot_product_flash_attention_for_cpu"
_WAYS = ("", ", the model's own forward")
_BATCH_TOKENS = 1024


def main() -> None:
    options = _options()
    named = ("n", "n_train", "repeats", "clock", "fitted")
    settings = {name: getattr(options, name) for name in named}
    kept = Kept.of(options.out, data=options.data.resolve(), **settings)
    figures = kept.read()
    with tempfile.TemporaryDirectory() as name:
        folder = options.fitted or _fitted(Path(name) / "detector", options)
        texts = _drawn(common.clinc_queries(options.data, "test"), options.n)
        detector = PolarDetector.load(folder)
        parts: Stages = {
            "start": lambda: _starts(folder, texts[:100], Path(name), options, "default"),
            "start-fast": lambda: _starts(folder, texts[:100], Path(name), options, "fast"),
            "products": lambda: _product_shares(detector),
            "stages": lambda: _stages(detector, texts, options),
            "bits": lambda: _changed_bits(detector, texts),
            "growth": lambda: _growth(detector, options),
        }
        for part in options.parts:
            if part not in figures:
                figures[part] = parts[part]()
                kept.write(figures)
    print(f"{common.machine()}; {len(texts)} distinct CLINC150 queries, {options.clock} time, "
          f"median of {options.repeats} repeats\n")  # fmt: skip
    print(_table(figures, len(texts)))
    if options.plot and "growth" in figures:
        _plot(figures["growth"], options.plot, options.clock)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    common.add_data_option(parser)
    parser.add_argument("--fitted", type=Path, help="saved detector; default: one is fitted")
    parser.add_argument("--n", type=int, default=256, help="texts to score")
    parser.add_argument("--n-train", type=int, default=200, help="texts to fit on")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--clock", choices=list(_CLOCKS), default="wall")
    parser.add_argument("--plot", type=Path, help="SVG file for how the cost grows")
    parser.add_argument("--out", type=Path, help="JSON file for every figure; is gone on with")
    parser.add_argument("--parts", type=common.some_of(_PARTS), default=_PARTS)
    return parser.parse_args()


def _fitted(folder: Path, options: argparse.Namespace) -> Path:
    common.say(f"fit on {options.n_train} texts")
    train = _drawn(common.clinc_queries(options.data, "train"), options.n_train)
    PolarDetector().fit(train).save(folder)
    return folder


def _drawn(texts: list[str], n: int) -> list[str]:
    distinct = list(dict.fromkeys(texts))
    return [distinct[i] for i in np.random.default_rng(0).permutation(len(distinct))[:n]]


def _one_edit_jobs(
    executor: Executor, n_tokens: int, n_texts: int, n_programs: int
) -> tuple[Batch, list[Job]]:
    """Return a batch of texts of `n_tokens` with the full program and its first edits."""
    rng = np.random.default_rng(0)
    rows = rng.integers(100, 20_000, (n_texts, n_tokens)).tolist()
    (batch,) = batches(rows, executor.backbone, max_batch_tokens=10**6)
    n_layers = executor.backbone.n_layers
    chosen = [Program.full(n_layers), *one_edit_programs(n_layers)][:n_programs]
    return batch, [Job(text, program) for text in range(n_texts) for program in chosen]


def _product_shares(detector: PolarDetector) -> list[dict[str, float]]:
    """Profile all one-edit programs of 4 texts: which part of the time products take.

    On one thread, as the profiler sees no work of the lanes' other threads.
    """
    executor = detector.engine_.extractor.tracer.executor
    shares = []
    for n_tokens in (12, 64):
        batch, jobs = _one_edit_jobs(executor, n_tokens, 4, 61)
        with _threads(1):
            executor.losses(batch, jobs)
            with torch.profiler.profile(
                activities=[torch.profiler.ProfilerActivity.CPU]
            ) as profile:
                executor.losses(batch, jobs)
        spent = {event.key: event.self_cpu_time_total for event in profile.key_averages()}
        total = sum(spent.values())
        linear = sum(spent.get(name, 0) for name in _PRODUCTS)
        shares.append(
            {
                "n_tokens": n_tokens,
                "linear": linear / total,
                "attention": spent.get(_ATTENTION, 0) / total,
            }
        )
        common.say(f"products: {shares[-1]}")
    return shares


def _stages(
    detector: PolarDetector, texts: list[str], options: argparse.Namespace
) -> dict[str, list[float]]:
    extractor, fitted = detector.engine_.extractor, detector.fitted_
    executor = extractor.tracer.executor
    tokens = extractor.tracer.tokenize(texts)
    readings = extractor.read(texts)
    curves = detector.engine_.reading(
        max_tokens=detector.max_tokens, curves="first-order", wants_context=False
    ).extractor

    programs = detector.normal_programs()

    def menu() -> None:
        extractor.minimal_programs(readings, programs.menu, tolerance=detector.tolerance)

    stages: Stages = {
        "loss only": lambda: losses(executor, tokens),
        "loss only, rows not in blocks": lambda: _unblocked(lambda: losses(executor, tokens)),
        "loss only, the model's own forward": lambda: own_losses(executor.backbone, tokens),
        "signature without program": (
            lambda: extractor.signatures(extractor.read(texts), fitted.text_reference)
        ),
        "signature with curves, without program": (
            lambda: curves.signatures(curves.read(texts), fitted.text_reference)
        ),
        "menu": menu,
        "menu, rows not in blocks": lambda: _unblocked(menu),
        "score": lambda: detector.assess(texts),
        "score, fast preset": lambda: detector.assess(texts, programs_of="flagged"),
        "score, each text searched": lambda: detector.assess(texts, programs_of="searched"),
    }
    return times_s(stages, options.repeats, _CLOCKS[options.clock])


def losses(executor: Executor, tokens: list[list[int]]) -> None:
    """Compute the losses of tokenised texts under the full program."""
    full = Program.full(executor.backbone.n_layers)
    for batch in batches(tokens, executor.backbone, max_batch_tokens=_BATCH_TOKENS):
        executor.losses(batch, [Job(text, full) for text in range(len(batch))])


@torch.no_grad()
def own_losses(backbone: Backbone, tokens: list[list[int]]) -> None:
    """Compute the same by the model's own forward, batched alike, in float32."""
    for batch in batches(tokens, backbone, max_batch_tokens=_BATCH_TOKENS):
        padded = backbone.padded_lengths(batch.is_target.sum(1).numpy())
        for n in np.unique(padded).tolist():
            rows = np.flatnonzero(padded == n)
            logits = backbone.model(input_ids=batch.input_ids[rows, :n], use_cache=False).logits
            is_target = batch.is_target[rows, :n]
            F.cross_entropy(logits[is_target], batch.targets[rows, :n][is_target], reduction="none")


def _unblocked(run: Callable[[], object]) -> None:
    """Run with blocks as large as they come, none filled up: bits then change with company."""
    with (
        mock.patch.object(block_sizes.RowCounts, "of", lambda *a: (max(1, 2048 // a[3].shape[1]),)),
        mock.patch.object(blocks, "_cut", lambda n_rows, counts: _loose(n_rows, counts[0])),
        mock.patch.object(moving, "packings", _loosely_packed),
    ):
        run()


def _loose(n_rows: int, size: int) -> list[tuple[slice, int]]:
    """Return places of at most `size` rows, none of them filled up."""
    places = [slice(start, min(start + size, n_rows)) for start in range(0, n_rows, size)]
    return [(place, place.stop - place.start) for place in places]


def _loosely_packed(
    lengths: tuple[int, ...], padded: tuple[int, ...], *_: object
) -> tuple[tuple[slice, Packing], ...]:
    """Return packings of about 2,048 tokens at most, none of them filled up."""
    part = np.cumsum(lengths) // 2048
    edges = [0, *(np.flatnonzero(np.diff(part)) + 1).tolist(), len(lengths)]
    places = [slice(*pair) for pair in pairwise(edges)]
    return tuple((p, Packing(lengths[p], padded[p], sum(lengths[p]))) for p in places)


def times_s(
    stages: Stages, repeats: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, list[float]]:
    """Time all stages side by side, after one round to warm up."""
    found: dict[str, list[float]] = {name: [] for name in stages}
    for repeat in range(-1, repeats):
        for name, run in stages.items():
            start_s = clock()
            run()
            took_s = clock() - start_s
            common.say(f"repeat {repeat + 1}: {name} {took_s:.2f} s")
            if repeat >= 0:
                found[name].append(took_s)
    return found


def _changed_bits(detector: PolarDetector, texts: list[str]) -> dict[str, float]:
    """Return shares of scores and programs that change with company, order and threads."""
    whole = detector.assess(texts)
    with _threads(torch.get_num_threads() % 2 + 1):
        parts = [detector.assess(texts[i::5][::-1]) for i in range(5)]
    scores = np.concatenate([part.scores[::-1] for part in parts])
    programs = [m for part in parts for m in reversed(part.all_programs)]
    order = [i for start in range(5) for i in range(start, len(texts), 5)]
    pairs = [(whole.all_programs[i], found) for i, found in zip(order, programs, strict=True)]
    return {
        "scores": float(np.mean(whole.scores[order] != scores)),
        "losses": float(np.mean([a.loss != b.loss for a, b in pairs])),
        "programs": float(np.mean([a.program != b.program for a, b in pairs])),
    }


@contextmanager
def _threads(n: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    yield
    torch.set_num_threads(before)


def _starts(
    detector: Path,
    texts: Sequence[str],
    folder: Path,
    options: argparse.Namespace,
    preset: str,
) -> dict[str, float]:
    """Return the median times of `_start`, after one that fills the caches of a new machine."""
    _start(detector, texts, folder, preset)
    found = [_start(detector, texts, folder, preset) for _ in range(options.repeats)]
    common.say(f"start, {preset}: {found}")
    return {name: statistics.median(one[name] for one in found) for name in found[0]}


def _start(detector: Path, texts: Sequence[str], folder: Path, preset: str) -> dict[str, float]:
    """Time the whole process of `polar-detect score` on a few texts, the model in the cache."""
    source, out = folder / "texts.txt", folder / "scored.csv"
    source.write_text("\n".join(texts) + "\n", encoding="utf-8")
    command = ["-c", CLI, "score", str(source), "--preset", preset]
    wall_s, cpu_s = timed_process([*command, "--detector", str(detector), "--out", str(out)])
    return {"wall_s": wall_s, "cpu_s": cpu_s}


def _growth(detector: PolarDetector, options: argparse.Namespace) -> dict[str, list[list[float]]]:
    """Time the executor along one of texts, programs, tokens and layers at a time."""
    executor = detector.engine_.extractor.tracer.executor
    n_layers = executor.backbone.n_layers
    points: dict[str, dict[int, tuple[int, int, int, int]]] = {
        "texts": {n: (12, n, 8, n_layers) for n in (1, 4, 16, 64)},
        "programs": {n: (12, 16, n, n_layers) for n in (1, 4, 16, 61)},
        "tokens": {n: (n, 16, 4, n_layers) for n in (8, 16, 32, 64)},
        "layers": {n: (12, 32, 1, n) for n in (5, 10, 20, n_layers)},
    }
    growth: dict[str, list[list[float]]] = {}
    for axis, settings in points.items():
        runs: Stages = {}
        calls: dict[str, int] = {}
        for n, (n_tokens, n_texts, n_programs, length) in settings.items():
            batch, jobs = _one_edit_jobs(executor, n_tokens, n_texts, n_programs)
            if length < n_layers:
                jobs = [Job(job.text, Program(tuple(range(length)))) for job in jobs]
            runs[str(n)] = partial(executor.losses, batch, jobs)
            executor.spent.clear()
            runs[str(n)]()
            calls[str(n)] = sum(executor.spent.values())
        timed = times_s(runs, options.repeats, _CLOCKS[options.clock])
        medians = {n: statistics.median(own) for n, own in timed.items()}
        growth[axis] = [[int(n), 1e3 * s, calls[n]] for n, s in medians.items()]
    return growth


def _table(figures: dict[str, Any], n_texts: int) -> str:
    rows = [
        [f"linear layers' and read-out's share of the executor's time, T = {s['n_tokens']}",
         f"{s['linear']:.0%} (attention {s['attention']:.0%} more)", "≥ 80 %"]
        for s in figures.get("products", ())
    ]  # fmt: skip
    if "stages" in figures:
        rows += _stage_rows(figures["stages"], n_texts)
    for part, preset in (("start", ""), ("start-fast", ", fast preset")):
        if part in figures:
            start = figures[part]
            spent = f"{start['wall_s']:.1f} s ({start['cpu_s']:.1f} s of processor time)"
            what = f"start to first score of 100 texts, whole process{preset}"
            rows += [[what, spent, "≤ 8 s"]]
    if "bits" in figures:
        shares = ", ".join(f"{share:.0%}" for share in figures["bits"].values())
        rows += [["scores, losses, programs changed by company, order, threads", shares, "0"]]
    for axis, points in figures.get("growth", {}).items():
        cells = ", ".join(f"{n}: {ms:.0f} ms ({calls:,} calls)" for n, ms, calls in points)
        rows.append([f"growth with {axis}", cells, ""])
    return common.markdown_table(["what", "figure", "goal"], rows)


def _stage_rows(stages: dict[str, list[float]], n_texts: int) -> list[list[str]]:
    medians = {name: statistics.median(times) for name, times in stages.items()}
    fast, with_curves = (
        [medians[f"signature {kind}"] / medians[f"loss only{way}"] for way in _WAYS]
        for kind in ("without program", "with curves, without program")
    )
    filling = " and ".join(
        f"{medians[name] / medians[f'{name}, rows not in blocks']:.2f} ×"
        for name in ("loss only", "menu")
    )
    return [
        [
            "fast signature against loss only, by this engine and by the model's own forward",
            f"{fast[0]:.1f} × and {fast[1]:.1f} ×",
            "≤ 3.5 ×",
        ],
        [
            "the same with skip, loop and exit curves",
            f"{with_curves[0]:.1f} × and {with_curves[1]:.1f} ×",
            "≤ 3.5 ×",
        ],
        ["score, texts a second", f"{n_texts / medians['score']:.1f}", "≥ 12"],
        ["score, fast preset", f"{n_texts / medians['score, fast preset']:.1f}", "≥ 50"],
        ["blocks of few sizes against none: loss only, menu", filling, "≤ 1.15 ×"],
    ]


def _plot(growth: dict[str, list[list[float]]], path: Path, clock: str) -> None:
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(growth), figsize=(10, 2.6), sharey=True)
    for ax, (axis, points) in zip(axes, growth.items(), strict=True):
        counts, times_ms, _ = zip(*points, strict=True)
        ax.loglog(counts, times_ms, "o-", color="#2a6f97", markersize=4)
        ax.loglog(counts, [times_ms[-1] * n / counts[-1] for n in counts], ":", color="0.6")
        ax.set_xticks(counts, [str(n) for n in counts], minor=False)
        ax.minorticks_off()
        ax.set_xlabel(axis)
    axes[0].set_ylabel(f"ms ({clock} time)")
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
