"""`polar-detect compare`."""

from typing import TYPE_CHECKING

from rich.table import Table as Grid

from polar_detect import compare as comparing
from polar_detect.cli.commands.output import (
    check_not_input,
    check_place,
    err,
    out,
    say,
    tell,
    write_text,
)
from polar_detect.cli.options import CompareOptions, given_for_models
from polar_detect.cli.progress import progress_bars
from polar_detect.compare.results import tabulate
from polar_detect.detector import PolarDetector
from polar_detect.detectors import TextsHead, head_class, new_head
from polar_detect.messages.language import Language
from polar_detect.pipeline.choice import chosen_head
from polar_detect.pipeline.settings import Settings
from polar_detect.tables import ReadOptions
from polar_detect.texts.visible import visible

if TYPE_CHECKING:
    from polar_detect.signature.extraction import Extractor

_COMMAND = "polar-detect fit TRAIN"


def compare(options: CompareOptions) -> None:
    """Compare, print the table and the advice, and save both."""
    language, saved = Language(options.lang), options.out
    if saved is not None:
        tabulate.check_ending(saved)
        check_not_input(saved, *filter(None, (options.train, options.test)))
        check_place(saved)
    _tell_of_unread(options, language)
    task = comparing.read_task(options.train, options.test, _reading(options))
    if options.target is None:
        table = _detectors(task, options)
    else:
        table = _predictions(task, options.target, options)
    _print(table, language)
    if saved is not None:
        write_text(saved, table.render(saved.suffix.lower(), language))
        say(saved)


def _tell_of_unread(options: CompareOptions, language: Language) -> None:
    """Say which options have no effect beside the others."""
    if options.test is not None and options.test_share != CompareOptions.test_share:
        tell(language.say("unread.test_share"))
    if options.test is not None and options.group_column is not None:
        tell(language.say("unread.group_column"))
    names = _names_of_detectors(options)
    has_no_effect = names not in ([CompareOptions.detectors], [TextsHead.name])
    if options.target is not None and has_no_effect:
        tell(language.say("unread.detectors"))
    if not any(head_class(name).reads_texts for name in names):
        for option in given_for_models(options):
            choice = f"--detectors {','.join(names)}"
            tell(language.say("unread.models", option=option, choice=choice))


def _names_of_detectors(options: CompareOptions) -> list[str]:
    """Return each name once, as it would only run again; raise `InputError` for an unknown one."""
    names = [*dict.fromkeys(name.strip() for name in options.detectors.split(","))]
    for name in names:
        new_head(name)
    return names


def _reading(options: CompareOptions) -> comparing.Reading:
    is_label = options.target is None
    target = options.label_column if is_label else options.target
    assert target is not None  # the options ask for one of them
    return comparing.Reading(
        target=target,
        kind="label" if is_label else "number",
        text_column=options.text_column,
        columns=options.columns,
        all_columns=options.all_columns,
        numeric_columns=options.numeric_columns,
        options=ReadOptions(encoding=options.encoding, sheet=options.sheet),
        test_share=options.test_share,
        max_rows=options.max_rows,
        seed=options.seed,
        group_column=options.group_column,
        condition_columns=options.condition_columns,
    )


def _detectors(task: comparing.Task, options: CompareOptions) -> tabulate.Table:
    wanted = comparing.Settings(
        detectors=_detectors_of(options),
        n_resamples=options.resamples,
        seed=options.seed,
        encoder=options.encoder,
    )
    with progress_bars(err, Language(options.lang)) as progress:
        found = comparing.compare_detectors(task, wanted, progress=progress)
    return tabulate.MethodTable(found)


def _detectors_of(options: CompareOptions) -> tuple[PolarDetector, ...]:
    return tuple(
        PolarDetector(
            name,
            model=options.model,
            encoder=options.encoder,
            max_tokens=options.max_tokens,
            passages=options.passages,
            seed=options.seed,
        )
        for name in _names_of_detectors(options)
    )


def _predictions(task: comparing.Task, target: str, options: CompareOptions) -> tabulate.Table:
    comparing.check_predictable(task)  # before models are read, or fetched
    wanted = comparing.PredictionSettings(
        extractor=_extractor(task, options),
        target=target,
        n_resamples=options.resamples,
        seed=options.seed,
        encoder=options.encoder,
    )
    with progress_bars(err, Language(options.lang)) as progress:
        found = comparing.compare_predictions(task, wanted, progress=progress)
    return tabulate.PredictionTable(found)


def _extractor(task: comparing.Task, options: CompareOptions) -> "Extractor | None":
    """Return what reads rows; None where no detector asked for would have models read them."""
    own = (Settings.of(one, rows=task.template) for one in _detectors_of(options))
    if not any(chosen_head(one, task.train.texts).reads_texts for one in own):
        return None
    from polar_detect.pipeline.engine import Engine, encoder_for  # imports torch

    engine = Engine.load(options.model, encoder_for(task.train.texts, options.encoder))
    # What context does to the loss would have to be measured anew in each fold, which takes
    # longer than all the rest, and says how normal a row is rather than how large a number.
    read = engine.reading(max_tokens=options.max_tokens, curves="first-order", wants_context=False)
    return read.extractor


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
    # Where no blanks part the words the terminal breaks lines better; and a command that is copied
    # must have no line end in the name of a column.
    is_left_to_terminal = not language.say("space") or _COMMAND in line
    said = visible(language.compared(line))
    out.print(said, style=style, highlight=False, markup=False, soft_wrap=is_left_to_terminal)
