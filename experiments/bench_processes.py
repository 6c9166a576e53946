"""Whole processes and the time that they take."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

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
    environment = os.environ | ({} if root is None else {"PYTHONPATH": str(root)})
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    start_s, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True, env=environment)
    wall_s, after = time.perf_counter() - start_s, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
