"""Dynamic batching: requests that wait together are answered by one call of the model.

Hides the queue and the one thread that owns the model. Everything but the model's own work
happens in the event loop, so that there is nothing to lock.
"""

import asyncio
import logging
import math
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from polar_detect.errors import PolarError

Answerer = Callable[[list[str]], Sequence[Any]]  # distinct texts → one answer each

_MAX_RETRY_S = 60
_LOG = logging.getLogger(__name__)


class QueueFull(PolarError, RuntimeError):
    """As many texts wait as may; `retry_after_s` says when there may be room again."""

    def __init__(self, n_waiting: int, retry_after_s: int) -> None:
        super().__init__(
            f"Got more texts than may wait ({n_waiting} do); expected fewer at a time; try again "
            f"in {retry_after_s} s."
        )
        self.retry_after_s = retry_after_s


class Stopping(PolarError, RuntimeError):
    """The service finishes what it accepted, and accepts no more."""

    def __init__(self) -> None:
        super().__init__("Got a request while the service stops; expected none; try another one.")


class ModelFailure(PolarError, RuntimeError):
    """The model raised an error on a request; the log has where, but no text."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(
            f"Got {type(error).__name__} from the model on this request; expected answers; leave "
            "out texts to find the one, and report it."
        )


@dataclass(frozen=True, eq=False)
class _Job:
    answerer: Answerer
    texts: list[str]
    answers: "asyncio.Future[list[Any]]"


@dataclass(frozen=True)
class BatchRecord:
    """One call of the model: distinct texts read, and how long it took."""

    n_texts: int
    seconds: float


class Batcher:
    """Collects texts of many requests, and has one thread answer them in batches.

    Parameters
    ----------
    max_queue_texts, max_batch_texts : int
    batch_wait_s : float
        As in `ServeSettings`.
    record : callable, optional
        Called with a `BatchRecord` after each call of the model.
    """

    def __init__(
        self,
        *,
        max_queue_texts: int,
        max_batch_texts: int,
        batch_wait_s: float,
        record: Callable[[BatchRecord], None] = lambda _: None,
    ) -> None:
        self._max_queue_texts = max_queue_texts
        self._max_batch_texts = max_batch_texts
        self._batch_wait_s = batch_wait_s
        self._record = record
        self._jobs: deque[_Job] = deque()
        self._arrived = asyncio.Event()
        self._is_stopping = False
        self._texts_per_s: float | None = None
        self._worker: asyncio.Task[None] | None = None
        # One thread: several would take turns at the models all the same.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="model")

    @property
    def n_waiting(self) -> int:
        """Texts that wait for the model; those that it reads now are not counted."""
        return sum(len(job.texts) for job in self._jobs if not job.answers.done())

    @property
    def is_running(self) -> bool:
        """Whether texts are accepted and worked on."""
        is_working = self._worker is not None and not self._worker.done()
        return is_working and not self._is_stopping

    def start(self) -> None:
        """Begin to work, in the running event loop."""
        self._worker = asyncio.create_task(self._work())

    async def stop(self) -> None:
        """Accept no more, answer everything accepted, and end the thread."""
        self._is_stopping = True
        self._arrived.set()
        if self._worker is not None:
            await self._worker
        self._thread.shutdown()

    async def submit(self, answerer: Answerer, texts: Sequence[str]) -> list[Any]:
        """Return the answer of each text, of which there is one at least, once all are read.

        Raises
        ------
        QueueFull
        Stopping
        ModelFailure
        """
        if not self.is_running:
            raise Stopping
        n_waiting = self.n_waiting
        if n_waiting + len(texts) > self._max_queue_texts:
            raise QueueFull(n_waiting, self._retry_after_s(n_waiting))
        job = _Job(answerer, list(texts), asyncio.get_running_loop().create_future())
        self._jobs.append(job)
        self._arrived.set()
        return await job.answers

    def _retry_after_s(self, n_waiting: int) -> int:
        if self._texts_per_s is None:
            return 1
        return min(max(math.ceil(n_waiting / self._texts_per_s), 1), _MAX_RETRY_S)

    async def _work(self) -> None:
        while jobs := await self._next_jobs():
            for answerer in dict.fromkeys(job.answerer for job in jobs):
                await self._answer(answerer, [job for job in jobs if job.answerer == answerer])

    async def _next_jobs(self) -> list[_Job]:
        """Wait for jobs and return a batch of them; none once the service has stopped."""
        while True:
            await self._company()
            jobs = self._take()
            if jobs or (self._is_stopping and not self._jobs):
                return jobs

    async def _company(self) -> None:
        """Wait for the first job, then a little for others that come right behind it."""
        if not self._jobs and not self._is_stopping:
            self._arrived.clear()
            await self._arrived.wait()
        deadline = time.monotonic() + self._batch_wait_s
        while not self._is_stopping and self.n_waiting < self._max_batch_texts:
            self._arrived.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(max(deadline - time.monotonic(), 0)):
                    await self._arrived.wait()
            if time.monotonic() >= deadline:
                return

    def _take(self) -> list[_Job]:
        jobs: list[_Job] = []
        n_texts = 0
        while self._jobs and (
            not jobs or n_texts + len(self._jobs[0].texts) <= self._max_batch_texts
        ):
            job = self._jobs.popleft()
            if not job.answers.done():  # its client gave up, or ran out of time
                jobs.append(job)
                n_texts += len(job.texts)
        return jobs

    async def _answer(self, answerer: Answerer, jobs: list[_Job]) -> None:
        """Have the model read the distinct texts of `jobs`; hand every job its answers."""
        unique = list(dict.fromkeys(text for job in jobs for text in job.texts))
        loop, begun = asyncio.get_running_loop(), time.monotonic()
        call = loop.run_in_executor(self._thread, answerer, unique)
        (outcome,) = await asyncio.gather(call, return_exceptions=True)
        if isinstance(outcome, BaseException):
            await self._fail(answerer, jobs, outcome)
            return
        seconds = time.monotonic() - begun
        self._texts_per_s = len(unique) / max(seconds, 1e-6)
        self._record(BatchRecord(len(unique), seconds))
        answers = dict(zip(unique, outcome, strict=True))
        for job in jobs:
            if not job.answers.done():
                job.answers.set_result([answers[text] for text in job.texts])

    async def _fail(self, answerer: Answerer, jobs: list[_Job], error: BaseException) -> None:
        """Let only the request fail that the model cannot answer: try each one alone."""
        if len(jobs) > 1:
            for job in jobs:
                await self._answer(answerer, [job])
        elif not jobs[0].answers.done():
            # Where, and not what: an error's message may repeat a text.
            frames = "".join(traceback.format_tb(error.__traceback__))
            _LOG.error("The model raised %s:\n%s", type(error).__name__, frames)
            jobs[0].answers.set_exception(ModelFailure(error))
