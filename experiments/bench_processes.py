"""Whole processes and the time that they take."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

CLI = "from polar_detect.cli import main; main()"


def timed_process(arguments: Sequence[str], *, root: Path | None = None) -> tuple[float, float]:
    """Run Python in a new process and return its seconds, by the wall and of the processor.

    Its imports are compiled once and not anew every time, as where the package is installed.

    Parameters
    ----------
    arguments : sequence of str
        Of Python.
    root : Path, optional
        Of the checkout whose code it runs. Default: what is installed.
    """
    environment = _environment(root)
    start_s, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True, env=environment)
    wall_s, after = time.perf_counter() - start_s, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@dataclass(frozen=True)
class Usage:
    """What a process took: largest memory in MB, sampled ten times a second, and seconds.

    `own_mb` leaves out pages of files, which the system can take back.
    """

    peak_mb: float
    own_mb: float
    seconds: float


def usage_of(arguments: Sequence[str], *, root: Path | None = None) -> Usage:
    """Run a `polar-detect` command in a new process, and watch its memory.

    Parameters
    ----------
    arguments : sequence of str
        Of the command.
    root : Path, optional
        As in `timed_process`.
    """
    begun, peak, own = time.monotonic(), 0, 0
    with subprocess.Popen(
        [sys.executable, "-c", CLI, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=_environment(root),
    ) as process:
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            try:
                now = watched.memory_info()
            except psutil.NoSuchProcess:
                break
            peak, own = max(peak, now.rss), max(own, now.rss - now.shared)
            time.sleep(0.1)
    if process.returncode:
        raise SystemExit(f"{arguments[0]} ended with {process.returncode}")
    return Usage(peak / 1e6, own / 1e6, time.monotonic() - begun)


def _environment(root: Path | None) -> dict[str, str]:
    """Return that of a process which compiles its imports once, and runs a checkout's code."""
    environment = os.environ | ({} if root is None else {"PYTHONPATH": str(root)})
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment
