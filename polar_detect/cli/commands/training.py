"""What a detector is to be fitted on: a table, how it is read, and what is said of it before."""

import reprlib
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from polar_detect import models, tables
from polar_detect.assessment import kinds_of_columns
from polar_detect.cli.commands.inputs import tell_about
from polar_detect.cli.commands.output import said_of_cut, tell
from polar_detect.cli.options import FitOptions, given_for_models
from polar_detect.detector import PolarDetector
from polar_detect.detectors import TextsHead, head_class, new_head
from polar_detect.errors import InputError
from polar_detect.messages.language import Language
from polar_detect.models.fluency import advise
from polar_detect.pipeline import choice
from polar_detect.pipeline.settings import Settings
from polar_detect.pipeline.training import MIN_NORMAL, too_few_labelled
from polar_detect.tables.cells.names import match_column, on_one_line
from polar_detect.texts.doubts import labelled_both, say_the_same, times_pasted
from polar_detect.texts.visible import as_seen


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
        detector.set_params(rows=table.template)
        chosen = replace(options, detector=_chosen(detector, table))
        detector.set_params(detector=chosen.detector)
        given, reads_texts = table, head_class(chosen.detector).reads_texts
        if reads_texts and options.all_columns and table.template is not None:
            table = table.without_ever_new()  # of which nobody has named the columns
            detector.set_params(rows=table.template)
        was_chosen = chosen.detector != options.detector
        return cls(table, detector, chosen, given, was_chosen)

    @property
    def reads_texts(self) -> bool:
        """Whether models read the rows."""
        return head_class(self.options.detector).reads_texts

    def tell(self, language: Language, *, is_screened: bool = False) -> None:
        """Say what a person should know of the table before a fit on it.

        Or before its rows are held against one another, where it `is_screened`.
        """
        table, options = self.table, self.options
        if table is not self.given and self.given.template is not None:
            left = [own.name for own in self.given.template.columns if own.is_ever_new]
            tell_of(table, [language.say("fit.left_out", names=_joined(left, language))])
        tell_of(table, _of_texts(table, options, language, is_screened=is_screened))
        tell_of(table, _of_rows(table, options, language))
        if self.was_chosen and not self.reads_texts:
            key = "screen.by_columns" if is_screened else "fit.by_columns"
            tell_of(table, [language.say(key, detector=TextsHead.name)])
        _tell_of_models(options, language)
        tell_of(table, _of_unread(table, options, language))

    def tell_of_reading(self, fitted: PolarDetector, language: Language) -> None:
        """Say by which encoder models read the texts, in which language, and how far."""
        if self.reads_texts:
            tell_of(self.table, _of_languages(fitted, self.table, self.options, language))
            tell_of(self.table, _of_cut(fitted, self.table, language))


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
    )
    new_head(Settings.of(detector.get_params(deep=False)).detector)
    return detector


def _chosen(detector: PolarDetector, table: tables.Table) -> str:
    """Return the detector that is fitted; raise `InputError` for rows without columns for it."""
    settings = Settings.of(detector.get_params(deep=False))
    head = choice.chosen_head(settings, _normal(table))
    if not head.reads_texts:
        choice.check_settings(settings)
    return head.name


def _tell_of_models(options: FitOptions, language: Language) -> None:
    """Say which options have no effect, as no model reads the rows."""
    if head_class(options.detector).reads_texts:
        return
    for option in given_for_models(options):
        tell(language.say("unread.models", option=option, choice=f"--detector {options.detector}"))


def _read(options: FitOptions, *, draws: bool) -> tables.Table:
    takes_rows = options.all_columns or options.columns is not None
    return tables.read_table(
        options.train,
        text_column=options.text_column,
        label_column=options.label_column,
        rows=tables.RowColumns(options.columns, for_all="--all-columns") if takes_rows else None,
        options=tables.ReadOptions(
            encoding=options.encoding,
            sheet=options.sheet,
            sample=tables.RowSample(options.max_texts, options.seed) if draws else None,
            may_take_rows=True,
        ),
    )


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


def _of_texts(
    table: tables.Table, options: FitOptions, language: Language, *, is_screened: bool = False
) -> Iterator[str]:
    n, texts = len(table.texts), as_seen(table.texts)
    if table.sampled_from is not None:
        yield language.say("fit.sampled", n=n, n_all=table.sampled_from)
    if say_the_same(texts):
        yield language.say("fit.all_same", n=n)
    if (times := times_pasted(texts)) > 1:
        yield language.say("screen.pasted" if is_screened else "fit.pasted", times=times)
    elif table.sampled_from is None:
        yield from _of_copies(table, options.label_column, language, is_screened=is_screened)
    read = [table.text_column] if table.template is None else table.template.names
    if table.has_columns:
        reads_texts = head_class(options.detector).reads_texts
        added = kinds_of_columns(are_rows=True, has_layers=reads_texts)
        yield from map(language.notice, tables.warn_of_taken(filter(None, read), added))
    if is_screened:
        yield from _of_judged(table, language)
    elif table.labels is None:
        yield from map(language.notice, tables.warn_of_judged(table.frame))
    elif both := labelled_both(texts, table.labels):
        yield language.say("fit.both", n=len(both), text=reprlib.repr(both[0]))


