"""What a person should know of a table before a fit on it, or before its rows are screened."""

import reprlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from polar_detect import models, tables
from polar_detect.assessment import kinds_of_columns
from polar_detect.cli.commands.output import said_of_cut
from polar_detect.cli.options import FitOptions
from polar_detect.detector import PolarDetector
from polar_detect.detectors import head_class
from polar_detect.messages.language import Language
from polar_detect.models.fluency import advise
from polar_detect.pipeline import choice
from polar_detect.shell import as_argument
from polar_detect.tables.cells.names import match_column, on_one_line
from polar_detect.tables.rows.row_text import SEPARATOR
from polar_detect.texts.doubts import labelled_both, say_the_same, times_pasted
from polar_detect.texts.moments import moment_in
from polar_detect.texts.passages import InPassages
from polar_detect.texts.visible import as_seen

# Columns that are all said; of more, as of sensors or wavelengths, these first ones.
_MOST_NAMES, _SHOWN = 40, 20


@dataclass(frozen=True, eq=False)
class Notices:
    """What there is to say of a table, a sentence each.

    Parameters
    ----------
    table : Table
    options : FitOptions
        With the detector that the rows ask for.
    language : Language
        Says whether the rows are screened.
    """

    table: tables.Table
    options: FitOptions
    language: Language

    @property
    def _reads_texts(self) -> bool:
        return head_class(self.options.detector).reads_texts

    def of_texts(self) -> Iterator[str]:
        """Yield what is odd about the rows as a whole: copies, verdicts and the like."""
        table, language = self.table, self.language
        is_screened = language.is_screening
        n, texts = len(table.texts), as_seen(table.texts)
        if table.sampled_from is not None:
            yield language.say("fit.sampled", n=n, n_all=table.sampled_from)
        if say_the_same(texts):
            yield language.say("fit.all_same", n=n)
        if (times := times_pasted(texts)) > 1:
            yield language.say("screen.pasted" if is_screened else "fit.pasted", times=times)
        elif table.sampled_from is None:
            yield from self._of_copies()
        if table.template is None and (moments := [*filter(None, map(moment_in, texts))]):
            yield language.say("fit.moments", n=len(moments), n_all=n, moment=moments[0])
        read = [table.text_column] if table.template is None else table.template.names
        if table.has_columns:
            added = kinds_of_columns(
                are_rows=True,
                has_layers=self._reads_texts,
                asides=tables.Asides.of(
                    table.template,
                    keeps_texts=not self.options.no_store_texts,
                    passages=self.options.passages,
                    known=table.labels is not None,
                    repeats=not self.options.no_store_texts,
                ),
            )
            yield from map(language.notice, tables.warn_of_taken(filter(None, read), added))
        if is_screened:
            yield from self._of_judged()
        elif table.labels is None:
            yield from map(language.notice, tables.warn_of_judged(table.frame))
        elif both := labelled_both(texts, table.labels):
            yield language.say("fit.both", n=len(both), text=reprlib.repr(both[0]))

    def of_kinds(self, kinds: Sequence[str]) -> Iterator[str]:
        """Yield of which kinds how many anomalous rows are, the most frequent first."""
        table, language = self.table, self.language
        if table.kind_column is None or table.labels is None:
            return
        counts = Counter(kind for kind, own in zip(kinds, table.labels, strict=True) if own)
        n, n_unnamed = int(table.labels.sum()), counts.pop("", 0)
        said = [language.say("fit.kind", name=name, n=own) for name, own in counts.most_common()]
        name = on_one_line(table.kind_column)
        if said:
            listed = self._joined(said)
            yield language.say("fit.kinds", name=name, n=n - n_unnamed, kinds=listed, n_all=n)
        else:
            yield language.say("fit.kinds.none", name=name, n=n)

    def of_rows(self) -> Iterator[str]:
        """Yield how rows are written out, which columns count, and what to doubt in them."""
        template, language = self.table.template, self.language
        if template is None:
            return
        first = next(filter(None, self.table.texts), "")  # a row without a filled cell has no text
        yield language.say("fit.rows", row=self._cut(first))
        numeric = [column.name for column in template.numeric]
        if self.options.no_store_texts:
            yield language.say("fit.numbers.as_text")
        elif numeric:
            key = "fit.numbers" if self._reads_texts else "fit.numbers.alone"
            yield language.say(key, names=self._joined(numeric))
        elif self._reads_texts:
            yield language.say("fit.numbers.none")
        if conditions := template.conditions_by_name:
            yield language.say("fit.conditions", names=self._joined(conditions))
        if not self.options.no_store_texts:
            yield from self._of_factors(template)
        yield from map(language.notice, self._warnings(template))

    def of_left_out(self, given: tables.Table) -> Iterator[str]:
        """Yield which columns of the table, as it was `given`, are not read by models."""
        if given.template is not None and given is not self.table:
            left = [own.name for own in given.template.columns if own.is_ever_new]
            yield self.language.say("fit.left_out", names=self._joined(left))

    def of_unread(self) -> Iterator[str]:
        """Yield what is not read: rows without a text, and numbers beside the texts."""
        table, options = self.table, self.options
        if table.template is not None:
            return
        if n_empty := sum(not text.strip() for text in table.texts):
            yield self.language.say("fit.empty", n=n_empty, n_all=len(table.texts))
        if not table.has_columns or options.text_column is not None:
            return
        names = [*map(str, table.frame.columns)]
        taken = (
            table.text_column,
            match_column(names, options.label_column or ""),
            table.kind_column,
            *tables.result_columns(names),  # which rows as a whole are written without, too
        )
        others = [name for name in names if name not in taken]
        numeric = tables.numeric_names(table.frame, others)
        counts = tables.new_later(table.frame, numeric)
        if unread := [on_one_line(name) for name in numeric if name not in counts]:
            yield self.language.say("fit.unread", names=self._joined(unread))

    def of_reading(self, fitted: PolarDetector) -> Iterator[str]:
        """Yield by which encoder models read the texts, in which language, and how far."""
        table, language = self.table, self.language
        extractor, encoder = fitted.engine_.extractor, fitted.encoder_
        tracer = extractor.tracer
        if self.options.encoder == models.AUTO_ENCODER and encoder != models.DEFAULT_ENCODER:
            yield language.say("fit.encoder", default=models.DEFAULT_ENCODER, encoder=encoder)
        advised = advise(
            tracer.backbone,
            extractor.encoder,
            table.texts,
            model_name=fitted.model,
            encoder_name=encoder,
        )
        yield from map(language.notice, advised)
        if fitted.passages:
            own = InPassages.of(table.texts).passages
            if n_cut := tracer.count_cut(own):
                n_tokens = tracer.max_tokens
                yield language.say("passages.cut", n_cut=n_cut, n=len(own), n_tokens=n_tokens)
        # Of rows the reader was told before the fit.
        elif table.template is None and (n_cut := tracer.count_cut(table.texts)):
            n, n_tokens = len(table.texts), tracer.max_tokens
            if fitted.fitted_.text_reference.sequences is None:
                yield said_of_cut(n_cut, n, n_tokens, language)
            else:
                yield language.say("texts.cut.sequences", n_cut=n_cut, n=n, n_tokens=n_tokens)

    def _of_judged(self) -> Iterator[str]:
        """Yield which columns say what a screening does not ask: that some rows are anomalous."""
        for name, n_anomalous in tables.called_anomalous(self.table.frame).items():
            own = on_one_line(name)
            option = as_argument(own)
            yield self.language.say("screen.judged", name=repr(own), n=n_anomalous, option=option)

    def _of_copies(self) -> Iterator[str]:
        """Yield which rows stand above: in the same order, else in any."""
        table = self.table
        if table.lines is None:
            return
        label = match_column([*map(str, table.frame.columns)], self.options.label_column or "")
        others = [*filter(None, (label, table.kind_column))]
        if found := tables.find_copies(table.frame, others=others):
            row = str(table.lines[found.places[0]])
            key = f"screen.{found.kind}" if self.language.is_screening else f"fit.{found.kind}"
            yield self.language.say(key, n=len(found.places), row=row)

    def _warnings(self, template: tables.RowTemplate) -> Iterator[str]:
        """Yield what is to be warned of in the columns of rows."""
        table = self.table
        frame = table.frame[[bool(text) for text in table.texts]]
        names, texts = template.names, [*filter(None, table.texts)]
        yield from tables.warn_of_forms(frame, template)
        yield from tables.warn_of_lost_numbers(frame, template)
        yield from tables.warn_of_sides(frame, template)
        yield from tables.warn_of_words(frame, template)
        yield from tables.warn_of_verdicts(frame, names)
        if not self._reads_texts:
            yield from choice.doubts(template, texts)
            return
        yield from tables.warn_of_new_values(frame, names)
        yield from tables.warn_of_empty(template, texts, reads_texts=True)
        has_numbers = bool(template.numeric) and not self.options.no_store_texts
        yield from tables.warn_of_length(texts, self.options.max_tokens, has_numbers=has_numbers)

    def _of_factors(self, template: tables.RowTemplate) -> Iterator[str]:
        """Yield which columns are held against rows that say the same in others."""
        language = self.language
        words = [name for name, own in template.categories.items() if own.of == "words"]
        if words:
            yield language.say("fit.categories", names=self._joined(words))
        for factors, names in template.dependent.items():
            said, listed = self._joined(factors), self._joined(names)
            yield language.say("fit.factors", factors=said, names=listed)
        for key, are_gaps in (("fit.told.words", False), ("fit.told.gaps", True)):
            told = [
                language.say("fit.told", name=name, factors=self._joined(own.factors))
                for name, own in template.categories.items()
                if (own.of == "gaps") == are_gaps and own.factors
            ]
            if told:
                yield language.say(key, names=self._joined(told))

    def _cut(self, row: str) -> str:
        """Return a row as it is said: the first cells where there are many, and how many."""
        cells = row.split(SEPARATOR)
        if len(cells) <= _MOST_NAMES:
            return row
        shown = SEPARATOR.join(cells[:_SHOWN])
        return self.language.say("fit.rows.cut", row=shown, n=len(cells))

    def _joined(self, names: Iterable[str]) -> str:
        """Return names as they are said: the first where there are many, and how many more."""
        own, comma = [*names], self.language.say("comma")
        if len(own) <= _MOST_NAMES:
            return comma.join(own)
        shown = comma.join(own[:_SHOWN])
        return self.language.say("fit.names.cut", names=shown, n=len(own) - _SHOWN)
