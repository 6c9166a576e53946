"""Options of `polar-detect inspect`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from polar_detect.cli.speaking import language_of
from polar_detect.report.choices import Tongue


@dataclass(frozen=True, kw_only=True)
class InspectOptions:
    """Say what a detector's folder is and what it keeps of the training texts."""

    detector: Annotated[Path, typer.Argument(help="Folder that `fit` wrote.")]
    texts: Annotated[
        bool,
        typer.Option("--texts", help="List the training texts that it keeps, as JSON strings."),
    ] = False
    lang: Annotated[Tongue, language_of("the messages")] = "en"
