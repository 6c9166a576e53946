"""The command line: parse → call → print. Imports nothing heavy, so that --help is instant."""

import atexit
import gc
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from polar_detect import __version__
from polar_detect.backbone.tokenizing import MAX_TOKENS
from polar_detect.cli.streams import write_anything
from polar_detect.errors import PolarError
from polar_detect.visible import visible

app = typer.Typer(
    name="polar-detect",
    help="Which of these texts do not belong, and why? Anomaly detection by layer programs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
)
models_app = typer.Typer(help="List the embedded models, or fetch one.")
app.add_typer(models_app, name="models")

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


ReportFormat = Literal["html", "pdf", "png", "json", "md"]
Tongue = Literal["en", "ja"]


@dataclass
class Spoken:
    """The language in which the command that runs was asked to speak; its errors too."""

    tongue: Tongue = "en"


def _spoken_in(context: typer.Context, tongue: Tongue) -> Tongue:
    context.ensure_object(Spoken).tongue = tongue
    return tongue


def _language_of(what: str) -> Any:
    return typer.Option(help=f"Language of {what}.", callback=_spoken_in)


def main() -> None:
    """Run the command line; a `PolarError` becomes one line and exit code 1."""
    # Read when torch is loaded. By default OpenMP's threads spin while they wait for each
    # other, and beside any other load a run takes ten times as long.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Importing torch and transformers makes half a million objects, all of which stay. Looking
    # for garbage among them as often as Python does takes 0.7 of 5.6 s of processor time.
    gc.set_threshold(100_000, 20, 20)
    # And they go with the process: looking through all of them once more takes another 1.2 s.
    atexit.register(gc.freeze)
    write_anything(sys.stdout, sys.stderr)
    spoken = Spoken()
    try:
        app(obj=spoken)
    except PolarError as error:
        message = visible(" ".join(_said(str(error), spoken.tongue).split()))
        sys.stderr.write(f"polar-detect: {message}\n")
        sys.exit(1)


def _said(message: str, tongue: Tongue) -> str:
    """Return the message of an error in a language."""
    if tongue == "en":
        return message
    from polar_detect.report.language import Language

    return Language(tongue).error(message)


def _contradiction(message: str, tongue: Tongue) -> typer.BadParameter:
    """Return the error for options that do not go together."""
    return typer.BadParameter(_said(message, tongue))


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
        str | None,
        typer.Option(help="Column that holds the texts. Default: the one obvious candidate."),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            help="Take rows as texts: columns a,b,c written out with their names. Default: none."
        ),
    ] = None,
    all_columns: Annotated[
        bool, typer.Option("--all-columns", help="Take rows as texts: every column but the label.")
    ] = False,
    label_column: LabelColumn = None,
    sheet: Sheet = None,
    encoding: Encoding = None,
    model: Model = "smollm2",
    encoder: Encoder = "auto",
    detector: Annotated[str, typer.Option(help="auto, lightgbm or isolation-forest.")] = "auto",
    max_tokens: MaxTokens = MAX_TOKENS,
    seed: Annotated[int, typer.Option(min=0, help="Makes the fit reproducible.")] = 0,
    contamination: Annotated[
        float,
        typer.Option(
            min=0,
            max=0.5,
            help="Share of the training texts that may be anomalous. So many of those nearest to a "
            "text are passed over, so that a few like it do not make it normal.",
        ),
    ] = 0.0,
    store_texts: Annotated[
        bool,
        typer.Option(
            "--store-texts/--no-store-texts",
            help="Keep the training texts in the folder. Without them no neighbours are shown, "
            "and detectors other than auto go without context gain.",
        ),
    ] = True,
    max_texts: Annotated[
        int,
        typer.Option(min=40, help="Of more texts, a random sample of so many is fitted on."),
    ] = 5000,
    lang: Annotated[Tongue, _language_of("the messages")] = "en",
) -> None:
    """Fit a detector on normal texts (and on labelled anomalous ones, where there are some)."""
    if [text_column is not None, columns is not None, all_columns].count(True) > 1:
        raise _contradiction("give one of --text-column, --columns and --all-columns", lang)
    from polar_detect.cli.commands import fit as command
    from polar_detect.cli.commands.inputs import InputOptions

    options = InputOptions(text_column, label_column, columns, all_columns, sheet, encoding)
    settings = command.FitSettings(
        model, encoder, detector, max_tokens, seed, contamination, store_texts, max_texts, lang
    )
    command.fit(train, out, options, settings)


