"""The command line: parse → call → print. Imports nothing heavy, so that --help is instant."""

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from polar_detect import __version__
from polar_detect.errors import PolarError

app = typer.Typer(
    name="polar-detect",
    help="Which of these texts do not belong, and why? Anomaly detection by layer programs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
)
models_app = typer.Typer(help="List the embedded models, or fetch one.")
app.add_typer(models_app, name="models")

Input = Annotated[Path, typer.Argument(help="CSV, or a text file with one text a line.")]
DetectorFolder = Annotated[Path, typer.Option("--detector", help="Folder that `fit` wrote.")]
TextColumn = Annotated[
    str | None, typer.Option(help="Column that holds the texts (CSV). Default: as in `fit`.")
]
LabelColumn = Annotated[
    str | None, typer.Option(help="Column with 1 / true / anomaly for anomalous rows.")
]
Model = Annotated[
    str, typer.Option(help="Embedded name, Hugging Face id, folder or GGUF file of a decoder.")
]
MaxTokens = Annotated[int, typer.Option(min=1, help="Texts are cut after this many tokens.")]
Alpha = Annotated[
    float | None,
    typer.Option(help="Rows with a p-value of at most this are flagged. Default: 0.05."),
]


ReportFormat = Literal["html", "pdf", "png", "json", "md"]
ReportLanguage = Literal["en", "ja"]


def main() -> None:
    """Run the command line; a `PolarError` becomes one line and exit code 1."""
    # Read when torch is loaded. By default OpenMP's threads spin while they wait for each
    # other, and beside any other load a run takes ten times as long.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        app()
    except PolarError as error:
        sys.stderr.write(f"polar-detect: {' '.join(str(error).split())}\n")
        sys.exit(1)


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"polar-detect {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    *,
    version: Annotated[  # noqa: ARG001 - acts in its callback
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
    config: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="File with options by command. Default: polar-detect.toml here, if there is one.",
        ),
    ] = None,
) -> None:
    """Anomaly detection in text by layer programs of a small language model."""
    from polar_detect.cli.config import read_config

    context.default_map = read_config(context, config)


@app.command()
def fit(  # noqa: PLR0913 - one argument per option
    train: Input,
    *,
    out: Annotated[Path, typer.Option(help="Folder for the fitted detector.")],
    text_column: Annotated[
        str | None, typer.Option(help="Column that holds the texts (CSV).")
    ] = None,
    label_column: LabelColumn = None,
    model: Model = "smollm2",
    detector: Annotated[str, typer.Option(help="auto, lightgbm or isolation-forest.")] = "auto",
    max_tokens: MaxTokens = 64,
    seed: Annotated[int, typer.Option(help="Makes the fit reproducible.")] = 0,
) -> None:
    """Fit a detector on normal texts (and on labelled anomalous ones, where there are some)."""
    from polar_detect.cli.commands import fit as command

    settings = command.FitSettings(model, detector, max_tokens, seed)
    command.fit(train, out, text_column, label_column, settings)


@app.command()
def score(
    input: Input,
    *,
    detector: DetectorFolder,
    out: Annotated[Path, typer.Option(help="CSV file for the scored rows.")],
    text_column: TextColumn = None,
    alpha: Alpha = None,
) -> None:
    """Score every row: all input columns, score, p-value, flag, program and top layers."""
    from polar_detect.cli.commands import score as command

    command.score(input, detector, out, text_column, alpha)


@app.command()
def report(  # noqa: PLR0913 - one argument per option
    input: Input,
    *,
    detector: DetectorFolder,
    out: Annotated[
        Path, typer.Option(help="File for the report: .html, .pdf, .png, .json or .md.")
    ],
    format: Annotated[
        ReportFormat | None, typer.Option(help="Format of --out. Default: by its ending.")
    ] = None,
    lang: Annotated[
        ReportLanguage, typer.Option(help="Language of the report and the messages.")
    ] = "en",
    figures: Annotated[
        Path | None, typer.Option(help="Folder for all pictures as PNG and SVG files.")
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="Rows to explain, worst first.")] = 20,
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    alpha: Alpha = None,
) -> None:
    """Explain a batch in one self-contained file: HTML, PDF, PNG, JSON or Markdown."""
    from polar_detect.cli.commands import report as command

    settings = command.ReportSettings(top, text_column, label_column, alpha)
    style = command.ReportStyle(format, lang, figures)
    command.report(input, detector, out, settings, style)