def _of_judged(table: tables.Table, language: Language) -> Iterator[str]:
    """Yield which columns say what a screening does not ask: that some rows are anomalous."""
    for name, n_anomalous in tables.called_anomalous(table.frame).items():
        own = on_one_line(name)
        option = shlex.quote(own)
        yield language.say("screen.judged", name=repr(own), n=n_anomalous, option=option)


def _of_copies(
    table: tables.Table, label_column: str | None, language: Language, *, is_screened: bool
) -> Iterator[str]:
    """Yield which rows stand above: in the same order, else in any."""
    if table.lines is None:
        return
    label = match_column([*map(str, table.frame.columns)], label_column or "")
    others = [] if label is None else [label]
    if found := tables.find_copies(table.frame, others=others):
        row = str(table.lines[found.places[0]])
        key = f"screen.{found.kind}" if is_screened else f"fit.{found.kind}"
        yield language.say(key, n=len(found.places), row=row)


def _of_rows(table: tables.Table, options: FitOptions, language: Language) -> Iterator[str]:
    if table.template is None:
        return
    first = next(filter(None, table.texts), "")  # a row without a filled cell has no text
    yield language.say("fit.rows", row=first)
    numeric = [column.name for column in table.template.numeric]
    reads_texts = head_class(options.detector).reads_texts
    if options.no_store_texts:
        yield language.say("fit.numbers.as_text")
    elif numeric:
        key = "fit.numbers" if reads_texts else "fit.numbers.alone"
        yield language.say(key, names=_joined(numeric, language))
    elif reads_texts:
        yield language.say("fit.numbers.none")
    if not options.no_store_texts:
        yield from _of_factors(table.template, language)
    yield from map(language.notice, _warnings(table, table.template, options))


def _warnings(
    table: tables.Table, template: tables.RowTemplate, options: FitOptions
) -> Iterator[str]:
    """Yield what is to be warned of in the columns of rows."""
    frame = table.frame[[bool(text) for text in table.texts]]
    names, texts = template.names, [*filter(None, table.texts)]
    keeps_texts, reads_texts = not options.no_store_texts, head_class(options.detector).reads_texts
    yield from tables.warn_of_forms(frame, template)
    yield from tables.warn_of_lost_numbers(frame, template)
    yield from tables.warn_of_words(frame, template)
    yield from tables.warn_of_verdicts(frame, names)
    if not reads_texts:
        yield from choice.doubts(template, texts)
        return
    yield from tables.warn_of_new_values(frame, names)
    yield from tables.warn_of_empty(template, texts, reads_texts=True)
    has_numbers = bool(template.numeric) and keeps_texts
    yield from tables.warn_of_length(texts, options.max_tokens, has_numbers=has_numbers)
    if keeps_texts:
        yield from tables.warn_of_hours(template, len(texts))


def _of_unread(table: tables.Table, options: FitOptions, language: Language) -> Iterator[str]:
    """Yield what of the table is not read: rows without a text, and numbers beside the texts."""
    if table.template is not None:
        return
    if n_empty := sum(not text.strip() for text in table.texts):
        yield language.say("fit.empty", n=n_empty, n_all=len(table.texts))
    if not table.has_columns or options.text_column is not None:
        return
    names = [*map(str, table.frame.columns)]
    taken = (
        table.text_column,
        match_column(names, options.label_column or ""),
        *tables.result_columns(names),  # which rows as a whole are written without, too
    )
    others = [name for name in names if name not in taken]
    numeric = tables.numeric_names(table.frame, others)
    counts = tables.new_later(table.frame, numeric)
    if unread := [on_one_line(name) for name in numeric if name not in counts]:
        yield language.say("fit.unread", names=_joined(unread, language))


def _of_factors(template: tables.RowTemplate, language: Language) -> Iterator[str]:
    """Yield which columns are held against rows that say the same in others."""
    words = [name for name, own in template.categories.items() if own.of == "words"]
    if words:
        yield language.say("fit.categories", names=_joined(words, language))
    for factors, names in template.dependent.items():
        said, listed = _joined(factors, language), _joined(names, language)
        yield language.say("fit.factors", factors=said, names=listed)
    for key, kind in (("fit.told.words", "words"), ("fit.told.gaps", "gaps")):
        told = [
            language.say("fit.told", name=name, factors=_joined(own.factors, language))
            for name, own in template.categories.items()
            if own.of == kind and own.factors
        ]
        if told:
            yield language.say(key, names=_joined(told, language))


def _joined(names: Iterable[str], language: Language) -> str:
    return language.say("comma").join(names)


def _of_languages(
    detector: PolarDetector, table: tables.Table, options: FitOptions, language: Language
) -> Iterator[str]:
    extractor, encoder = detector.engine_.extractor, detector.encoder_
    if options.encoder == models.AUTO_ENCODER and encoder != models.DEFAULT_ENCODER:
        yield language.say("fit.encoder", default=models.DEFAULT_ENCODER, encoder=encoder)
    yield from map(
        language.notice,
        advise(
            extractor.tracer.backbone,
            extractor.encoder,
            table.texts,
            model_name=detector.model,
            encoder_name=encoder,
        ),
    )


def _of_cut(detector: PolarDetector, table: tables.Table, language: Language) -> Iterator[str]:
    if table.template is not None:  # of rows the reader was told before the fit
        return
    tracer = detector.engine_.extractor.tracer
    if n_cut := tracer.count_cut(table.texts):
        yield said_of_cut(n_cut, len(table.texts), tracer.max_tokens, language)
