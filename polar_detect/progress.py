"""How far a long run is: texts done per stage, told to the caller's function or shown as bars."""

import math
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np

from polar_detect.arrays import IndexArray
from polar_detect.errors import InputError

Progress = Callable[[str, int, int], None]  # stage, texts done, texts in all
ProgressChoice = Progress | bool | None  # whom to tell; True: whoever looks at bars
Advance = Callable[[float], None]  # takes how many more texts are done; half a text is .5

CHUNK = 64
ASSESS_CHUNK = 256  # texts read together: enough of each length to fill a batch
_ROUNDING = 1e-6  # of sums of parts


def untold(n: float) -> None:
    """Take how many more texts are done where nobody wants to know."""


class Part:
    """Some texts of a stage that are worked on together, in steps that are parts of them."""

    def __init__(self, stage: "Stage", n: int) -> None:
        self._stage, self._left = stage, float(n)

    def advance(self, n: float) -> None:
        """Count `n` more of these texts as done, but no more than there are."""
        n = min(n, self._left)
        self._left -= n
        self._stage.advance(n)

    def advance_by(self, share: float) -> Advance:
        """Return what counts so much of each of these texts as done."""
        return lambda n: self.advance(n * share)

    def following(self, shares: Mapping[str, float]) -> Progress:
        """Return what is told of the stages of a run that takes these texts on.

        Parameters
        ----------
        shares : mapping of str to float
            Of the time, what each stage takes.
        """
        n_texts = self._left
        done: dict[str, float] = {}

        def tell(stage: str, n_done: int, n_all: int) -> None:
            now = shares.get(stage, 0.0) * n_done / max(n_all, 1)
            self.advance(n_texts * (now - done.get(stage, 0.0)))
            done[stage] = now

        return tell


class Stage:
    """Progress through one stage."""

    def __init__(self, tracker: "Tracker", name: str) -> None:
        self._tracker, self._name = tracker, name

    def advance(self, n: float) -> None:
        """Count `n` more texts as done."""
        self._tracker.advance(self._name, n)

    @contextmanager
    def part(self, n: int) -> Iterator[Part]:
        """Work on `n` more texts; in the end all of them are done."""
        own = Part(self, n)
        yield own
        own.advance(n)


class Tracker:
    """Counts texts per stage and tells the caller's progress function.

    That is told of whole texts; of those that are worked on together it is told how many the work
    that is done would be.
    """

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._done: dict[str, float] = {}
        self._total: dict[str, int] = {}
        self._told: dict[str, tuple[int, int]] = {}

    def stage(self, name: str, total: int) -> Stage:
        """Begin a stage of `total` texts, or of as many more where it was begun before."""
        self._total[name] = self._total.get(name, 0) + total
        self.advance(name, 0)
        return Stage(self, name)

    def whole(self, name: str, total: int) -> AbstractContextManager[Part]:
        """Begin a stage of texts that are all worked on together."""
        return self.stage(name, total).part(total)

    def chunks(self, name: str, total: int, *, size: int = CHUNK) -> Iterator[IndexArray]:
        """Yield index chunks of 0 … total − 1 (one empty chunk for nothing)."""
        stage = self.stage(name, total)
        for start in range(0, max(total, 1), size):
            chunk = np.arange(start, min(start + size, total))
            yield chunk
            stage.advance(len(chunk))

    def advance(self, name: str, n: float) -> None:
        """Count `n` more texts of stage `name`, which was begun, as done."""
        self._done[name] = self._done.get(name, 0) + n
        now = math.floor(self._done[name] + _ROUNDING), self._total[name]
        if self._progress is not None and self._told.get(name) != now:
            self._told[name] = now
            self._progress(name, *now)


@contextmanager
def told(progress: ProgressChoice) -> Iterator[Progress | None]:
    """Yield the function that is to be told how far a run is, None for nobody.

    Raises
    ------
    InputError
        Neither true nor false, nor a function.
    """
    if progress is None or progress is False:
        yield None
    elif progress is True:
        with _bars() as bars:
            yield bars if sys.stderr is not None else None  # None: of pythonw, and of services
    elif callable(progress):
        yield progress
    else:
        raise InputError(
            f"Got progress {progress!r}; expected True for bars, or a function of stage, texts "
            "done and texts in all; choose one, or leave it out."
        )


@contextmanager
def _bars() -> Iterator[Progress]:
    """Yield a function that draws a bar per stage, in a notebook as in a terminal."""
    from tqdm.auto import tqdm  # here: warns in a notebook that cannot show it

    from polar_detect.messages.language import ENGLISH

    open_bars: dict[str, Any] = {}

    def show(stage: str, done: int, total: int) -> None:
        if stage not in open_bars and done < total:
            open_bars[stage] = tqdm(
                desc=ENGLISH.stage(stage),
                initial=done,
                total=total,
                miniters=1,
                smoothing=0,
            )
        bar = open_bars.get(stage)
        if bar is None:
            return
        bar.total = total
        bar.update(done - bar.n)
        if done == total:
            open_bars.pop(stage).close()

    try:
        yield show
    finally:
        for bar in open_bars.values():
            bar.close()
