"""Progress bars with rate and time left, on stderr."""

import datetime
import math
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
)
from rich.text import Text

from polar_detect.messages.language import ENGLISH, Language
from polar_detect.progress import Progress as Report


class _Rate(ProgressColumn):
    """Texts a second since the stage began, without those that an earlier run had done.

    Not rich's own speed, which is that between the last reports: a batch may report twice at once.
    """

    def render(self, task: Task) -> Text:
        elapsed = task.finished_time or task.elapsed
        n_done = _done_here(task)
        return Text(f"{n_done / elapsed:.1f}/s" if n_done and elapsed else "", style="dim")


class _TimeLeft(ProgressColumn):
    """How long the rest of a stage takes at its rate, counted down until the next report.

    Not rich's own estimate, which wants two reports within 30 seconds: 64 long texts take longer.
    """

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        took, n_done = task.fields["reported_s"], _done_here(task)
        left = "-:--:--"
        if task.finished:
            left = "0:00:00"
        elif n_done and took and task.elapsed and task.remaining is not None:
            seconds = took * task.remaining / n_done - (task.elapsed - took)
            left = str(datetime.timedelta(seconds=max(math.ceil(seconds), 0)))
        return Text(left, style="progress.remaining")


def _done_here(task: Task) -> float:
    n_done: float = task.completed - task.fields["n_before"]
    return n_done


@contextmanager
def progress_bars(console: Console, language: Language = ENGLISH) -> Iterator[Report]:
    """Yield a function of stage, texts done and texts in all that draws one bar per stage."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        _TimeLeft(),
    )
    tasks: dict[str, TaskID] = {}
    bars = Progress(*columns, console=console)

    def report(stage: str, done: int, total: int) -> None:
        if not tasks:  # started late: an error before the first stage is one line, no more
            bars.start()
        if stage not in tasks:
            tasks[stage] = bars.add_task(
                language.stage(stage), total=total, completed=done, n_before=done, reported_s=0.0
            )
        task = tasks[stage]
        bars.update(task, completed=done, total=total, reported_s=bars.tasks[task].elapsed)

    try:
        yield report
    finally:
        if tasks:
            bars.stop()