@app.command()
def search(
    text: Annotated[str | None, typer.Argument(help="The text; or use --file.")] = None,
    *,
    file: Annotated[Path | None, typer.Option(help="Text file, one text a line.")] = None,
    model: Model = "smollm2",
    tolerance: Annotated[
        float, typer.Option(min=0.0, help="Nats per token that a valid program may lose.")
    ] = 0.1,
    max_tokens: MaxTokens = 64,
    json: Annotated[bool, typer.Option("--json", help="One JSON object per text.")] = False,
) -> None:
    """Find the minimal layer program of a text."""
    from polar_detect.cli.commands import search as command

    if (text is None) == (file is None):
        raise typer.BadParameter("give either a TEXT or --file, not both")
    command.search(text, file, command.SearchSettings(model, tolerance, max_tokens), json=json)


@app.command()
def compare(  # noqa: PLR0913 - one argument per option
    train: Input,
    test: Annotated[
        Path | None, typer.Argument(help="Test rows. Default: a share of TRAIN is held out.")
    ] = None,
    *,
    label_column: LabelColumn = None,
    target: Annotated[
        str | None, typer.Option(help="Column of a number to predict, instead of a label.")
    ] = None,
    text_column: Annotated[
        str | None,
        typer.Option(help="Column of the texts. Default: the numeric columns, written out."),
    ] = None,
    numeric_columns: Annotated[
        str, typer.Option(help="auto (all columns of numbers), none, or names: a,b,c.")
    ] = "auto",
    detectors: Annotated[
        str | None,
        typer.Option(help="Our detectors: a,b. Default: auto; with labels auto,lightgbm."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="File for the table: .csv, .json or .md. Default: none.")
    ] = None,
    test_share: Annotated[
        float, typer.Option(min=0.05, max=0.95, help="Share of a single file to test on.")
    ] = 0.4,
    max_rows: Annotated[
        int, typer.Option(min=100, help="Rows to fit on, and to test on, at most.")
    ] = 1000,
    model: Model = "smollm2",
    max_tokens: MaxTokens = 64,
    resamples: Annotated[
        int, typer.Option(min=100, help="Bootstrap resamples behind the intervals.")
    ] = 500,
    seed: Annotated[int, typer.Option(help="Makes split and fits reproducible.")] = 0,
) -> None:
    """Measure against LightGBM, random forest, isolation forest and kNN; say which to use."""
    if (label_column is None) == (target is None):
        raise typer.BadParameter("give either --label-column or --target, and not both")
    from polar_detect.cli.commands import compare as command
    from polar_detect.compare import Reading

    reading = Reading(
        target=label_column or target or "",
        kind="label" if label_column else "number",
        text_column=text_column,
        numeric_columns=numeric_columns,
        test_share=test_share,
        max_rows=max_rows,
        seed=seed,
    )
    names = tuple(name.strip() for name in detectors.split(",")) if detectors else ()
    settings = command.CompareSettings(names, model, max_tokens, resamples, seed)
    command.compare(train, test, reading, settings, out)


@models_app.callback(invoke_without_command=True)
def models(context: typer.Context) -> None:
    """List the embedded models: name, licence, size, whether they are in the cache."""
    if context.invoked_subcommand is None:
        from polar_detect.cli.commands import models as command

        command.list_models()


@models_app.command("fetch")
def fetch_model(name: Annotated[str, typer.Argument(help="Embedded name or hub id.")]) -> None:
    """Fetch a model into the cache, check its hash, and print its folder."""
    from polar_detect.cli.commands import models as command

    command.fetch_model(name)


@app.command()
def demo(
    *,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("polar-detect-demo"),
) -> None:
    """Fit, score and explain the demo work orders in `data/`."""
    from polar_detect.cli.commands import demo as command

    command.demo(out)
