"""Whether the texts that a service is asked about have changed since it started."""

import bisect
import logging
import math
from collections.abc import Callable, Iterable

from pydantic import BaseModel, Field

from polar_detect.monitoring import DriftMonitor
from polar_detect.pipeline.fitted import moment
from polar_detect.statistics.exchangeability import LEVEL

_MAX_MOMENTS = 1_000
_LOG = logging.getLogger(__name__)


class Change(BaseModel):
    """Whether texts have changed, and since when."""

    n: int = Field(description="Texts with a score that /score has answered since the start.")
    is_changed: bool = Field(description=f"Whether the p-value has ever been {LEVEL:g} or less.")
    p_value: float = Field(
        description="Chance of ever seeing as much without a change, however often one looks."
    )
    since: int | None = Field(
        description="With which of these texts, from 0, the change seems to begin; null where "
        "there is none."
    )
    since_time: str | None = Field(description="About when that was answered, in ISO form.")
    superiority: float | None = Field(
        description="Chance that a text from there on has a higher score than one before it; 0.5 "
        "without a change."
    )


class Stream:
    """Follows the scores of a service in the order of its answers.

    Only the event loop may call it. It holds no text.

    Parameters
    ----------
    monitor : DriftMonitor
    clock : callable
        Returns the ISO date and time.
    """

    def __init__(self, monitor: DriftMonitor, clock: Callable[[], str] = moment) -> None:
        self._monitor = monitor
        self._clock = clock
        self._moments: list[tuple[int, str]] = []  # from which text on it was what time

    def add(self, scores: Iterable[float | None]) -> None:
        """Take the scores of one request; log once that texts have changed."""
        before = self._monitor.course
        course = self._monitor.add([math.nan if own is None else own for own in scores])
        self._moments.append((before.n, self._clock()))
        if len(self._moments) > _MAX_MOMENTS:
            del self._moments[1::2]
        if course.is_changed and not before.is_changed:
            said = self.change
            _LOG.warning(
                "The texts that are scored have changed, from about %s on (p = %.2g). "
                "GET /drift says more.",
                said.since_time,
                said.p_value,
            )

    @property
    def change(self) -> Change:
        """What there is to say by now."""
        own = self._monitor.course
        time = None
        if own.since is not None:
            # Behind the last request that began with it or before it.
            place = bisect.bisect_right(self._moments, own.since, key=lambda known: known[0])
            time = self._moments[place - 1][1]
        return Change(
            n=own.n,
            is_changed=own.is_changed,
            p_value=own.p_value,
            since=own.since,
            since_time=time,
            superiority=None if math.isnan(own.superiority) else own.superiority,
        )
