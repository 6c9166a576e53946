"""How far a long run is: texts done per stage, told to the caller's function."""

from collections.abc import Callable, Iterator

import numpy as np

from polar_detect.arrays import IndexArray

Progress = Callable[[str, int, int], None]  # stage, texts done, texts in all

CHUNK = 64
ASSESS_CHUNK = 256  # texts read together: enough of each length to fill a batch


class Stage:
    """Progress through one stage."""

    def __init__(self, tracker: "Tracker", name: str) -> None:
        self._tracker, self._name = tracker, name

    def advance(self, n: int) -> None:
        """Count `n` more texts as done."""
        self._tracker.advance(self._name, n)


class Tracker:
    """Counts texts per stage and tells the caller's progress function."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._done: dict[str, int] = {}
        self._total: dict[str, int] = {}

    def stage(self, name: str, total: int) -> Stage:
        """Begin a stage of `total` texts, or of as many more where it was begun before."""
        self._total[name] = self._total.get(name, 0) + total
        self.advance(name, 0)
        return Stage(self, name)

    def chunks(self, name: str, total: int, *, size: int = CHUNK) -> Iterator[IndexArray]:
        """Yield index chunks of 0 … total − 1 (one empty chunk for nothing)."""
        stage = self.stage(name, total)
        for start in range(0, max(total, 1), size):
            chunk = np.arange(start, min(start + size, total))
            yield chunk
            stage.advance(len(chunk))

    def advance(self, name: str, n: int) -> None:
        """Count `n` more texts of stage `name`, which was begun, as done."""
        self._done[name] = self._done.get(name, 0) + n
        if self._progress is not None:
            self._progress(name, self._done[name], self._total[name])
