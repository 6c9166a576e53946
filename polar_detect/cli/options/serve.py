"""Options of `polar-detect serve`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from polar_detect.cli.options.shared import DetectorFolder
from polar_detect.serve.settings import ServeSettings


@dataclass(frozen=True, kw_only=True)
class ServeOptions:
    """Serve scores and explanations over HTTP (extra `serve`)."""

    detector: DetectorFolder
    host: Annotated[str, typer.Option(help="Address; 0.0.0.0 for every machine.")] = "127.0.0.1"
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000
    token_file: Annotated[
        Path | None,
        typer.Option(help="File with the bearer token. Default: POLAR_DETECT_TOKEN, else none."),
    ] = None
    max_queue: Annotated[
        int, typer.Option(min=1, help="Texts that may wait; more are refused with 429.")
    ] = ServeSettings.max_queue_texts
    max_texts: Annotated[int, typer.Option(min=1, help="Texts in one request.")] = (
        ServeSettings.max_texts
    )
    max_chars: Annotated[int, typer.Option(min=1, help="Characters in one text.")] = (
        ServeSettings.max_chars
    )
    timeout: Annotated[float, typer.Option(help="Seconds after which a request gets 504.")] = (
        ServeSettings.timeout_s
    )
