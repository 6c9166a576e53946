"""`polar-detect compare`."""

from dataclasses import dataclass
from pathlib import Path

from rich.table import Table as Grid

from polar_detect import compare as comparing
from polar_detect import models
from polar_detect.backbone.tokenizing import MAX_TOKENS
from polar_detect.cli.commands.output import (
    check_not_input,
    check_place,
    err,
    out,
    say,
    write_text,
)
from polar_detect.cli.progress import progress_bars
from polar_detect.compare import tabulate
from polar_detect.detector import PolarDetector
from polar_detect.detectors import new_head
from polar_detect.engine import Engine, encoder_for
from polar_detect.report.language import Language, Tongue
from polar_detect.visible import visible


@dataclass(frozen=True, kw_only=True)
class CompareSettings:
    """Options of `compare` beyond how the files are read."""

    detectors: tuple[str, ...] = ("auto",)
    model: str = models.DEFAULT_MODEL
    encoder: str = models.AUTO_ENCODER
    max_tokens: int = MAX_TOKENS
    resamples: int = 500
    seed: int = 0
    tongue: Tongue = "en"


def compare(
    train: Path,
    test: Path | None,
    reading: comparing.Reading,
    settings: CompareSettings,
    saved: Path | None,
) -> None:
    """Compare, print the table and the advice, and save both."""
    language = Language(settings.tongue)
    if saved is not None:
        tabulate.check_ending(saved)
        check_not_input(saved, *filter(None, (train, test)))
        check_place(saved)
    task = comparing.read_task(train, test, reading)
    run = _predictions if reading.kind == "number" else _detectors
    table = run(task, reading, settings)
    _print(table, language)
    if saved is not None:
        write_text(saved, table.render(saved.suffix.lower(), language))
        say(saved)


def _detectors(
    task: comparing.Task,
    reading: comparing.Reading,  # noqa: ARG001 - as `_predictions`
    settings: CompareSettings,
) -> tabulate.Table:
    detectors = tuple(
        PolarDetector(
            name,
            model=settings.model,
            encoder=settings.encoder,
            max_tokens=settings.max_tokens,
            seed=settings.seed,
        )
        for name in settings.detectors
    )
    for detector in detectors:
        new_head(detector.detector)  # an unknown name is an error before the long run
    wanted = comparing.Settings(
        detectors=detectors,
        n_resamples=settings.resamples,
        seed=settings.seed,
        encoder=settings.encoder,
    )
    with progress_bars(err, Language(settings.tongue)) as progress:
        found = comparing.compare_detectors(task, wanted, progress=progress)
    return tabulate.MethodTable(found)


def _predictions(
    task: comparing.Task, reading: comparing.Reading, settings: CompareSettings
) -> tabulate.Table:
    encoder = encoder_for(task.train.texts, settings.encoder)
    engine = Engine.load(settings.model, encoder)
    # What context does to the loss would have to be measured anew in each fold, which takes
    # longer than all the rest, and says how normal a row is rather than how large a number.
    own = engine.reading(max_tokens=settings.max_tokens, curves="first-order", wants_context=False)
    wanted = comparing.PredictionSettings(
        extractor=own.extractor,
        target=reading.target,
        n_resamples=settings.resamples,
        seed=settings.seed,
        encoder=encoder,
    )
    with progress_bars(err, Language(settings.tongue)) as progress:
        found = comparing.compare_predictions(task, wanted, progress=progress)
    return tabulate.PredictionTable(found)


def _print(table: tabulate.Table, language: Language) -> None:
    cells = table.cells(width=out.width).said_in(language)
    grid = Grid(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for i, name in enumerate(cells.header):
        grid.add_column(name, justify="left" if i == 0 else "right", overflow="fold")
    for row, is_ours in zip(cells.rows, cells.are_ours, strict=True):
        grid.add_row(*row, style="bold" if is_ours else "")
    out.print(grid)
    for line in ("", *table.conditions(), ""):
        _print_line(line, language, style="dim")
    for line in table.advice():
        _print_line(line, language)


def _print_line(line: str, language: Language, style: str = "") -> None:
    # Where no blanks part the words the terminal breaks lines better.
    is_left_to_terminal = not language.say("space")
    said = visible(language.compared(line))
    out.print(said, style=style, highlight=False, markup=False, soft_wrap=is_left_to_terminal)
