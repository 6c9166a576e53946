"""What `polar-detect search` is asked: texts with their answers, criterion, way to search."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from polar_detect import tables
from polar_detect.cli.commands.output import tell
from polar_detect.cli.options import SearchOptions
from polar_detect.containers import as_texts
from polar_detect.errors import InputError
from polar_detect.program import Program
from polar_detect.programs import interchange
from polar_detect.programs.criteria import SameAnswer, SameLoss, SamePrediction
from polar_detect.programs.interchange import PolarFile, PolarSample
from polar_detect.search import (
    METHODS,
    MctsSettings,
    Method,
    Search,
    exhaustive,
    mcts,
    menu_search,
)
from polar_detect.search.space import Space

MENU = "menu"
_SPACES = {
    "skips": Space(0, max_runs=1),
    "polar": Space(0),
    "cola": Space(0, max_runs=4),
    "any-order": Space(0, any_order=True),
}
_TREE_SPACES = ("polar", "cola")
_ANSWERS = "--import a file with gt_ans in each sample"


def tolerance_of(options: SearchOptions) -> float:
    """Return what a valid program may lose, or a menu's programs where another criterion judges."""
    return SameLoss().tolerance if options.tolerance is None else options.tolerance


def criterion_of(options: SearchOptions) -> SameLoss | SamePrediction | SameAnswer:
    """Return the criterion that is asked for.

    A tolerance is of losses, an agreement of predictions.
    """
    name, tolerance, agreement = options.criterion, options.tolerance, options.agreement
    known: dict[str, SameLoss | SamePrediction | SameAnswer] = {
        "loss": SameLoss(tolerance_of(options)),
        "prediction": SamePrediction() if agreement is None else SamePrediction(agreement),
        "answer": SameAnswer(),
    }
    if name not in known:
        raise unknown("--criterion", name, list(known))
    for option, value, own in (
        ("--tolerance", tolerance, "loss"),
        ("--agreement", agreement, "prediction"),
    ):
        if value is not None and name != own:
            raise InputError(
                f"Got {option} {value} and --criterion {name}; expected {option} with "
                f"--criterion {own}; leave it out or choose that criterion."
            )
    return known[name]


def check(options: SearchOptions) -> None:
    """Raise `InputError` for what is not known, or does not go together, in whatever model."""
    criterion_of(options)
    method, space = options.method, options.space
    if method is not None and method not in {*METHODS, MENU}:
        raise unknown("--method", method, [*METHODS, MENU])
    if space is not None and space not in _SPACES:
        raise unknown("--space", space, list(_SPACES))
    if options.predictor is not None and (asked := _search_asked_for(options)):
        raise InputError(
            f"Got --predictor and {asked}; expected one of them, as proposals are "
            "measured instead of a search; leave one out."
        )
    fits = method == "exhaustive" or (method == "mcts" and space in _TREE_SPACES)
    if space is not None and not fits:
        given = f"--method {method}" if method else "no --method"
        raise InputError(
            f"Got --space {space} and {given}; expected "
            f"--method exhaustive, or mcts with {' or '.join(_TREE_SPACES)}; choose such a method."
        )


def _search_asked_for(options: SearchOptions) -> str:
    """Return the options that choose a search, as they were given; nothing where there are none."""
    given = (("--method", options.method), ("--space", options.space))
    return " and ".join(f"{option} {value}" for option, value in given if value is not None)


def method_called(name: str, space: str | None, n_layers: int) -> Method:
    """Return the search called `name` (not a menu), in the space called `space`."""
    if space is None:
        return METHODS[name]
    own = replace(_SPACES[space], n_layers=n_layers)
    if name == "mcts":
        return partial(mcts, settings=MctsSettings(max_runs=own.max_runs), space=own)
    return partial(exhaustive, space=own)


class Remembering:
    """A search method that keeps which programs its last search met."""

    def __init__(self, method: Method) -> None:
        self._method = method
        self.met: tuple[Program, ...] = ()

    def __call__(self, n_layers: int, *, tolerance: float) -> Search:
        """Return a search of one text."""
        found = yield from self._method(n_layers, tolerance=tolerance)
        self.met = found.met
        return found


def own_programs(samples: Sequence[PolarSample], method: Method) -> list[Method]:
    """Return each sample's search: its own programs as a menu where it brings some."""
    return [
        partial(menu_search, programs=(*sample.valid, *sample.invalid))
        if sample.has_programs
        else method
        for sample in samples
    ]


def file_of(options: SearchOptions) -> PolarFile:
    """Return the texts as samples, which bring programs where they are imported."""
    if options.answer is not None and (options.text is None or not options.wants_answer):
        own = "add these" if options.text is not None else f"{_ANSWERS} in place of --answer"
        raise InputError(
            f"Got --answer; expected it with a TEXT and --criterion answer; leave it out or {own}."
        )
    if options.encoding is not None and options.file is None:
        raise InputError(
            f"Got --encoding {options.encoding} without --file; expected both; leave it out."
        )
    if options.import_ is not None:
        file = interchange.read(options.import_)
        if not file.samples:
            raise InputError(
                f"Got --import '{options.import_}' without a sample; expected one at least; see "
                "whether the search that wrote it came to an end."
            )
        _refuse_two_ways(file, options)
    else:
        texts = _lines(options) if options.text is None else [_text(options)]
        answer = as_texts([options.answer or ""])[0]
        file = PolarFile(tuple(PolarSample(text, answer, None, (), ()) for text in texts))
    if options.wants_answer and not all(sample.answer for sample in file.samples):
        do = _ANSWERS if options.text is None else f"pass --answer TEXT, or {_ANSWERS}"
        raise InputError(
            "Got --criterion answer and a text without answer; expected an answer to every text; "
            f"{do}."
        )
    return file


def check_programs(samples: Sequence[PolarSample], options: SearchOptions, n_layers: int) -> None:
    """Raise `ProgramError` for a sample whose programs do not fit the model."""
    for i, sample in enumerate(samples):
        sample.check(n_layers, f"sample {i} of '{options.import_}'")


def unknown(option: str, value: str, known: Sequence[str]) -> InputError:
    """Return the error for a value that an option does not know."""
    return InputError(
        f"Got {option} '{value}'; expected one of {', '.join(known)}; choose one of these."
    )


def _refuse_two_ways(file: PolarFile, options: SearchOptions) -> None:
    """Raise `InputError` where imported programs would be measured in place of what is asked."""
    asked = "--predictor" if options.predictor is not None else _search_asked_for(options)
    if asked and any(sample.has_programs for sample in file.samples):
        raise InputError(
            f"Got {asked} and --import '{options.import_}' with programs; expected one of them, as "
            "imported programs are measured instead of a search; leave one out, or import samples "
            "whose lists of programs are empty."
        )


def _text(options: SearchOptions) -> str:
    assert options.text is not None
    if not options.text.strip() and not options.wants_answer:
        raise InputError(
            "Got a TEXT without a word; expected one to find the program of; write it in quotes."
        )
    return as_texts([options.text])[0]


def _lines(options: SearchOptions) -> list[str]:
    file = options.file
    assert file is not None
    if tables.has_columns(file):
        raise InputError(
            f"Got --file '{file}'; expected a text file with one text a line; save the text "
            "column as .txt."
        )
    table = tables.read_table(file, options=tables.ReadOptions(encoding=options.encoding))
    for notice in table.notices:
        tell(f"{table.source}: {notice}")
    if table.rejected:
        first = table.rejected[0]
        tell(
            f"{table.source}: lines that could not be read are left out: {len(table.rejected)}; "
            f"the first is line {first.line} ({first.reason})"
        )
    return table.texts
