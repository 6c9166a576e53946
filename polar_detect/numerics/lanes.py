"""One operation, one thread: threads share blocks of work, never a sum.

How a library cuts a matrix product or a reduction depends on how many threads take part, and
with it the last bits of the result. Here each operation runs on one thread, and work is cut
into blocks whose shape no thread count enters; so results are the same for any number of them.
"""

import contextlib
import functools
import os
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")

# n_lanes: as many as torch had threads when the outermost one began; leads: whether this thread is
# one of those that `overlap`; stopped: whether what these do is still wanted; calls: what they
# leave to the thread that waits for them.
_inside = threading.local()


class _StoppedError(Exception):
    """What ends a function whose result nobody waits for any more."""


@contextlib.contextmanager
def lanes() -> Iterator[None]:
    """Run each operation of torch on one thread, and `spread` on as many as torch had.

    In `plain_modes`, as the other threads are.
    """
    if getattr(_inside, "n_lanes", 0):
        yield
        return
    n_threads = torch.get_num_threads()
    _inside.n_lanes = n_threads
    torch.set_num_threads(1)
    try:
        with plain_modes():
            yield
    finally:
        _inside.n_lanes = 0
        torch.set_num_threads(n_threads)


@contextlib.contextmanager
def plain_modes() -> Iterator[None]:
    """Leave the modes that a caller has set for operations of its own.

    Autocast would round what has to be precise, tensors of an inference mode cannot be written to
    outside it, nor take part where gradients are recorded, and what is made beside the model's
    arrays would lie on another default device.
    """
    with contextlib.ExitStack() as modes:
        if torch.get_default_device().type != "cpu":
            modes.enter_context(torch.device("cpu"))
        for device in ("cpu", "cuda"):
            if torch.is_autocast_enabled(device):
                modes.enter_context(torch.autocast(device, enabled=False))
        if torch.is_inference_mode_enabled():
            modes.enter_context(torch.inference_mode(mode=False))
            modes.enter_context(torch.no_grad())  # as it was: leaving the mode records gradients
        yield


def n_lanes() -> int:
    """Return on how many lanes `spread` can count here; one of those that `overlap` on its own."""
    with lanes():
        n: int = 1 if getattr(_inside, "leads", False) else _inside.n_lanes
        return n


def spread(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Return ``[function(item) for item in items]``, computed on all lanes.

    Where gradients are recorded, the calls run here, one after the other.
    """
    with lanes():
        if getattr(_inside, "leads", False) and _inside.stopped.is_set():
            raise _StoppedError
        todo = list(items)
        n_lanes: int = _inside.n_lanes
        if min(n_lanes, len(todo)) == 1 or torch.is_grad_enabled():
            return [function(item) for item in todo]
        return list(_pool(n_lanes).map(torch.no_grad()(function), todo))


def overlap(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Return ``[function(item) for item in items]``, as many at once as there are lanes.

    For functions that `spread` work by themselves, again and again: where one of them has fewer
    blocks left than there are lanes, another one's blocks fill them. Where one of them fails, or
    Ctrl-C ends the wait for them, the others end where they `spread` next.
    """
    with lanes():
        todo = list(items)
        n_lanes: int = _inside.n_lanes
        if min(n_lanes, len(todo)) <= 1:
            return [function(item) for item in todo]
        own = torch.set_grad_enabled(torch.is_grad_enabled())(function)
        stopped, calls = threading.Event(), _Calls()
        with ThreadPoolExecutor(n_lanes, "overlap", _lead, (n_lanes, stopped, calls)) as leaders:
            try:
                return calls.made_until([leaders.submit(own, item) for item in todo])
            except BaseException:
                stopped.set()  # leaving waits for the leaders, whose searches may take a minute
                raise


def in_calling_thread(call: Callable[[], None]) -> None:
    """Have `call` made by the thread that waits for those that `overlap`; at once where none does.

    What a caller gave, such as a bar in a window, may work in its own thread only.
    """
    if getattr(_inside, "leads", False):
        _inside.calls.put(call)
    else:
        call()


class _Calls:
    """What the threads that overlap leave to the one that waits for them."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Callable[[], None] | Future[Any]] = queue.SimpleQueue()

    def put(self, call: Callable[[], None]) -> None:
        self._queue.put(call)

    def made_until(self, futures: Sequence[Future[Result]]) -> list[Result]:
        """Make the calls as they come; return all results, or raise as soon as one has failed."""
        for future in futures:
            future.add_done_callback(self._queue.put)
        n_left = len(futures)
        try:
            while n_left:
                came = self._queue.get()
                if isinstance(came, Future):
                    came.result()  # raises what it raised
                    n_left -= 1
                else:
                    came()
        finally:
            for future in futures:
                future.cancel()
        return [future.result() for future in futures]


def _lead(n_lanes: int, stopped: threading.Event, calls: _Calls) -> None:
    """Make this thread one that spreads its work on so many lanes, until it is stopped."""
    torch.set_num_threads(1)
    _inside.n_lanes, _inside.leads = n_lanes, True
    _inside.stopped, _inside.calls = stopped, calls


@functools.cache
def _pool(n_lanes: int) -> ThreadPoolExecutor:
    # Threads end with the process; torch's setting holds for the thread that calls it.
    return ThreadPoolExecutor(n_lanes, "lane", initializer=lambda: torch.set_num_threads(1))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # a child has none of the threads
