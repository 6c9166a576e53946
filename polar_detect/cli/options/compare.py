"""Options of `polar-detect compare`."""

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
class CompareOptions:
    """Measure against LightGBM, random forest, isolation forest and kNN; say which to use."""

    train: Input
    test: Annotated[
        Path | None,
        typer.Argument(
            help="Test rows; a TRAIN without the label column then counts as normal. Default: a "
            "share of TRAIN is held out."
        ),
    ] = None
    label_column: LabelColumn = None
    target: Annotated[
        str | None,
        typer.Option(help="Column of a number to predict, instead of a label. Default: none."),
    ] = None
    text_column: Annotated[
        str | None,
        typer.Option(
            help="Column of the texts. Default: the one obvious candidate, else rows written out."
        ),
    ] = None
    columns: Annotated[
        str | None,
        typer.Option(
            help="Take rows as texts: columns a,b,c written out, and no others. Default: none."
        ),
    ] = None
    numeric_columns: Annotated[
        str,
        typer.Option(
            help="Columns that methods on numbers read: auto (numbers, and categories as 0 and "
            "1), none, or names: a,b,c."
        ),
    ] = "auto"
    sheet: Sheet = None
    encoding: Encoding = None
    detectors: Annotated[
        str,
        typer.Option(
            help="Our detectors: a,b. lightgbm learns from labels, and takes several times as long."
        ),
    ] = "auto"
    out: Annotated[
        Path | None, typer.Option(help="File for the table: .csv, .json or .md. Default: none.")
    ] = None
    test_share: Annotated[
        float, typer.Option(min=0.05, max=0.95, help="Share of a single file to test on.")
    ] = 0.4
    max_rows: Annotated[
        int, typer.Option(min=100, help="Rows to fit on, and to test on, at most.")
    ] = 1000
    model: Model = "smollm2"
    encoder: Encoder = "auto"
    max_tokens: MaxTokens = MAX_TOKENS
    resamples: Annotated[
        int, typer.Option(min=100, help="Bootstrap resamples behind the intervals.")
    ] = 500
    seed: Annotated[int, typer.Option(min=0, help="Makes split and fits reproducible.")] = 0
    lang: Annotated[Tongue, language_of("the table, the advice and the messages")] = "en"

    def __post_init__(self) -> None:
        """Refuse options that do not go together."""
        if (self.label_column is None) == (self.target is None):
            raise contradiction("give either --label-column or --target, and not both", self.lang)
        if self.text_column is not None and self.columns is not None:
            raise contradiction("give either --text-column or --columns, not both", self.lang)
