"""What each command asks for, as its `--help` says it: a dataclass each, an option a field.

`polar_detect.cli.commands` has a function of the same name, which takes it. They are apart
because importing torch takes seconds, and `--help` and completion need none of it.
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import typer

from polar_detect.backbone.tokenizing import MAX_TOKENS
from polar_detect.cli.speaking import contradiction, language_of
from polar_detect.messages.tongues import Tongue
from polar_detect.report.formats.choices import Format
from polar_detect.serve.settings import ServeSettings

# Options of which one is given, in place of the others: groups of fields.
Alternatives = tuple[tuple[str, ...], ...]

# Under these headings `--help` lists options of commands that have many.
_READING, _KNOWN, _MODELS = "How files are read", "What is known of rows", "Models"
_RUNS, _RAY = "One row for each run", "Cluster (extra `ray`)"

_FILES = (
    "CSV, TSV, Excel, Parquet, JSON or JSONL file, or a text file with one text a line; text "
    "formats also .gz or .zst"
)
Input = Annotated[Path, typer.Argument(help=f"{_FILES}; - for stdin.")]
InputFile = Annotated[Path, typer.Argument(help=f"{_FILES}.")]
DetectorFolder = Annotated[Path, typer.Option("--detector", help="Folder that `fit` wrote.")]
TextColumn = Annotated[
    str | None,
    typer.Option(
        help="Column that holds the texts. Default: as in `fit`.", rich_help_panel=_READING
    ),
]
FitTextColumn = Annotated[
    str | None,
    typer.Option(
        help="Column that holds the texts. Default: the one obvious candidate.",
        rich_help_panel=_READING,
    ),
]
Columns = Annotated[
    str | None,
    typer.Option(
        help="Take rows as texts: columns a,b,c written out with their names; numbers count as "
        "numbers too. Default: none.",
        rich_help_panel=_READING,
    ),
]
ConditionColumns = Annotated[
    str | None,
    typer.Option(
        help="Columns that say under what conditions rows were made, as a set point or the outdoor "
        "temperature, and not what came out: a,b. A new condition is not strange by itself; the "
        "other columns are judged given them. Default: none.",
        rich_help_panel=_KNOWN,
    ),
]
_LABELS = (
    "Column with 1, true, yes, NG, fail, anomaly, 異常 or such a word of another language for "
    "anomalous rows"
)
LabelColumn = Annotated[
    str | None,
    typer.Option(
        help=f"{_LABELS}; rows without a label are left out. Default: none.", rich_help_panel=_KNOWN
    ),
]
ReportLabelColumn = Annotated[
    str | None,
    typer.Option(
        help=f"{_LABELS}, to compare the scores with; rows without a label stay. Default: none.",
    ),
]
Sheet = Annotated[
    str | None,
    typer.Option(
        help="Sheet of an Excel file. Default: the first that is visible and has the columns.",
        rich_help_panel=_READING,
    ),
]
Encoding = Annotated[
    str | None,
    typer.Option(
        help="Encoding of a text format, e.g. cp932. Default: detected.", rich_help_panel=_READING
    ),
]
Model = Annotated[
    str,
    typer.Option(
        help="Embedded name, Hugging Face id, folder or GGUF file of a decoder.",
        rich_help_panel=_MODELS,
    ),
]
Encoder = Annotated[
    str,
    typer.Option(
        help="Embedded name, Hugging Face id or folder of a sentence encoder. auto: minilm for "
        "English, and e5-small for a hundred other languages, Japanese among them.",
        rich_help_panel=_MODELS,
    ),
]
Passages = Annotated[
    bool,
    typer.Option(
        "--passages",
        help="Texts are long ones, as reports are: read them to their end, passage by passage. "
        "Default: their first --max-tokens tokens.",
        rich_help_panel=_READING,
    ),
]
MaxTokens = Annotated[
    int,
    typer.Option(
        min=1,
        help="Texts are cut after this many tokens, of each model's own.",
        rich_help_panel=_MODELS,
    ),
]
Alpha = Annotated[
    float | None,
    typer.Option(help="Rows with a p-value of at most this are flagged. Default: 0.05."),
]


@dataclass(frozen=True, kw_only=True)
class FittingOptions:
    """What `fit` and `screen` ask for: how rows are read, and what is fitted on them."""

    alternatives: ClassVar[Alternatives] = (("text_column", "columns", "all_columns"),)

    text_column: FitTextColumn = None
    columns: Columns = None
    all_columns: Annotated[
        bool,
        typer.Option(
            "--all-columns", help="Take rows as texts: every column.", rich_help_panel=_READING
        ),
    ] = False
    condition_columns: ConditionColumns = None
    passages: Passages = False
    sheet: Sheet = None
    encoding: Encoding = None
    model: Model = "smollm2"
    encoder: Encoder = "auto"
    detector: Annotated[
        str,
        typer.Option(
            help="auto, columns (numbers and words that repeat of rows; without models, in "
            "seconds), texts (models read rows, too, that columns would do for; auto takes one of "
            "these), classifier (for labelled kinds alone), lightgbm, isolation-forest, or one of "
            "PyOD, e.g. pyod:ECOD (extra `pyod`)."
        ),
    ] = "auto"
    max_tokens: MaxTokens = MAX_TOKENS
    seed: Annotated[int, typer.Option(min=0, help="Makes the result reproducible.")] = 0
    lang: Annotated[Tongue, language_of("the messages")] = "en"

    def __post_init__(self) -> None:
        """Refuse options that do not go together."""
        _check_one_reading(self)


def _check_one_reading(options: "FittingOptions | CompareOptions") -> None:
    """Refuse more than one way in which rows are read."""
    given = (options.text_column is not None, options.columns is not None, options.all_columns)
    if sum(given) > 1:
        raise contradiction("give one of --text-column, --columns and --all-columns", options.lang)


@dataclass(frozen=True, kw_only=True)
class FitOptions(FittingOptions):
    """Fit a detector on normal texts (and on labelled anomalous ones, where there are some)."""

    train: Input
    out: Annotated[Path, typer.Option(help="Folder for the fitted detector.")]
    all_columns: Annotated[
        bool,
        typer.Option(
            "--all-columns",
            help="Take rows as texts: every column but the label.",
            rich_help_panel=_READING,
        ),
    ] = False
    label_column: LabelColumn = None
    kind_column: Annotated[
        str | None,
        typer.Option(
            help="Column that says of what kind anomalous rows are, as failure modes or causes: "
            "flagged rows that are like one are told so. Without --label-column a row of a kind is "
            "anomalous, and one where nothing, -, OK, none or the like stands is normal. Default: "
            "none.",
            rich_help_panel=_KNOWN,
        ),
    ] = None
    group_column: Annotated[
        str | None,
        typer.Option(
            help="Column that says which rows hang together, as those of a lot, a shift or a "
            "customer: none is held against others of its own, so that p-values are those of "
            "other lots. Default: rows near in time where dates are in order, or a column called "
            "lot or the like, where numbers are alike.",
            rich_help_panel=_KNOWN,
        ),
    ] = None
    contamination: Annotated[
        float,
        typer.Option(
            min=0,
            help="Share of the training texts that may be anomalous, from 0 to below 0.5. So many "
            "of those nearest to a text are passed over, so that a few like it do not make it "
            "normal.",
            rich_help_panel=_KNOWN,
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
        typer.Option(
            min=40,
            help="Of more texts, a random sample of so many is fitted on.",
            rich_help_panel=_READING,
        ),
    ] = 5000


@dataclass(frozen=True, kw_only=True)
class UpdateOptions:
    """Fit a detector anew, on what it was fitted on and on rows that somebody looked at."""

    reviewed: Annotated[
        Path,
        typer.Argument(help=f"Rows with what was found, as the file that `score` wrote: {_FILES}."),
    ]
    detector: DetectorFolder
    out: Annotated[Path, typer.Option(help="Folder for the new detector; it may be the same.")]
    label_column: LabelColumn = None
    kind_column: Annotated[
        str | None,
        typer.Option(
            help="Column that says of what kind anomalous rows are, as in `fit`. Without "
            "--label-column a row of a kind is anomalous, one with -, OK, none or the like is "
            "normal, and one where nothing stands is left out. Default: none.",
            rich_help_panel=_KNOWN,
        ),
    ] = None
    whole_batch: Annotated[
        bool,
        typer.Option(
            "--whole-batch",
            help="These are all rows of a batch: those without a label that score did not flag are "
            "normal, and normal rows say how often normal rows are flagged, too.",
        ),
    ] = False
    text_column: TextColumn = None
    sheet: Sheet = None
    encoding: Encoding = None
    lang: Annotated[Tongue, language_of("the messages")] = "en"

    def __post_init__(self) -> None:
        """Refuse rows of which nothing says what was found."""
        if self.label_column is None and self.kind_column is None:
            raise contradiction("give --label-column, --kind-column, or both", self.lang)


@dataclass(frozen=True, kw_only=True)
class ScreenOptions(FittingOptions):
    """Find the rows of one file that are unlike the others; none has to be known as normal."""

    input: InputFile
    out: Annotated[
        Path,
        typer.Option(help="File for all rows: .csv, .tsv, .jsonl, .txt, .parquet or .xlsx."),
    ]
    share: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the rows to flag, the strangest first.")
    ] = 0.05
    detector: Annotated[
        str,
        typer.Option(
            help="auto, columns (numbers and words that repeat of rows; without models, in "
            "seconds) or texts (models read rows, too, that columns would do for)."
        ),
    ] = "auto"
    contamination: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Share of the rows that may be anomalous and like one another, as spam is, from "
            "0 to below 0.5. So many of those nearest to a row are passed over. Default: as "
            "--share, 0.1 at most.",
            rich_help_panel=_KNOWN,
        ),
    ] = None
    max_texts: Annotated[
        int,
        typer.Option(
            min=50,
            help="Of more rows, all are held against a sample of so many.",
            rich_help_panel=_READING,
        ),
    ] = 5000
    report: Annotated[
        Path | None,
        typer.Option(
            help="File that explains the strangest rows: .html, .pdf, .png, .json or .md. "
            "Default: none."
        ),
    ] = None
    lang: Annotated[Tongue, language_of("the reasons and the messages")] = "en"

    @property
    def of_fit(self) -> FitOptions:
        """What a fit on these rows would be asked for."""
        own = {field.name for field in fields(FitOptions)}
        given = {n: value for n, value in vars(self).items() if n in own and value is not None}
        return FitOptions(**given | {"train": self.input})


@dataclass(frozen=True, kw_only=True)
class ScoreOptions:
    """Score every row: all input columns, score, p-value, flag, reasons, program and top layers.

    The same command given again after an interruption goes on where it stopped.
    """

    alternatives: ClassVar[Alternatives] = (("alpha", "fdr"),)

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
            "its own, shorter one. A detector of columns has no programs."
        ),
    ] = "default"
    engine: Annotated[
        Literal["local", "ray"],
        typer.Option(help="ray scores on a cluster (extra `ray`).", rich_help_panel=_RAY),
    ] = "local"
    ray_address: Annotated[
        str | None,
        typer.Option(
            help="Cluster, e.g. ray://head:10001. Default: RAY_ADDRESS, else this machine.",
            rich_help_panel=_RAY,
        ),
    ] = None
    ray_workers: Annotated[
        int | None,
        typer.Option(min=1, help="Actors. Default: one per processor.", rich_help_panel=_RAY),
    ] = None
    ray_gpus: Annotated[
        float, typer.Option(min=0.0, help="GPUs of each actor.", rich_help_panel=_RAY)
    ] = 0.0
    cache: Annotated[
        Path | None,
        typer.Option(
            help="Folder that keeps results for later runs, by hash of the text; no text can be "
            "read from it. Default: none."
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


@dataclass(frozen=True, kw_only=True)
class ReportOptions:
    """Explain a batch in one self-contained file: HTML, PDF, PNG, JSON or Markdown."""

    input: Input
    detector: DetectorFolder
    out: Annotated[Path, typer.Option(help="File for the report: .html, .pdf, .png, .json or .md.")]
    format: Annotated[
        Format | None, typer.Option(help="Format of --out. Default: by its ending.")
    ] = None
    lang: Annotated[Tongue, language_of("the report and the messages")] = "en"
    figures: Annotated[
        Path | None,
        typer.Option(help="Folder for all pictures as PNG and SVG files. Default: none."),
    ] = None
    top: Annotated[int, typer.Option(min=1, help="Rows to explain, worst first.")] = 20
    opens: Annotated[bool, typer.Option("--open", help="Open the report when it is written.")] = (
        False
    )
    text_column: TextColumn = None
    label_column: ReportLabelColumn = None
    sheet: Sheet = None
    encoding: Encoding = None
    alpha: Alpha = None


@dataclass(frozen=True, kw_only=True)
class CombineOptions:
    """Make one table of files and sheets that have the same columns, as of months or lots."""

    inputs: Annotated[
        list[Path],
        typer.Argument(
            help="CSV, TSV, Excel, Parquet, JSON or JSONL files, of which all visible sheets count "
            "that have these columns; text files with one text a line; or folders of such."
        ),
    ]
    out: Annotated[
        Path,
        typer.Option(help="File for all rows: .csv, .tsv, .jsonl, .txt, .parquet or .xlsx."),
    ]
    sheet: Annotated[
        str | None,
        typer.Option(
            help="The one sheet to take of each Excel file. Default: all.", rich_help_panel=_READING
        ),
    ] = None
    encoding: Encoding = None
    documents: Annotated[
        bool,
        typer.Option(
            "--documents",
            help="Make one row of each document, as of reports and mails: Word, PDF, .eml, .msg, "
            "HTML, Markdown and text files.",
        ),
    ] = False
    drop_copies: Annotated[
        bool,
        typer.Option(
            "--drop-copies",
            help="Leave out rows that an earlier file or sheet has, too, or documents "
            "that say the same.",
        ),
    ] = False
    one_row_each: Annotated[
        bool,
        typer.Option(
            "--one-row-each",
            help="Make one row of each file or sheet, whose rows are the readings of one run, as "
            "of a test piece, a furnace cycle or a shot: what each column comes to over its "
            "course.",
            rich_help_panel=_RUNS,
        ),
    ] = False
    by: Annotated[
        str | None,
        typer.Option(
            help="Make one row for each value of a column, or of columns a,b, in each file or "
            "sheet, as of a long table with a cycle or shot in each row. Default: none.",
            rich_help_panel=_RUNS,
        ),
    ] = None
    by_pattern: Annotated[
        str | None,
        typer.Option(
            help="Make one row of all lines of a text file, or --entries, that say the same where "
            r"this regular expression matches, or in its brackets: session=(\d+). Default: none.",
            rich_help_panel=_RUNS,
        ),
    ] = None
    entries: Annotated[
        str | None,
        typer.Option(
            help="Columns a,b of steps, events or log lines, which are told one after the other: "
            "OPEN > HEAT > CLOSE. Default: what changes, where columns say up to eight things.",
            rich_help_panel=_RUNS,
        ),
    ] = None
    along: Annotated[
        str | None,
        typer.Option(
            help="Column that the course of a run goes along, as time or strain. Default: one that "
            "is called as one of times is, else the rows as they come.",
            rich_help_panel=_RUNS,
        ),
    ] = None
    label_column: Annotated[
        str | None,
        typer.Option(
            help=f"{_LABELS}, as of readings: a run with one of them is anomalous. Default: none.",
            rich_help_panel=_RUNS,
        ),
    ] = None
    lang: Annotated[Tongue, language_of("the messages")] = "en"

    @property
    def are_runs(self) -> bool:
        """Whether each run becomes one row."""
        return self.one_row_each or self.by is not None or self.by_pattern is not None

    def __post_init__(self) -> None:
        """Refuse options that do not go together."""
        of_runs = (self.along, self.label_column, self.entries)
        if not self.are_runs and any(own is not None for own in of_runs):
            raise contradiction(
                "give --along, --entries and --label-column with --one-row-each, --by or "
                "--by-pattern only",
                self.lang,
            )
        if self.documents and self.sheet is not None:
            raise contradiction("give either --documents or --sheet, not both", self.lang)
        if self.are_runs and (self.documents or self.drop_copies):
            raise contradiction(
                "give neither --documents nor --drop-copies with --one-row-each or --by",
                self.lang,
            )


@dataclass(frozen=True, kw_only=True)
class DriftOptions:
    """Say whether, and since when, the rows of many scored files have changed."""

    inputs: Annotated[
        list[Path],
        typer.Argument(
            help="Files that `score` wrote, or folders of such, in the order of time: as given; by "
            "name, numbers counted as such, where they are in the order of names."
        ),
    ]
    detector: DetectorFolder
    time_column: Annotated[
        str | None,
        typer.Option(
            help="Column of dates, or of numbers that grow in time, by which all rows are put in "
            "order, whatever files they are in. Default: as they stand."
        ),
    ] = None
    out: Annotated[
        Path | None,
        typer.Option(
            help="Picture of the course of the scores: .png, .svg or .pdf. Default: none."
        ),
    ] = None
    lang: Annotated[Tongue, language_of("the messages and the picture")] = "en"


@dataclass(frozen=True, kw_only=True)
class InspectOptions:
    """Say what a detector's folder is, keeps of the training texts, and would find."""

    alternatives: ClassVar[Alternatives] = (("texts", "detection_limits"),)

    detector: Annotated[Path, typer.Argument(help="Folder that `fit` wrote.")]
    texts: Annotated[
        bool,
        typer.Option("--texts", help="List the training texts that it keeps, as JSON strings."),
    ] = False
    detection_limits: Annotated[
        bool,
        typer.Option(
            "--detection-limits",
            help="How much a cell of a normal row has to change to be flagged, column by column.",
        ),
    ] = False
    lang: Annotated[Tongue, language_of("the messages")] = "en"

    def __post_init__(self) -> None:
        """Refuse options that do not go together."""
        if self.texts and self.detection_limits:
            raise contradiction("give either --texts or --detection-limits, not both", self.lang)


