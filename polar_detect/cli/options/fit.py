"""Options of `polar-detect fit`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from polar_detect.backbone.tokenizing import MAX_TOKENS
from polar_detect.cli.options.shared import (
    Encoder,
    Encoding,
    Input,
    LabelColumn,
    MaxTokens,
    Model,
    Sheet,
)
from polar_detect.cli.speaking import contradiction, language_of
from polar_detect.report.choices import Tongue


@dataclass(frozen=True, kw_only=True)
class FitOptions:
    """Fit a detector on normal texts (and on labelled anomalous ones, where there are some)."""

    train: Input
    out: Annotated[Path, typer.Option(help="Folder for the fitted detector.")]
    text_column: Annotated[
        str | None,
        typer.Option(help="Column that holds the texts. Default: the one obvious candidate."),
    ] = None
    columns: Annotated[
        str | None,
        typer.Option(
            help="Take rows as texts: columns a,b,c written out with their names; numbers count as "
            "numbers too. Default: none."
        ),
    ] = None
    all_columns: Annotated[
        bool, typer.Option("--all-columns", help="Take rows as texts: every column but the label.")
    ] = False
    label_column: LabelColumn = None
    sheet: Sheet = None
    encoding: Encoding = None
    model: Model = "smollm2"
    encoder: Encoder = "auto"
    detector: Annotated[
        str,
        typer.Option(
            help="auto, lightgbm, isolation-forest, or one of PyOD, e.g. pyod:ECOD (extra `pyod`)."
        ),
    ] = "auto"
    max_tokens: MaxTokens = MAX_TOKENS
    seed: Annotated[int, typer.Option(min=0, help="Makes the fit reproducible.")] = 0
    contamination: Annotated[
        float,
        typer.Option(
            min=0,
            help="Share of the training texts that may be anomalous, from 0 to below 0.5. So many "
            "of those nearest to a text are passed over, so that a few like it do not make it "
            "normal.",
        ),
    ] = 0.0
    no_store_texts: Annotated[
        bool,
        typer.Option(
            "--no-store-texts",
            help="Keep no training texts in the folder. Then no neighbours are shown, numbers of "
            "rows are read as text only, and detectors other than auto go without context gain.",
        ),
    ] = False
    max_texts: Annotated[
        int,
        typer.Option(min=40, help="Of more texts, a random sample of so many is fitted on."),
    ] = 5000
    lang: Annotated[Tongue, language_of("the messages")] = "en"

    def __post_init__(self) -> None:
        """Refuse options that do not go together."""
        given = (self.text_column is not None, self.columns is not None, self.all_columns)
        if sum(given) > 1:
            raise contradiction("give one of --text-column, --columns and --all-columns", self.lang)
