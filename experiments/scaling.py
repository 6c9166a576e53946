"""One against two workers of `polar-detect score --engine ray`, and what a billion rows cost.

    python experiments/scaling.py [--rows 1200] [--detector DIR] [--euro-per-core-hour 0.04]

Starts a local Ray cluster for each number of workers. Without --detector, fits one on a tiny
random model: then the figures show the overhead, and not what a real model costs. The time to
the first finished chunk (starting Ray, loading models) is told apart from the rest.

Reads: no data set. Takes: 3 min (real models).
"""

import argparse
import csv
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from polar_detect.artifact.sealing import manifest_sha256
from polar_detect.calibration import smallest_alpha
from polar_detect.detector import PolarDetector
from polar_detect.scoring import run
from polar_detect.scoring.flags import FlagRule
from polar_detect.scoring.job import ScoreJob, open_input
from polar_detect.scoring.ray_engine import RayFleet, RayOptions
from polar_detect.scoring.results import LocalEngine

BILLION = 10**9


@dataclass(frozen=True)
class Timing:
    """One run: seconds until the first chunk was finished, and from there to the last."""

    n_workers: int
    start_s: float
    rest_s: float
    n_rest: int

    @property
    def texts_per_s(self) -> float:
        """Rate behind the start."""
        return self.n_rest / self.rest_s


def fit_tiny(folder: Path) -> Path:
    from tiny_models import CONFIGS, save_tiny
    from work_orders import NORMAL

    model = save_tiny(CONFIGS["llama"], folder / "model")
    PolarDetector(model=str(model)).fit(NORMAL).save(folder / "detector")
    return folder / "detector"


def write_rows(path: Path, n_rows: int) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text"])
        writer.writerows([f"Pump {i} leaks oil again, line {i % 7}"] for i in range(n_rows))


def measure(folder: Path, detector_folder: Path, n_workers: int) -> Timing:
    import ray

    job = _job(folder, f"out-{n_workers}.csv", detector_folder)
    opened = open_input(job)
    detector = PolarDetector.load(detector_folder)
    seen: list[tuple[float, int]] = []

    def progress(stage: str, done: int, _: int) -> None:
        if stage == "compute":
            seen.append((time.monotonic(), done))

    rule = FlagRule(max(0.05, smallest_alpha(len(detector.fitted_.calibration_scores))))
    begun = time.monotonic()
    fleet = RayFleet(detector_folder, job.detector_sha256, RayOptions(n_workers=n_workers))
    run.run(job, opened, LocalEngine(detector), rule, progress, fleet=fleet)
    ray.shutdown()
    (first, n_first), (last, n_last) = seen[0], seen[-1]
    return Timing(n_workers, first - begun, last - first, n_last - n_first)


def _job(folder: Path, out: str, detector_folder: Path) -> ScoreJob:
    return ScoreJob(
        source=folder / "rows.csv",
        out=folder / out,
        detector_sha256=manifest_sha256(detector_folder),
        text_column="text",
    )


def driver_rate(folder: Path, detector_folder: Path) -> float:
    """Return the rows a second that the driver reads, with nothing to compute: the bottleneck."""
    job = _job(folder, "out-0.csv", detector_folder)
    begun = time.monotonic()
    opened = open_input(job)
    return opened.n_rows / (time.monotonic() - begun)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1200)
    parser.add_argument("--detector", type=Path)
    parser.add_argument("--euro-per-core-hour", type=float, default=0.04)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        detector = args.detector or fit_tiny(folder)
        write_rows(folder / "rows.csv", args.rows)
        timings = [measure(folder, detector, n) for n in (1, 2)]
        write_rows(folder / "rows.csv", 200_000)
        n_driver = driver_rate(folder, detector)
    print("| workers | start, s | texts a second behind it |\n|---|---|---|")
    for t in timings:
        print(f"| {t.n_workers} | {t.start_s:.1f} | {t.texts_per_s:.1f} |")
    one, two = timings
    print(f"speed-up {two.texts_per_s / one.texts_per_s:.2f}")
    core_hours = BILLION / one.texts_per_s / 3600
    # The driver reads the input four times and writes it once, which is about as much again.
    driver_hours = 5 * BILLION / n_driver / 3600
    n_useful = n_driver / 5 / one.texts_per_s
    print(
        f"a billion distinct rows, on paper: {core_hours:,.0f} core hours, "
        f"{core_hours * args.euro_per_core_hour:,.0f} euro; the driver reads {n_driver:,.0f} rows "
        f"a second and needs {driver_hours:.1f} h, so it is the bottleneck beyond "
        f"{n_useful:,.0f} workers"
    )


if __name__ == "__main__":
    main()