@dataclass(frozen=True, kw_only=True)
class SearchOptions:
    """Find the minimal layer program of a text."""

    alternatives: ClassVar[Alternatives] = (
        ("text", "file", "import_"),
        ("text", "encoding"),
        ("import_", "encoding"),
    )

    text: Annotated[str | None, typer.Argument(help="The text; or use --file.")] = None
    file: Annotated[
        Path | None,
        typer.Option(help="Text file, one text a line. Default: none.", rich_help_panel=_READING),
    ] = None
    encoding: Encoding = None
    import_: Annotated[
        Path | None,
        typer.Option(
            "--import",
            help="merged_mcts_samples.json whose programs are measured. Default: none.",
        ),
    ] = None
    export: Annotated[
        Path | None,
        typer.Option(help="merged_mcts_samples.json for what is measured. Default: none."),
    ] = None
    method: Annotated[
        str | None,
        typer.Option(
            help="quick, thorough, patient, dynamic, beam, greedy, guided, mcts, exhaustive or "
            "menu (found on the first texts); encoders: exhaustive, greedy or mcts. Default: "
            "quick; encoders: exhaustive up to 8 layers, else greedy."
        ),
    ] = None
    space: Annotated[
        str | None,
        typer.Option(
            help="With --method exhaustive: skips, polar, cola or any-order; with mcts: polar or "
            "cola. Default: skips; with mcts all that its edits lead to."
        ),
    ] = None
    predictor: Annotated[
        Path | None,
        typer.Option(
            help="Folder of a ProgramPredictor, whose proposals are measured instead of a "
            "search. Default: none."
        ),
    ] = None
    criterion: Annotated[
        str, typer.Option(help="What a valid program keeps: loss, prediction or answer.")
    ] = "loss"
    answer: Annotated[
        str | None,
        typer.Option(
            help="With --criterion answer: what follows TEXT, leading blank included. "
            "Default: none."
        ),
    ] = None
    agreement: Annotated[
        float | None,
        typer.Option(
            help="With --criterion prediction: share of positions with the same token. "
            "Default: 1.0."
        ),
    ] = None
    model: Model = "smollm2"
    tolerance: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            help="With --criterion loss: nats per token that a valid program may lose. "
            "Default: 0.1.",
        ),
    ] = None
    max_tokens: MaxTokens = MAX_TOKENS
    json: Annotated[bool, typer.Option("--json", help="One JSON object per text.")] = False

    @property
    def wants_answer(self) -> bool:
        """Whether texts are prompts that an answer follows."""
        return self.criterion == "answer"

    def __post_init__(self) -> None:
        """Refuse texts from nowhere, and from several places."""
        if sum(source is not None for source in (self.text, self.file, self.import_)) != 1:
            raise typer.BadParameter("give one of TEXT, --file and --import")


