"""What a detector is to be fitted on: a table, and how it is read."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from polar_detect import tables
from polar_detect.cli.commands.inputs import tell_about
from polar_detect.cli.commands.notices import Notices
from polar_detect.cli.commands.output import tell
from polar_detect.cli.options import FitOptions, given_for_models
from polar_detect.detector import PolarDetector
from polar_detect.detectors import TextsHead, head_class, new_head
from polar_detect.errors import InputError
from polar_detect.messages.language import Language
from polar_detect.pipeline import choice
from polar_detect.pipeline.settings import Settings
from polar_detect.pipeline.standing import Standing
from polar_detect.pipeline.training import MIN_NORMAL, too_few_labelled
from polar_detect.report.content.aside_phrases import counted_flat_runs
from polar_detect.signature.digits import LastDigits
from polar_detect.signature.flat_runs import FlatRuns, UsualRuns
from polar_detect.tables.cells.names import comma_separated, match_column

_CONDITIONS = "--condition-columns"


@dataclass(frozen=True, eq=False)
class Training:
    """A table to fit on, and the detector that is to be fitted.

    Parameters
    ----------
    table : Table
    detector : PolarDetector
        With the template of the table's rows, and the detector that they ask for.
    options : FitOptions
        That detector among them.
    given : Table
        As it was read, with what models are not to read.
    was_chosen : bool
        Whether the rows decided which detector it is.
    """

    table: tables.Table
    detector: PolarDetector
    options: FitOptions
    given: tables.Table
    was_chosen: bool

    @classmethod
    def read(
        cls, options: FitOptions, rejected: Path, language: Language, *, draws: bool = True
    ) -> Self:
        """Read the table; its rows that cannot be read go into a file.

        Parameters
        ----------
        options : FitOptions
        rejected : Path
        language : Language
            Of what is told of the table.
        draws : bool
            Whether a sample of a large one will do.

        Raises
        ------
        InputNotFoundError, InputError
            The table cannot be read, too few of its rows are normal, or a setting cannot be.
        """
        detector = _unfitted(options)
        table = _read(options, draws=draws)
        tell_about(table, rejected, language)
        _check_readable(table, options.max_texts)
        table = _under_conditions(table, options.condition_columns)
        detector.set_params(rows=table.template)
        chosen = replace(options, detector=_chosen(detector, table))
        detector.set_params(detector=chosen.detector)
        given, reads_texts = table, head_class(chosen.detector).reads_texts
        if reads_texts and table.template is not None:
            # Of what is ever new nobody has named the columns.
            read = table.without_ever_new() if options.all_columns else table
            table = read.rounded()
            detector.set_params(rows=table.template)
        was_chosen = chosen.detector != options.detector
        return cls(table, detector, chosen, given, was_chosen)

    @property
    def reads_texts(self) -> bool:
        """Whether models read the rows."""
        return head_class(self.options.detector).reads_texts

    @property
    def standing(self) -> Standing | None:
        """Which rows hang together, by dates and lots, also of columns that are not read."""
        table = self.table
        if table.group_column is not None:
            return Standing.given(table.frame[table.group_column], len(table.texts))
        if table.template is None:
            return None
        return Standing.found_in(table.frame, which=None if table.labels is None else ~table.labels)

    @property
    def kinds(self) -> tuple[str, ...] | None:
        """Of what kind each anomalous row is; None where no column says so."""
        table = self.table
        own = table.kind_column
        return None if own is None else tables.said_kinds(table.frame[own]).kinds

    def tell(self, language: Language) -> None:
        """Say what a person should know of the table before a fit on it, or before a screening."""
        table, notices = self.table, Notices(self.table, self.options, language)
        tell_of(table, notices.of_left_out(self.given))
        tell_of(table, notices.of_texts())
        tell_of(table, notices.of_kinds(self.kinds or ()))
        tell_of(table, notices.of_rows())
        if not self.reads_texts:
            if self.was_chosen:
                key = "screen.by_columns" if language.is_screening else "fit.by_columns"
                tell_of(table, [language.say(key, detector=TextsHead.name)])
            for option in given_for_models(self.options):
                named = f"--detector {self.options.detector}"
                tell(language.say("unread.models", option=option, choice=named))
        tell_of(table, notices.of_unread())

    def tell_of_reading(self, fitted: PolarDetector, language: Language) -> None:
        """Say by which encoder models read the texts, in which language, and how far."""
        if self.reads_texts:
            tell_of(self.table, Notices(self.table, self.options, language).of_reading(fitted))

    def tell_of_repeats(self, fitted: PolarDetector, language: Language) -> None:
        """Say how many normal texts repeat another one, if some do."""
        repeats = fitted.fitted_.repeats
        n = 0 if repeats is None else sum(own is not None for own in repeats.within())
        if repeats is not None and n:
            language = replace(language, are_rows=self.table.template is not None)
            said = language.count("fit.repeats", n, n_all=len(repeats.texts))
            tell_of(self.table, [said])

    def tell_of_digits(self, fitted: PolarDetector, language: Language) -> None:
        """Say how many normal rows have rounder numbers than most, or more digits, if some do."""
        normal = fitted.fitted_.normal_texts
        digits = LastDigits.of(fitted.rows_, normal, are_normal=False)
        n = 0 if digits is None else sum(own is not None for own in digits.odd(normal))
        if n:
            tell_of(self.table, [language.count("fit.digits", n, n_all=len(normal))])

    def tell_of_flat_runs(self, detector: PolarDetector, language: Language) -> None:
        """Say where numbers of the normal rows stay the same for longer than in most of them."""
        runs = FlatRuns(UsualRuns.unknown(detector.rows_))
        runs.add(detector.fitted_.normal_texts)
        if runs.told:
            tell_of(self.table, [counted_flat_runs("fit.flat_runs", runs.told, language)])


def tell_of(table: tables.Table, notices: Iterable[str]) -> None:
    """Say something of a table."""
    for notice in notices:
        tell(f"{table.source}: {notice}")


def _unfitted(options: FitOptions) -> PolarDetector:
    """Return the detector that is to be fitted; raise `InputError` for settings that cannot be."""
    detector = PolarDetector(
        options.detector,
        model=options.model,
        encoder=options.encoder,
        max_tokens=options.max_tokens,
        seed=options.seed,
        contamination=options.contamination,
        store_texts=not options.no_store_texts,
        passages=options.passages,
    )
    new_head(Settings.of(detector).detector)
    return detector


def _under_conditions(table: tables.Table, asked: str | None) -> tables.Table:
    """Return rows of which some columns are conditions."""
    if asked is None:
        return table
    names = tables.RowColumns(asked, _CONDITIONS).names
    return replace(table, template=choice.under_conditions(table.template, names, _CONDITIONS))


def _chosen(detector: PolarDetector, table: tables.Table) -> str:
    """Return the detector that is fitted; raise `InputError` for rows without columns for it."""
    settings = Settings.of(detector)
    head = choice.chosen_head(settings, _normal(table))
    if not head.reads_texts:
        choice.check_settings(settings)
    return head.name


def _read(options: FitOptions, *, draws: bool) -> tables.Table:
    takes_rows = options.all_columns or options.columns is not None
    return tables.read_table(
        options.train,
        text_column=options.text_column,
        label_column=options.label_column,
        rows=_row_columns(options) if takes_rows else None,
        options=tables.ReadOptions(
            encoding=options.encoding,
            sheet=options.sheet,
            sample=tables.RowSample(options.max_texts, options.seed) if draws else None,
            may_take_rows=True,
            group_column=options.group_column,
            kind_column=options.kind_column,
        ),
    )


def _row_columns(options: FitOptions) -> tables.RowColumns:
    """Return the columns that are asked for, and conditions that are not among them."""
    own = tables.RowColumns(options.columns, for_all="--all-columns")
    conditions = tables.RowColumns(options.condition_columns, _CONDITIONS).names
    others = [name for name in conditions if match_column(own.names, name) is None]
    if options.columns is None or not others:
        return own
    return replace(own, asked=comma_separated([*own.names, *others]))


def _check_readable(table: tables.Table, max_texts: int) -> None:
    """Raise `InputError` where too few rows are normal, as others are left out or unread."""
    normal = _normal(table)
    n_normal = sum(bool(text.strip()) for text in normal)
    n, n_rejected = table.n_readable, len(table.rejected)
    if n_normal < MIN_NORMAL <= n_normal + table.n_unlabelled:
        raise InputError(too_few_labelled(table.source, n_normal, table.n_unlabelled))
    were_drawn = table.sampled_from is not None and len(normal) == max_texts  # of each label
    if n_normal < MIN_NORMAL and were_drawn:
        raise InputError(
            f"Got {table.source} of which {len(table.texts)} rows were drawn, {n_normal} of them "
            f"normal and with a text; expected at least {MIN_NORMAL}; pass a larger --max-texts."
        )
    if n_normal < MIN_NORMAL <= n_normal + n_rejected:
        first = table.rejected[0]
        raise InputError(
            f"Got {table.source} of which {n} of {n + n_rejected} rows can be read (line "
            f"{first.line}: {first.reason}); expected at least {MIN_NORMAL} normal rows; delete "
            "what stands above the names, or check the format, the delimiter and --encoding."
        )


def _normal(table: tables.Table) -> list[str]:
    """Return the texts that are not labelled anomalous."""
    labels = [False] * len(table.texts) if table.labels is None else table.labels.tolist()
    rows = zip(table.texts, labels, strict=True)
    return [text for text, is_anomalous in rows if not is_anomalous]
