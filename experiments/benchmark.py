"""Benchmark: the default detector beside what a user or a paper would do, task by task.

Every result is appended to a JSON lines file as soon as it is known; what is there already, from
the same sources and processor, is not computed again. Progress goes to stderr, tables of AUROC
and of the rows to stdout.

Reads: sources of the tasks. Takes: 40 min (two seeds), 25 min (--fresh, two seeds).
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import cast

import bench_baselines
import bench_tables
import bench_tasks
import common
import fit_tables
import numpy as np
import sources
from bench_baselines import Sample, Scores
from bench_cache import SOURCES, CachedExtractor
from bench_tables import Run
from fit_tables import Notes, Signatures
from numpy.typing import NDArray

from polar_detect import models
from polar_detect.backbone.tokenizing import MAX_TOKENS
from polar_detect.detectors import AutoHead
from polar_detect.metrics import auroc
from polar_detect.pipeline.engine import Engine, encoder_for
from polar_detect.signature.reading.readings import Readings
from polar_detect.signature.reading.tracer import Tracer

POLAR = "polar-detect"

_OUT = Path("experiments/out/benchmark.jsonl")
CACHE = Path(tempfile.gettempdir()) / "polar-detect-benchmark"


@dataclass(frozen=True)
class Unit:
    """What is computed and stored together: a family of methods on one split.

    `sources` and `machine` name the code and the processor that it is computed with.
    """

    task: str
    seed: int
    family: str
    n_train: int
    n_test: int
    sources: str
    machine: str
    model: str = models.DEFAULT_MODEL
    encoder: str = models.AUTO_ENCODER
    max_tokens: int = MAX_TOKENS


class Bench:
    """Computes units; loads models only when one needs them."""

    def __init__(
        self,
        data: Path,
        cache: Path,
        model: str = models.DEFAULT_MODEL,
        encoder: str = models.AUTO_ENCODER,
        max_tokens: int = MAX_TOKENS,
    ) -> None:
        self.data, self.cache, self.model, self.encoder = data, cache, model, encoder
        self.max_tokens = max_tokens
        self._samples: dict[tuple[str, int, int, int], Sample] = {}
        self._engines: dict[str, Engine] = {}

    def runs(self, unit: Unit) -> list[Run]:
        """Return every method's figures on the unit's test rows."""
        sample = self.sample(unit.task, unit.seed, n_train=unit.n_train, n_test=unit.n_test)
        scores = self._families[unit.family](sample)
        own = (unit.task, unit.seed)
        return [Run.of(*own, method, sample.split, values) for method, values in scores.items()]

    def read(self, texts: Sequence[str]) -> Readings:
        """Return what both models do with each text, from the cache where it is known."""
        return self._extractor.read(texts)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the sentence embeddings alone, likewise."""
        return self._extractor.embed(texts)

    def sample(self, name: str, seed: int, *, n_train: int, n_test: int) -> Sample:
        """Return the rows of a task; those of the last call are kept."""
        key = (name, seed, n_train, n_test)
        if key not in self._samples:
            task = bench_tasks.load(name, self.data, seed)
            split = bench_tasks.split(name, self.data, seed=seed, n_train=n_train, n_test=n_test)
            self._samples = {key: Sample(task, split, seed, self)}  # one at a time
        return self._samples[key]

    def signatures(self, sample: Sample, labelled: Sequence[str] = ()) -> Signatures:
        """Return what a fit shows the default detector, and the test rows."""
        return fit_tables.signatures(
            sample.split,
            self.engine(encoder_for(sample.split.train, self.encoder)),
            seed=sample.seed,
            notes=Notes(),
            labelled=labelled,
            folder=self.cache,
        )

    @property
    def _families(self) -> dict[str, Callable[[Sample], dict[str, Scores]]]:
        return bench_baselines.FAMILIES | {POLAR: self._polar}

    def _polar(self, sample: Sample) -> dict[str, Scores]:
        """Score with the default detector, as `PolarDetector` fitted on the same rows does."""
        return {POLAR: self.signatures(sample).scores(AutoHead(), seed=sample.seed)}

    def engine(self, encoder: str) -> Engine:
        """Return the language model and an encoder, loaded once, reading through the cache."""
        if encoder not in self._engines:
            engine = Engine.load(self.model, encoder)
            own, hashes = engine.extractor, (engine.model.sha256, engine.encoder_model.sha256)
            # As the default detector reads, so that it and the baselines share a store.
            tracer = Tracer(own.tracer.backbone, max_tokens=self.max_tokens, curves="none")
            cut = own.encoder.cut_after(self.max_tokens)
            cached = CachedExtractor(tracer, cut, self.cache, models=hashes)
            self._engines[encoder] = replace(engine, extractor=cached)
        return self._engines[encoder]

    @property
    def _extractor(self) -> CachedExtractor:
        """What baselines read through, where the encoder goes by the texts with the default one."""
        is_auto = self.encoder == models.AUTO_ENCODER
        engine = self.engine(models.DEFAULT_ENCODER if is_auto else self.encoder)
        return cast(CachedExtractor, engine.extractor)