@dataclass(frozen=True, kw_only=True)
class CompareOptions:
    """Measure against LightGBM, random forest, isolation forest and kNN; say which to use."""

    alternatives: ClassVar[Alternatives] = (
        ("label_column", "target"),
        ("text_column", "columns", "all_columns"),
    )

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
        typer.Option(
            help="Column of a number to predict, instead of a label. Default: none.",
            rich_help_panel=_KNOWN,
        ),
    ] = None
    text_column: Annotated[
        str | None,
        typer.Option(
            help="Column of the texts. Default: the one obvious candidate, else rows written out.",
            rich_help_panel=_READING,
        ),
    ] = None
    columns: Annotated[
        str | None,
        typer.Option(
            help="Take rows as texts: columns a,b,c written out, and no others. Default: none.",
            rich_help_panel=_READING,
        ),
    ] = None
    all_columns: Annotated[
        bool,
        typer.Option(
            "--all-columns",
            help="Take rows as texts: every column but the label, also beside a column of texts.",
            rich_help_panel=_READING,
        ),
    ] = False
    group_column: Annotated[
        str | None,
        typer.Option(
            help="Column that says which rows hang together, as those of a lot or a customer: "
            "without TEST, rows are tested on that are of others. Default: one called lot or the "
            "like.",
            rich_help_panel=_KNOWN,
        ),
    ] = None
    condition_columns: ConditionColumns = None
    passages: Passages = False
    numeric_columns: Annotated[
        str,
        typer.Option(
            help="Columns that methods on numbers read: auto (numbers, and categories as 0 and "
            "1), none, or names: a,b,c.",
            rich_help_panel=_READING,
        ),
    ] = "auto"
    sheet: Sheet = None
    encoding: Encoding = None
    detectors: Annotated[
        str,
        typer.Option(
            help="Our detectors: a,b. Where anomalies are labelled, auto runs without and with "
            "them, and beside classifier; on rows, beside columns, or as columns where fit would "
            "go by them alone. lightgbm learns from labels too, and takes several times as long."
        ),
    ] = "auto"
    out: Annotated[
        Path | None, typer.Option(help="File for the table: .csv, .json or .md. Default: none.")
    ] = None
    test_share: Annotated[
        float, typer.Option(min=0.05, max=0.95, help="Share of a single file to test on.")
    ] = 0.4
    max_rows: Annotated[
        int,
        typer.Option(
            min=100, help="Rows to fit on, and to test on, at most.", rich_help_panel=_READING
        ),
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
        _check_one_reading(self)
        if self.target is not None and self.condition_columns is not None:
            raise contradiction(
                "give --condition-columns with --label-column: no detector judges rows by --target",
                self.lang,
            )
        if self.target is not None and self.passages:
            raise contradiction(
                "give --passages with --label-column: no detector judges texts by --target",
                self.lang,
            )


def given_for_models(options: FitOptions | CompareOptions) -> list[str]:
    """Return the options that are given and that models alone read."""
    given = {
        "--model": options.model != FitOptions.model,
        "--encoder": options.encoder != FitOptions.encoder,
        "--max-tokens": options.max_tokens != FitOptions.max_tokens,
    }
    return [option for option, is_given in given.items() if is_given]


@dataclass(frozen=True, kw_only=True)
class ServeOptions:
    """Serve scores and explanations over HTTP (extra `serve`)."""

    detector: DetectorFolder
    host: Annotated[str, typer.Option(help="Address; 0.0.0.0 for every machine.")] = "127.0.0.1"
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000
    alpha: Alpha = None
    token_file: Annotated[
        Path | None,
        typer.Option(help="File with the bearer token. Default: POLAR_DETECT_TOKEN, else none."),
    ] = None
    root_path: Annotated[
        str, typer.Option(help="Path under which a proxy serves it, such as /polar; for /docs.")
    ] = ServeSettings.root_path
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


@dataclass(frozen=True, kw_only=True)
class DemoOptions:
    """Fit, score and explain the demo work orders in `data/`."""

    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("polar-detect-demo")
    lang: Annotated[Tongue, language_of("the work orders, the report and the messages")] = "en"
