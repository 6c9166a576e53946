"""How a command ends that a signal stops: in words, and with exit code 129, 130 or 143.

Hides that libraries make other errors of a KeyboardInterrupt while they are imported, or none: as
nothing has begun then, the process ends at once.
"""

import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import FrameType, TracebackType

_CODE = 128  # plus the number of the signal, as shells say it
# A terminal that closes (Windows knows no such signal), Ctrl-C, Ctrl-Break (of Windows alone), and
# who asks for an end.
STOPPING = tuple(
    getattr(signal, name)
    for name in ("SIGHUP", "SIGINT", "SIGBREAK", "SIGTERM")
    if hasattr(signal, name)
)
_HANGUP = getattr(signal, "SIGHUP", None)


class Stoppable(AbstractContextManager["Stoppable"]):
    """What a signal may stop, and what is said then.

    Parameters
    ----------
    words : str
        A line for stderr; "" where nothing is said.
    words_behind : callable, optional
        Returns the line from the paths of the results that are in their place by then, where there
        are some. Default: `words`.
    """

    def __init__(
        self, words: str, words_behind: Callable[[Sequence[Path]], str] | None = None
    ) -> None:
        self._words = words
        self._words_behind = words_behind
        self._placed: dict[Path, int] = {}  # their inodes, by which one knows that they got there
        self._has_begun = False
        self._number: int | None = None

    def __enter__(self) -> "Stoppable":
        _running.append(self)
        return self

    def begin(self) -> None:
        """Let a signal raise from here on, so that what was begun is put away."""
        self._has_begun = True

    def place(self, path: Path, inode: int) -> None:
        """Remember a result that is about to be renamed to `path`."""
        self._placed[path] = inode

    def stop(self, number: int) -> None:
        """Stop by the signal of a number."""
        if number == _HANGUP and self._number is not None:
            return  # from the shell, and again when that ends: what was begun is being put away
        if self._has_begun:
            self._number = number
            raise KeyboardInterrupt
        self._say()
        os._exit(_CODE + number)

    def __exit__(
        self, kind: type[BaseException] | None, _: object, __: TracebackType | None
    ) -> None:
        """Say that it was stopped, whatever error has come of that, and exit."""
        _running.remove(self)
        if kind is None or (self._number is None and not issubclass(kind, KeyboardInterrupt)):
            return
        self._say()
        raise SystemExit(_CODE + (self._number or signal.SIGINT)) from None

    def _say(self) -> None:
        placed = [path for path, inode in self._placed.items() if _inode(path) == inode]
        words = self._words_behind(placed) if placed and self._words_behind else self._words
        if words:
            sys.stderr.write(f"{words}\n")
            sys.stderr.flush()


_running: list[Stoppable] = []  # the command of this process, once its options are read


def placing(path: Path, made: Path) -> None:
    """Let the command that runs, if one does, know of a result right before its last rename.

    Behind it a signal would come between the rename and what is remembered of it.
    """
    if _running:
        _running[-1].place(path, _inode(made))


def heed_signals() -> None:
    """Let signals stop this process; who started it, as nohup does, may have had them ignored."""
    for number in STOPPING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)


def _inode(path: Path) -> int:
    """Return the number of a file or folder; 0, which none has, where there is none."""
    try:
        return path.stat().st_ino
    except OSError:
        return 0


def _stop(number: int, _: FrameType | None) -> None:
    if _running:
        _running[-1].stop(number)
    else:
        os._exit(_CODE + number)
