"""Options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

Input = Annotated[
    Path,
    typer.Argument(
        help="CSV, TSV, Excel, Parquet or JSONL file, or a text file with one text a line; "
        "text formats also .gz or .zst; - for stdin."
    ),
]
DetectorFolder = Annotated[Path, typer.Option("--detector", help="Folder that `fit` wrote.")]
TextColumn = Annotated[
    str | None, typer.Option(help="Column that holds the texts. Default: as in `fit`.")
]
LabelColumn = Annotated[
    str | None,
    typer.Option(
        help="Column with 1, true, yes, NG, fail, anomaly, 異常 or 不良 for anomalous rows; rows "
        "without a label are left out. Default: none."
    ),
]
Sheet = Annotated[
    str | None,
    typer.Option(
        help="Sheet of an Excel file. Default: the first that is visible and has the columns."
    ),
]
Encoding = Annotated[
    str | None,
    typer.Option(help="Encoding of a text format, e.g. cp932. Default: detected."),
]
Model = Annotated[
    str, typer.Option(help="Embedded name, Hugging Face id, folder or GGUF file of a decoder.")
]
Encoder = Annotated[
    str,
    typer.Option(
        help="Embedded name, Hugging Face id or folder of a sentence encoder. auto: minilm for "
        "English, and e5-small for a hundred other languages, Japanese among them."
    ),
]
MaxTokens = Annotated[
    int, typer.Option(min=1, help="Texts are cut after this many tokens, of each model's own.")
]
Alpha = Annotated[
    float | None,
    typer.Option(help="Rows with a p-value of at most this are flagged. Default: 0.05."),
]
