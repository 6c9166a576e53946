"""The command line: parse → call → print. Imports nothing heavy, so that --help is instant."""

import os
import sys
from pathlib import Path
from typing import Annotated

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
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Anomaly detection in text by layer programs of a small language model."""


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
    out: Annotated[Path, typer.Option(help="HTML file for the report.")],
    top: Annotated[int, typer.Option(min=1, help="Rows to explain, worst first.")] = 20,
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    alpha: Alpha = None,
) -> None:
    """Explain a batch in one self-contained HTML file."""
    from polar_detect.cli.commands import report as command

    command.report(
        input, detector, out, command.ReportSettings(top, text_column, label_column, alpha)
    )


@app.command()
def search(  # noqa: PLR0913 - one argument per option
    text: Annotated[str | None, typer.Argument(help="The text; or use --file.")] = None,
    *,
    file: Annotated[Path | None, typer.Option(help="Text file, one text a line.")] = None,
    import_: Annotated[
        Path | None,
        typer.Option("--import", help="merged_mcts_samples.json whose programs are measured."),
    ] = None,
    export: Annotated[
        Path | None, typer.Option(help="merged_mcts_samples.json for what is found.")
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            help="quick, thorough, dynamic, beam, greedy, guided, mcts, exhaustive or menu "
            "(found on the first texts)."
        ),
    ] = "quick",
    criterion: Annotated[
        str, typer.Option(help="What a valid program keeps: loss, prediction or answer.")
    ] = "loss",
    answer: Annotated[
        str | None,
        typer.Option(help="With --criterion answer: what follows TEXT, leading blank included."),
    ] = None,
    agreement: Annotated[
        float,
        typer.Option(help="With --criterion prediction: share of positions with the same token."),
    ] = 1.0,
    model: Model = "smollm2",
    tolerance: Annotated[
        float, typer.Option(min=0.0, help="Nats per token that a valid program may lose.")
    ] = 0.1,
    max_tokens: MaxTokens = 64,
    json: Annotated[bool, typer.Option("--json", help="One JSON object per text.")] = False,
) -> None:
    """Find the minimal layer program of a text."""
    from polar_detect.cli.commands import search as command

    if sum(source is not None for source in (text, file, import_)) != 1:
        raise typer.BadParameter("give one of TEXT, --file and --import")
    settings = command.SearchSettings(
        model, tolerance, max_tokens, method, command.criterion_of(criterion, tolerance, agreement)
    )
    source = command.Source(text, answer, file, import_)
    command.search(source, settings, export=export, json=json)


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