def main() -> None:
    options = _options()
    units = list(_units(options))
    stored = _stored(options.out, set(units))
    known = {unit for unit, _ in stored}
    missing = [unit for unit in units if unit not in known]
    common.say(f"{len(units)} units, {len(units) - len(missing)} of them stored in {options.out}")
    read_by = (options.model, options.encoder, options.max_tokens)
    bench = Bench(options.data, options.cache, *read_by)
    stored += _computed(missing, bench, options.out)
    runs = [run for _, own in stored for run in own]
    how = (
        f"{options.model} and {options.encoder} (called MiniLM below), {options.max_tokens} tokens"
    )
    seeds = f"{options.seeds} seeds from {options.first_seed}"
    print(f"{common.machine()}; {how}; AUROC, mean of {seeds}\n")
    print(bench_tables.report(runs, default=POLAR))
    if options.json:
        whole = {"machine": common.machine(), "runs": [asdict(run) for run in runs]}
        common.write_json(options.json, whole)


def _options() -> argparse.Namespace:
    families = (*bench_baselines.FAMILIES, POLAR)
    parser = argparse.ArgumentParser(description=__doc__)
    common.add_data_option(parser)
    suite = parser.add_mutually_exclusive_group()
    suite.add_argument("--quick", action="store_true", help="eight tasks, two seeds")
    suite.add_argument("--fresh", action="store_true", help="the tasks that nothing was chosen on")
    parser.add_argument(
        "--tasks",
        type=common.some_of([*bench_tasks.names(), *bench_tasks.fresh()]),
        help="a,b,…; default: all but the fresh ones",
    )
    parser.add_argument("--seeds", type=int, help="how many; default: 5, with --quick 2")
    parser.add_argument("--first-seed", type=int, default=0, help="default: 0")
    parser.add_argument(
        "--methods",
        type=common.some_of(families),
        default=families,
        help=f"families of methods among {','.join(families)}; default: all",
    )
    parser.add_argument(
        "--model", default=models.DEFAULT_MODEL, help=f"default: {models.DEFAULT_MODEL}"
    )
    parser.add_argument(
        "--encoder",
        default=models.AUTO_ENCODER,
        help="also read by the baselines that are called MiniLM; default: "
        f"{models.AUTO_ENCODER}, where they read {models.DEFAULT_ENCODER} throughout",
    )
    parser.add_argument(
        "--max-tokens", type=int, default=MAX_TOKENS, help=f"of a text; default: {MAX_TOKENS}"
    )
    parser.add_argument("--n-train", type=int, default=600)
    parser.add_argument("--n-test", type=int, default=300, help="test rows per class at most")
    parser.add_argument("--cache", type=Path, default=CACHE, help=f"default: {CACHE}")
    parser.add_argument("--out", type=Path, default=_OUT, help=f"results; default: {_OUT}")
    parser.add_argument("--json", type=Path, help="file for the runs of the table")
    options = parser.parse_args()
    every = bench_tasks.fresh() if options.fresh else bench_tasks.names()
    options.tasks = options.tasks or (bench_tasks.QUICK if options.quick else every)
    options.seeds = options.seeds or (2 if options.quick else 5)
    return options


def _units(options: argparse.Namespace) -> Iterable[Unit]:
    """Yield the units, all families of a split after one another, whole seeds first."""
    made_by = {name: (_fingerprint(name), common.arithmetic()) for name in options.methods}
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        for task in options.tasks:
            for family in options.methods:
                sizes = (options.n_train, options.n_test)
                read_by = (options.model, options.encoder, options.max_tokens)
                yield Unit(task, seed, family, *sizes, *made_by[family], *read_by)


def _computed(units: Sequence[Unit], bench: Bench, out: Path) -> list[tuple[Unit, list[Run]]]:
    """Compute units one by one, and append each to the file before the next begins."""
    done = []
    start_s = time.perf_counter()
    _end_last_line(out)
    for i, unit in enumerate(units, 1):
        runs = bench.runs(unit)
        line = json.dumps({"unit": asdict(unit), "runs": [asdict(run) for run in runs]})
        with out.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        done.append((unit, runs))
        left_min = (time.perf_counter() - start_s) / i * (len(units) - i) / 60
        best = f"best AUROC {max(r.auroc for r in runs):.3f}" if runs else "does not apply"
        common.say(
            f"{i}/{len(units)} {unit.task} seed {unit.seed} {unit.family}: {best}; "
            f"{left_min:.0f} min left"
        )
    return done


def _end_last_line(path: Path) -> None:
    """Make sure that what is appended next begins a line, also after an interruption."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_file() and not path.read_bytes().endswith(b"\n"):
        with path.open("ab") as file:
            file.write(b"\n")


def _stored(path: Path, wanted: set[Unit]) -> list[tuple[Unit, list[Run]]]:
    """Read which of these units earlier calls computed; a line that was cut off is left out."""
    if not path.is_file():
        return []
    by_line = {json.dumps(asdict(unit)): unit for unit in wanted}
    stored: dict[Unit, list[Run]] = {}
    lines = path.read_text(encoding="utf-8").split("\n")
    for i, line in enumerate(lines, 1):
        try:
            row = json.loads(line) if line else None
        except json.JSONDecodeError:
            common.say(f"Got a broken line {i} in {path}; it is computed again.")
            continue
        if row and (unit := by_line.get(json.dumps(row["unit"]))):
            stored[unit] = [Run(**run) for run in row["runs"]]
    return list(stored.items())


def _fingerprint(family: str) -> str:
    """Name the sources that a family's results depend on."""
    here = Path(__file__).parent
    own = [
        here / name for name in ("benchmark.py", "bench_tables.py", "common.py", "bench_tasks.py")
    ]
    if family == POLAR:
        own += [here / "fit_tables.py", *sources.PATHS.values()]
    else:
        own += [here / "bench_baselines.py"]
        own += [*SOURCES, *sources.behind([auroc])]
    return sources.digest(own)


if __name__ == "__main__":
    main()