@app.command()
def score(  # noqa: PLR0913 - one argument per option
    input: Input,
    *,
    detector: DetectorFolder,
    out: Annotated[
        Path,
        typer.Option(help="File for the scored rows: .csv, .tsv, .jsonl, .txt, .parquet or .xlsx."),
    ],
    text_column: TextColumn = None,
    sheet: Sheet = None,
    encoding: Encoding = None,
    alpha: Alpha = None,
    fdr: Annotated[
        float | None,
        typer.Option(
            help="Flag so that at most this share of the flagged rows is expected to be normal, "
            "instead of --alpha. Default: none."
        ),
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Forget what an interrupted run has finished.")
    ] = False,
    preset: Annotated[
        Literal["default", "fast", "search"],
        typer.Option(
            help="fast looks up the program of flagged rows only; search searches every row for "
            "its own, shorter one."
        ),
    ] = "default",
    engine: Annotated[
        Literal["local", "ray"], typer.Option(help="ray scores on a cluster (extra `ray`).")
    ] = "local",
    ray_address: Annotated[
        str | None,
        typer.Option(
            help="Cluster, e.g. ray://head:10001. Default: RAY_ADDRESS, else this machine."
        ),
    ] = None,
    ray_workers: Annotated[
        int | None, typer.Option(min=1, help="Actors. Default: one per processor.")
    ] = None,
    ray_gpus: Annotated[float, typer.Option(min=0.0, help="GPUs of each actor.")] = 0.0,
    cache: Annotated[
        Path | None,
        typer.Option(
            help="Folder that keeps results for later runs, by hash of the text; no text is "
            "written. Default: none."
        ),
    ] = None,
    lang: Annotated[Tongue, _language_of("the reasons and the messages")] = "en",
) -> None:
    """Score every row: all input columns, score, p-value, flag, reasons, program and top layers.

    The same command given again after an interruption goes on where it stopped.
    """
    from polar_detect.cli.commands import score as command
    from polar_detect.cli.commands.inputs import InputOptions

    if alpha is not None and fdr is not None:
        raise _contradiction("give either --alpha or --fdr, not both", lang)
    options = InputOptions(text_column, sheet=sheet, encoding=encoding)
    ray = command.RayOptions(ray_address, ray_workers, ray_gpus) if engine == "ray" else None
    if ray is not None and cache is not None:
        raise _contradiction("give either --cache or --engine ray, not both", lang)
    if ray is not None and preset != "default":
        raise _contradiction(f"give either --preset {preset} or --engine ray, not both", lang)
    settings = command.ScoreSettings(alpha, fdr, restart, preset, ray, cache, lang)
    command.score(input, detector, out, options, settings)


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
    lang: Annotated[Tongue, _language_of("the report and the messages")] = "en",
    figures: Annotated[
        Path | None,
        typer.Option(help="Folder for all pictures as PNG and SVG files. Default: none."),
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="Rows to explain, worst first.")] = 20,
    opens: Annotated[
        bool, typer.Option("--open", help="Open the report when it is written.")
    ] = False,
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    sheet: Sheet = None,
    encoding: Encoding = None,
    alpha: Alpha = None,
) -> None:
    """Explain a batch in one self-contained file: HTML, PDF, PNG, JSON or Markdown."""
    from polar_detect.cli.commands import report as command
    from polar_detect.cli.commands.inputs import InputOptions

    options = InputOptions(text_column, label_column, sheet=sheet, encoding=encoding)
    style = command.ReportStyle(format=format, tongue=lang, figures=figures, opens=opens)
    command.report(input, detector, out, options, command.ReportSettings(top, alpha), style)


@app.command()
def inspect(
    detector: Annotated[Path, typer.Argument(help="Folder that `fit` wrote.")],
    *,
    texts: Annotated[
        bool,
        typer.Option("--texts", help="List the training texts that it keeps, as JSON strings."),
    ] = False,
) -> None:
    """Say what a detector's folder is and what it keeps of the training texts."""
    from polar_detect.cli.commands import inspect as command

    command.inspect(detector, lists_texts=texts)


@app.command()
def search(  # noqa: PLR0913 - one argument per option
    text: Annotated[str | None, typer.Argument(help="The text; or use --file.")] = None,
    *,
    file: Annotated[
        Path | None, typer.Option(help="Text file, one text a line. Default: none.")
    ] = None,
    import_: Annotated[
        Path | None,
        typer.Option(
            "--import",
            help="merged_mcts_samples.json whose programs are measured. Default: none.",
        ),
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(help="merged_mcts_samples.json for what is measured. Default: none."),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            help="quick, thorough, patient, dynamic, beam, greedy, guided, mcts, exhaustive or "
            "menu (found on the first texts); encoders: exhaustive, greedy or mcts. Default: "
            "quick; encoders: exhaustive up to 8 layers, else greedy."
        ),
    ] = None,
    space: Annotated[
        str | None,
        typer.Option(
            help="With --method exhaustive: skips, polar, cola or any-order; with mcts: polar or "
            "cola. Default: skips; with mcts all that its edits lead to."
        ),
    ] = None,
    predictor: Annotated[
        Path | None,
        typer.Option(
            help="Folder of a ProgramPredictor, whose proposals are measured instead of a "
            "search. Default: none."
        ),
    ] = None,
    criterion: Annotated[
        str, typer.Option(help="What a valid program keeps: loss, prediction or answer.")
    ] = "loss",
    answer: Annotated[
        str | None,
        typer.Option(
            help="With --criterion answer: what follows TEXT, leading blank included. "
            "Default: none."
        ),
    ] = None,
    agreement: Annotated[
        float | None,
        typer.Option(
            help="With --criterion prediction: share of positions with the same token. "
            "Default: 1.0."
        ),
    ] = None,
    model: Model = "smollm2",
    tolerance: Annotated[
        float, typer.Option(min=0.0, help="Nats per token that a valid program may lose.")
    ] = 0.1,
    max_tokens: MaxTokens = MAX_TOKENS,
    json: Annotated[bool, typer.Option("--json", help="One JSON object per text.")] = False,
) -> None:
    """Find the minimal layer program of a text."""
    from polar_detect.cli.commands import search as command
    from polar_detect.cli.commands.search_input import SearchSettings, Source, criterion_of

    if sum(source is not None for source in (text, file, import_)) != 1:
        raise typer.BadParameter("give one of TEXT, --file and --import")
    judge = criterion_of(criterion, tolerance, agreement)
    settings = SearchSettings(model, tolerance, max_tokens, judge, method, space, predictor)
    command.search(Source(text, answer, file, import_), settings, export=export, json=json)


