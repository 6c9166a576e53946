"""Options of `polar-detect demo`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from polar_detect.cli.speaking import language_of
from polar_detect.report.choices import Tongue


@dataclass(frozen=True, kw_only=True)
class DemoOptions:
    """Fit, score and explain the demo work orders in `data/`."""

    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("polar-detect-demo")
    lang: Annotated[Tongue, language_of("the work orders, the report and the messages")] = "en"
