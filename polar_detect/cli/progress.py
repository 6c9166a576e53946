"""Progress bars with rate and time left, on stderr."""

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
    TimeRemainingColumn,
)
from rich.text import Text

from polar_detect.progress import Progress as Report
from polar_detect.report.language import Language

_ENGLISH = Language()


class _Rate(ProgressColumn):
    """Texts a second since the stage began, without those that an earlier run had done.

    Not rich's own speed, which is that between the last reports: a batch may report twice at once.
    """

    def render(self, task: Task) -> Text:
        elapsed = task.finished_time or task.elapsed
        n_done = task.completed - task.fields["n_before"]
        return Text(f"{n_done / elapsed:.1f}/s" if n_done and elapsed else "", style="dim")


@contextmanager
def progress_bars(console: Console, language: Language = _ENGLISH) -> Iterator[Report]:
    """Yield a function of stage, texts done and texts in all that draws one bar per stage."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
    )
    tasks: dict[str, TaskID] = {}
    bars = Progress(*columns, console=console)

    def report(stage: str, done: int, total: int) -> None:
        if not tasks:  # started late: an error before the first stage is one line, no more
            bars.start()
        if stage not in tasks:
            tasks[stage] = bars.add_task(language.stage(stage), total=total, n_before=done)
        bars.update(tasks[stage], completed=done, total=total)

    try:
        yield report
    finally:
        if tasks:
            bars.stop()
