"""Score a table with a made-up engine, slowly enough to be killed.

    kill_me.py SOURCE OUT DETECTOR_FOLDER [N]

With N, it kills itself when it comes to write the Nth chunk of the output.
"""

import hashlib
import os
import signal
import sys
import time
from pathlib import Path

from polar_detect import tables
from polar_detect.artifact.sealing import manifest_sha256
from polar_detect.assessment import Result
from polar_detect.scoring.flags import FlagRule
from polar_detect.scoring.job import ScoreJob, open_input
from polar_detect.scoring.run import run


def made_up(texts, advance, *, calls=None, seconds=0.0):
    """Return results that depend on the text, and in the last digits on the whole call."""
    if calls is not None:
        calls.append(list(texts))
    time.sleep(seconds)
    call = int(hashlib.sha256("\0".join(texts).encode()).hexdigest()[:4], 16) / 2**16
    results = []
    for text in texts:
        if not text.strip():
            results.append(Result(top_layers="empty text"))
            continue
        drawn = int(hashlib.sha256(text.encode()).hexdigest()[:4], 16)
        level = 1 if drawn % 5 == 0 else drawn % 100 + 1
        results.append(Result(100 - level + call, level / 100, "0-4", 5, 0, 0, "L1 +0.20"))
    advance(len(texts))
    return results


def dying(join, n):
    """Return `join`, but the process ends in place of its `n`th call, as under kill -9."""
    calls = iter(range(1, n))

    def joined(*arguments):
        if next(calls, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
        return join(*arguments)

    return joined


if __name__ == "__main__":
    source, out, detector = map(Path, sys.argv[1:4])
    if len(sys.argv) > 4:
        tables.join_columns = dying(tables.join_columns, int(sys.argv[4]))
    sha256 = manifest_sha256(detector)
    job = ScoreJob(source=source, out=out, detector_sha256=sha256, default_column="text")
    run(
        job,
        open_input(job),
        lambda texts, advance: made_up(texts, advance, seconds=0.02),
        FlagRule(0.05, fdr=0.3),
        lambda *_: None,
    )
