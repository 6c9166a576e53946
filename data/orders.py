"""Turn jobs into numbered, dated orders with hours and costs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from grammar import pick
from jobs import Job

LABOUR_EUR_PER_H = 62
INSTALLED = date(2015, 1, 1)  # when the first hour meter started


@dataclass(frozen=True)
class Size:
    """Ranges of what a job takes; most jobs lie near the lower end."""

    downtime_h: tuple[float, float]
    labour_h: tuple[float, float]
    parts_eur: tuple[float, float]


SIZES = {
    "check": Size((0, 1), (0.5, 4), (0, 60)),
    "quick": Size((0.1, 3.5), (0.25, 3.5), (0, 220)),
    "standard": Size((0.4, 14), (0.75, 12), (15, 1400)),
    "planned": Size((0, 6), (0.75, 8), (20, 900)),
    "major": Size((4, 72), (4, 40), (250, 9500)),
    "disaster": Size((24, 240), (12, 90), (2500, 38000)),
}


@dataclass(frozen=True)
class Order:
    """One row of every file; the field names are the header."""

    id: str
    date: date
    machine: str
    text: str
    running_h: int
    downtime_h: float
    labour_h: float
    cost_eur: float


@dataclass(frozen=True)
class Period:
    """When orders were written, and the number of the first."""

    first_day: date
    n_days: int
    first_id: int


def number_and_date(rng: Random, jobs: Sequence[Job], period: Period) -> Iterator[Order]:
    """Turn jobs into orders, in the sequence given."""
    days = sorted(_working_day(rng, period) for _ in jobs)
    number = period.first_id
    for job, day in zip(jobs, days, strict=True):
        yield _order(rng, job, f"WO-{number}", day)
        number += pick(rng, (1, 1, 2, 3, 5))  # other departments' orders lie between


def _order(rng: Random, job: Job, name: str, day: date) -> Order:
    size = SIZES[job.size]
    effort, hands, material = rng.random(), rng.random(), rng.random()
    downtime_h = round(_skewed(size.downtime_h, effort), 1)
    labour_h = round(4 * _skewed(size.labour_h, (2 * effort + hands) / 3)) / 4
    parts_eur = round(_skewed(size.parts_eur, (effort + 2 * material) / 3), 2)
    repaired_without_stop = job.size in {"quick", "planned"} and rng.random() < 0.3
    return Order(
        id=name,
        date=day,
        machine=job.machine,
        text=job.text,
        running_h=_running_h(job.machine, day),
        downtime_h=0.0 if repaired_without_stop else downtime_h,
        labour_h=labour_h,
        cost_eur=round(labour_h * LABOUR_EUR_PER_H + parts_eur, 2),
    )


def _skewed(limits: tuple[float, float], share: float) -> float:
    low, high = limits
    return low + (high - low) * share * share * share


def _working_day(rng: Random, period: Period) -> date:
    day = period.first_day + timedelta(days=int(rng.random() * period.n_days))
    is_free_sunday = day.weekday() == 6 and rng.random() < 0.8
    return day + timedelta(days=1) if is_free_sunday else day


def _running_h(machine: str, day: date) -> int:
    meter = Random(machine)  # the same machine runs on, from file to file
    days_before, hours_a_day = meter.random() * 2500, 5 + 14 * meter.random()
    return int(((day - INSTALLED).days - days_before) * hours_a_day)
