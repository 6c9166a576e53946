"""Options of `polar-detect score`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from polar_detect.cli.options.shared import (
    Alpha,
    DetectorFolder,
    Encoding,
    Input,
    Sheet,
    TextColumn,
)
from polar_detect.cli.speaking import contradiction, language_of
from polar_detect.report.choices import Tongue


@dataclass(frozen=True, kw_only=True)
class ScoreOptions:
    """Score every row: all input columns, score, p-value, flag, reasons, program and top layers.

    The same command given again after an interruption goes on where it stopped.
    """

    input: Input
    detector: DetectorFolder
    out: Annotated[
        Path,
        typer.Option(help="File for the scored rows: .csv, .tsv, .jsonl, .txt, .parquet or .xlsx."),
    ]
    text_column: TextColumn = None
    sheet: Sheet = None
    encoding: Encoding = None
    alpha: Alpha = None
    fdr: Annotated[
        float | None,
        typer.Option(
            help="Flag so that at most this share of the flagged rows is expected to be normal, "
            "instead of --alpha. Default: none."
        ),
    ] = None
    restart: Annotated[
        bool, typer.Option("--restart", help="Forget what an interrupted run has finished.")
    ] = False
    preset: Annotated[
        Literal["default", "fast", "search"],
        typer.Option(
            help="fast looks up the program of flagged rows only; search searches every row for "
            "its own, shorter one."
        ),
    ] = "default"
    engine: Annotated[
        Literal["local", "ray"], typer.Option(help="ray scores on a cluster (extra `ray`).")
    ] = "local"
    ray_address: Annotated[
        str | None,
        typer.Option(
            help="Cluster, e.g. ray://head:10001. Default: RAY_ADDRESS, else this machine."
        ),
    ] = None
    ray_workers: Annotated[
        int | None, typer.Option(min=1, help="Actors. Default: one per processor.")
    ] = None
    ray_gpus: Annotated[float, typer.Option(min=0.0, help="GPUs of each actor.")] = 0.0
    cache: Annotated[
        Path | None,
        typer.Option(
            help="Folder that keeps results for later runs, by hash of the text; no text is "
            "written. Default: none."
        ),
    ] = None
    lang: Annotated[Tongue, language_of("the reasons and the messages")] = "en"

    def __post_init__(self) -> None:
        """Refuse options that do not go together."""
        if self.alpha is not None and self.fdr is not None:
            raise contradiction("give either --alpha or --fdr, not both", self.lang)
        if self.engine == "ray" and self.cache is not None:
            raise contradiction("give either --cache or --engine ray, not both", self.lang)
        if self.engine == "ray" and self.preset != "default":
            raise contradiction(
                f"give either --preset {self.preset} or --engine ray, not both", self.lang
            )
