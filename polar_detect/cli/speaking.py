"""In which language a command speaks, its errors too: known once its options are parsed."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import typer

from polar_detect import announcement
from polar_detect.errors import quoted
from polar_detect.messages.catalogue import texts
from polar_detect.messages.tongues import Tongue
from polar_detect.texts.visible import visible

_MOST_PATHS = 5


@dataclass
class Spoken:
    """The language in which the command that runs was asked to speak."""

    tongue: Tongue = "en"


def language_of(what: str) -> Any:
    """Return the option `--lang` of a command, whose help says what is in that language."""
    return typer.Option(help=f"Language of {what}.", callback=_spoken_in)


def contradiction(message: str, tongue: Tongue) -> typer.BadParameter:
    """Return the error for options that do not go together."""
    return typer.BadParameter(said(message, tongue))


def more_files(names: Sequence[str], tongue: Tongue) -> typer.BadParameter:
    """Return the error for more files than the one that a command takes, or parts of a name."""
    if not any(Path(name).suffix or os.path.exists(name) for name in names):  # noqa: PTH110
        return contradiction(
            f"Got {quoted(names)} behind the file and the options; expected one file; put a name "
            "with blanks in quotes.",
            tongue,
        )
    return contradiction(
        f"Got more than one file ({quoted(names)}); expected one; make one table of them with "
        "polar-detect combine.",
        tongue,
    )


def said(message: str, tongue: Tongue) -> str:
    """Return the message of an error in a language."""
    if tongue == "en":
        return message
    from polar_detect.messages.language import Language

    return Language(tongue).error(message)


def announced(sentence: str, tongue: Tongue) -> str:
    """Return in a language what is said while something takes long."""
    if tongue == "en":
        return sentence
    from polar_detect.messages.language import Language

    return Language(tongue).notice(sentence)


def said_of_stop(tongue: Tongue, *, goes_on: bool = False, placed: Sequence[Path] = ()) -> str:
    """Return what a command that was stopped says.

    `goes_on`: the next run goes on with it; `placed`: results that were in their place by then.
    """
    # Not by way of `Language`: it may be stopped before it has imported what that needs.
    key = "terminal.goes_on" if goes_on else "terminal.stopped"
    text: str = texts()["terminal.stopped_behind" if placed else key][tongue]
    more = ["…"] if len(placed) > _MOST_PATHS else []
    return text.format(paths=visible(", ".join([*map(str, placed[:_MOST_PATHS]), *more])))


def _spoken_in(context: typer.Context, tongue: Tongue) -> Tongue:
    context.ensure_object(Spoken).tongue = tongue
    announcement.choose_wording(partial(announced, tongue=tongue))
    return tongue