@app.command()
def compare(  # noqa: PLR0913 - one argument per option
    train: Input,
    test: Annotated[
        Path | None, typer.Argument(help="Test rows. Default: a share of TRAIN is held out.")
    ] = None,
    *,
    label_column: LabelColumn = None,
    target: Annotated[
        str | None,
        typer.Option(help="Column of a number to predict, instead of a label. Default: none."),
    ] = None,
    text_column: Annotated[
        str | None,
        typer.Option(
            help="Column of the texts. Default: the one obvious candidate, else rows written out."
        ),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            help="Take rows as texts: columns a,b,c written out, and no others. Default: none."
        ),
    ] = None,
    numeric_columns: Annotated[
        str,
        typer.Option(
            help="Columns that methods on numbers read: auto (numbers, and categories as 0 and "
            "1), none, or names: a,b,c."
        ),
    ] = "auto",
    sheet: Sheet = None,
    encoding: Encoding = None,
    detectors: Annotated[
        str,
        typer.Option(
            help="Our detectors: a,b. lightgbm learns from labels, and takes several times as long."
        ),
    ] = "auto",
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
    encoder: Encoder = "auto",
    max_tokens: MaxTokens = MAX_TOKENS,
    resamples: Annotated[
        int, typer.Option(min=100, help="Bootstrap resamples behind the intervals.")
    ] = 500,
    seed: Annotated[int, typer.Option(min=0, help="Makes split and fits reproducible.")] = 0,
    lang: Annotated[Tongue, _language_of("the table, the advice and the messages")] = "en",
) -> None:
    """Measure against LightGBM, random forest, isolation forest and kNN; say which to use."""
    if (label_column is None) == (target is None):
        raise _contradiction("give either --label-column or --target, and not both", lang)
    if text_column is not None and columns is not None:
        raise _contradiction("give either --text-column or --columns, not both", lang)
    from polar_detect.cli.commands import compare as command
    from polar_detect.compare import Reading
    from polar_detect.tables import ReadOptions

    reading = Reading(
        target=label_column or target or "",
        kind="label" if label_column else "number",
        text_column=text_column,
        columns=columns,
        numeric_columns=numeric_columns,
        options=ReadOptions(encoding=encoding, sheet=sheet),
        test_share=test_share,
        max_rows=max_rows,
        seed=seed,
    )
    names = tuple(name.strip() for name in detectors.split(","))
    settings = command.CompareSettings(
        detectors=names,
        model=model,
        encoder=encoder,
        max_tokens=max_tokens,
        resamples=resamples,
        seed=seed,
        tongue=lang,
    )
    command.compare(train, test, reading, settings, out)


@app.command()
def serve(  # noqa: PLR0913 - one argument per option
    *,
    detector: DetectorFolder,
    host: Annotated[str, typer.Option(help="Address; 0.0.0.0 for every machine.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    token_file: Annotated[
        Path | None,
        typer.Option(help="File with the bearer token. Default: POLAR_DETECT_TOKEN, else none."),
    ] = None,
    max_queue: Annotated[
        int, typer.Option(min=1, help="Texts that may wait; more are refused with 429.")
    ] = 1024,
    max_texts: Annotated[int, typer.Option(min=1, help="Texts in one request.")] = 256,
    max_chars: Annotated[int, typer.Option(min=1, help="Characters in one text.")] = 20_000,
    timeout: Annotated[float, typer.Option(help="Seconds after which a request gets 504.")] = 60.0,
) -> None:
    """Serve scores and explanations over HTTP (extra `serve`)."""
    from polar_detect.cli.commands import serve as command

    settings = command.ServeSettings(
        max_queue_texts=max_queue,
        max_texts=max_texts,
        max_chars=max_chars,
        timeout_s=timeout,
        token=command.read_token(token_file),
    )
    command.serve(detector, host, port, settings)


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
    lang: Annotated[Tongue, _language_of("the work orders, the report and the messages")] = "en",
) -> None:
    """Fit, score and explain the demo work orders in `data/`."""
    from polar_detect.cli.commands import demo as command

    command.demo(out, lang)
