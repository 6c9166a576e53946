"""Score a table with a made-up engine, slowly enough to be killed: SOURCE OUT DETECTOR_FOLDER."""

import hashlib
import sys
import time
from pathlib import Path

from polar_detect.scoring.flags import FlagRule
from polar_detect.scoring.opening import ScoreJob, open_input
from polar_detect.scoring.results import Result
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
            results.append(Result(None, None, None, None, None, None, "empty text"))
            continue
        drawn = int(hashlib.sha256(text.encode()).hexdigest()[:4], 16)
        level = 1 if drawn % 5 == 0 else drawn % 100 + 1
        results.append(Result(100 - level + call, level / 100, "0-4", 5, 0, 0, "L1 +0.20"))
    advance(len(texts))
    return results


if __name__ == "__main__":
    source, out, detector = map(Path, sys.argv[1:])
    job = ScoreJob(source, out, detector, default_column="text")
    run(
        job,
        open_input(job),
        lambda texts, advance: made_up(texts, advance, seconds=0.02),
        FlagRule(0.05, fdr=0.3),
        lambda *_: None,
    )
