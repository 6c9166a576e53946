"""What a report says of single rows: those that it explains, and those that it lists."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from polar_detect.arrays import Float64Array, IntArray
from polar_detect.assessment import Assessment
from polar_detect.detector import PolarDetector
from polar_detect.explain import Explanation
from polar_detect.features.named import WORDING_LIKENESS
from polar_detect.messages.sources import Column, Layer, Source
from polar_detect.report.content.cells import cells_of
from polar_detect.report.content.data import (
    CellReport,
    Contribution,
    FeaturePart,
    FlatRunRows,
    ListedRow,
    MistakenRows,
    PassageReport,
    ProgramReport,
    RepeatedRow,
    RepeatedRows,
    RowReport,
    UnusualDigitRows,
)
from polar_detect.report.content.reasons import OddCells, raising, whole_parts
from polar_detect.report.groups import (
    groups_of_copies,
    groups_of_mistakes,
    groups_of_unusual_digits,
    round_groups,
)
from polar_detect.signature.digits import LastDigits
from polar_detect.signature.marks.known_words import KnownWords
from polar_detect.signature.marks.spans import TokenLoss
from polar_detect.tables import RowTemplate, Table
from polar_detect.tables.cells.numbers import MISSING
from polar_detect.texts.passages import ReadPassages
from polar_detect.texts.visible import read_places

_TOP_FEATURES = 8
_LISTED_CHARACTERS = 600
_MOST_PASSAGES = 200


@dataclass(frozen=True, slots=True)
class Detail:
    """What only the detector that scored a text can say of it, beside its assessment."""

    tokens: tuple[TokenLoss, ...]
    cells: tuple[CellReport, ...]
    labelled_words: tuple[str, ...]
    neighbours: tuple[str, ...]

    @classmethod
    def of(
        cls, detector: PolarDetector, texts: Sequence[str], assessment: Assessment
    ) -> list[Self]:
        """Return it of each text of an assessment."""
        reference = detector.fitted_.reference
        reads_texts = detector.fitted_.head.reads_texts
        tokens: Sequence[tuple[TokenLoss, ...]] = [()] * len(texts)
        if reads_texts:
            tokens, nearest = _tokens(detector, texts), assessment.neighbours
        else:  # of all rows of a batch they take a seventh of its time
            nearest = tuple(detector.fitted_.row_reference.nearest_texts(texts))
        details = []
        for i, (text, odd) in enumerate(zip(texts, assessment.odd_cells, strict=True)):
            own = assessment.explanation.rows(np.asarray([i], np.intp))
            cells = cells_of(own, text, reference, odd)
            words = _labelled_words(own, text, detector)
            details.append(cls(tokens[i], cells, words, nearest[i]))
        return details


def explained_row(i: int, assessment: Assessment, table: Table, detail: Detail) -> RowReport:
    """Return what is said of a table's row."""
    own = assessment.explanation.rows(np.asarray([i], np.intp))
    minimal = assessment.programs[i] if assessment.programs else None
    odd = assessment.odd_cells[i]
    return RowReport(
        row=int(numbers_of(table)[i]),
        text=shown_of(table.texts, assessment, i),
        label=table.label(i),
        score=float(assessment.scores[i]),
        p_value=float(assessment.p_values[i]),
        is_anomaly=bool(assessment.is_anomaly[i]),
        minimal=None
        if minimal is None
        else ProgramReport(minimal.program, minimal.full_loss, minimal.loss),
        layers=by_layer(own.by_layer()[0]),
        whole=_whole(own, odd),
        features=_features(own),
        neighbours=detail.neighbours,
        tokens=detail.tokens,
        cells=detail.cells,
        new_cells=odd.new,
        labelled_words=detail.labelled_words,
        known=assessment.known_anomalies[i]
        if assessment.known_anomalies and assessment.is_anomaly[i]
        else None,
        passages=_passages(table.texts[i], assessment.passages[i]) if assessment.passages else (),
        n_passages=len(assessment.passages[i]) if assessment.passages else 0,
        n_fine=assessment.like_fine[i] if assessment.like_fine and assessment.is_anomaly[i] else 0,
        repeated=repeated_row(i, assessment, table),
        unusual_digits=assessment.unusual_digits[i] if assessment.unusual_digits else None,
        mistakes=assessment.mistakes[i] if assessment.mistakes else (),
        flat_runs=assessment.flat_runs[i] if assessment.flat_runs else (),
    )


def listed_row(
    i: int, assessment: Assessment, table: Table, template: RowTemplate | None
) -> ListedRow:
    """Return the line of a table's row in a list of rows; `template` is that of the texts."""
    own = assessment.explanation.rows(np.asarray([i], np.intp))
    minimal = assessment.programs[i] if assessment.programs else None
    odd = assessment.odd_cells[i]
    reasons = raising((*by_layer(own.by_layer()[0]), *_whole(own, odd)))
    return ListedRow(
        row=int(numbers_of(table)[i]),
        text=shown_of(table.texts, assessment, i)[:_LISTED_CHARACTERS],
        label=table.label(i),
        score=float(assessment.scores[i]),
        p_value=float(assessment.p_values[i]),
        is_anomaly=bool(assessment.is_anomaly[i]),
        length=None if minimal is None else len(minimal.program),
        reasons=reasons,
        new_cells=odd.new,
        cells=_cells_named(reasons, table.texts[i], template),
        new_words=assessment.new_words[i] if assessment.new_words else (),
    )


def shown_of(texts: Sequence[str], assessment: Assessment, i: int) -> str:
    """Return one of some texts; the strangest passage of one that is read in passages."""
    return assessment.passages[i].shown if assessment.passages else texts[i]


def repeated_row(i: int, assessment: Assessment, table: Table) -> RepeatedRow | None:
    """Return which other one a table's row repeats; None where it repeats none."""
    own = assessment.repeats[i] if assessment.repeats else None
    if own is None:
        return None
    numbers = numbers_of(table)
    other = int(numbers[own.place]) if assessment.is_screening else None
    return RepeatedRow(int(numbers[i]), other, own)


def repeated_rows(
    assessment: Assessment, table: Table, template: RowTemplate | None
) -> RepeatedRows:
    """Return which rows of a table repeat what another one says; `template` is of their texts."""
    order = np.argsort(~assessment.is_copy, kind="stable").tolist()
    found = (repeated_row(i, assessment, table) for i in order)
    groups = groups_of_copies(table, assessment, template)
    return RepeatedRows(tuple(own for own in found if own is not None), groups)


def unusual_digit_rows(
    assessment: Assessment, table: Table, template: RowTemplate | None, digits: LastDigits | None
) -> UnusualDigitRows:
    """Return which rows of a table have numbers that are rounder, or less round, than usual.

    `template` is of their texts, and `digits` says what is usual.
    """
    if digits is None:
        return UnusualDigitRows()
    numbers = numbers_of(table).tolist()
    found = zip(numbers, assessment.unusual_digits, strict=True)
    return UnusualDigitRows(
        tuple((row, own) for row, own in found if own is not None),
        groups_of_unusual_digits(table, assessment, template),
        round_groups(table, assessment, template, digits),
    )


def flat_run_rows(assessment: Assessment, table: Table) -> FlatRunRows:
    """Return where numbers of a table stay the same from row to row for longer than usual."""
    numbers = numbers_of(table).tolist()
    runs = dict.fromkeys(run for own in assessment.flat_runs for run in own)
    return FlatRunRows(tuple((own, numbers[own.first], numbers[own.last]) for own in runs))


def mistaken_rows(
    assessment: Assessment, table: Table, template: RowTemplate | None
) -> MistakenRows:
    """Return which rows of a table seem to hold mistakes; `template` is of their texts."""
    if not assessment.mistakes:
        return MistakenRows()
    found = zip(numbers_of(table).tolist(), assessment.mistakes, strict=True)
    groups = groups_of_mistakes(table, assessment, template)
    return MistakenRows(tuple((row, own) for row, own in found if own), groups)


def numbers_of(table: Table) -> IntArray:
    """Return the numbers under which a person finds the rows; see `Table.numbering`."""
    return table.frame.index.to_numpy(np.int64) + 1 if table.lines is None else table.lines


def by_layer(values: Float64Array) -> tuple[Contribution, ...]:
    """Return parts of a score by layer, in layer order."""
    return tuple(Contribution(Layer(layer), float(x)) for layer, x in enumerate(values))


def by_size(parts: Mapping[Source, float]) -> tuple[Contribution, ...]:
    """Return parts of a score, largest first."""
    ordered = sorted(parts.items(), key=lambda part: -abs(part[1]))
    return tuple(Contribution(source, value) for source, value in ordered)


def _passages(text: str, own: ReadPassages) -> tuple[PassageReport, ...]:
    """Return the passages of a text, of very many those with the highest scores, in their order."""
    strangest = np.argsort(-np.nan_to_num(own.scores, nan=-np.inf), kind="stable")
    return tuple(
        PassageReport(j + 1, text[start:stop], float(own.scores[j]), j == own.strangest)
        for j in np.sort(strangest[:_MOST_PASSAGES]).tolist()
        for start, stop in [own.spans[j].tolist()]
    )


def _tokens(detector: PolarDetector, texts: Sequence[str]) -> list[tuple[TokenLoss, ...]]:
    """Return what the tokens of texts cost the language model beside normal ones."""
    from polar_detect.signature.marks.token_losses import Normal, token_losses  # and torch

    tracer, reference = detector.engine_.extractor.tracer, detector.fitted_.text_reference
    known = detector.fitted_.normal_texts
    words = KnownWords.of(known) if known else None
    normal = Normal(reference.tokens, reference.contamination, words)
    read = reference.as_read if detector.rows_ is None else list[str]
    seen = read(texts)
    tokens = token_losses(tracer.backbone, seen, max_tokens=tracer.max_tokens, normal=normal)
    return [_laid_on(*own, read) for own in zip(texts, seen, tokens, strict=True)]


def _laid_on(
    text: str,
    seen: str,
    tokens: tuple[TokenLoss, ...],
    read: Callable[[Sequence[str]], list[str]],
) -> tuple[TokenLoss, ...]:
    """Return where the tokens of a text as it was read, `seen`, stand in the text that is shown."""
    if text.startswith(seen):
        return tokens
    places = read_places(text, read)
    return tuple(TokenLoss(places[own.start], places[own.stop], own.loss) for own in tokens)


def _cells_named(
    reasons: Sequence[Contribution], text: str, template: RowTemplate | None
) -> dict[str, str]:
    """Return what a row says in the columns that reasons name, but for empty cells."""
    named = {own.source.name for own in reasons if isinstance(own.source, Column)}
    if template is None or not named:
        return {}
    said = zip(template.names, template.cells(text) or (), strict=False)
    return {name: cell for name, cell in said if name in named and cell != MISSING}


def _features(own: Explanation) -> tuple[FeaturePart, ...]:
    strongest = np.argsort(-np.abs(own.values[0]), kind="stable")[:_TOP_FEATURES]
    return tuple(
        FeaturePart(own.features[j], float(own.data[0, j]), float(own.values[0, j]))
        for j in strongest
    )


def _whole(own: Explanation, odd: OddCells) -> tuple[Contribution, ...]:
    parts = whole_parts(own).items()
    return by_size({odd.seen(source): float(values[0]) for source, values in parts})


def _labelled_words(own: Explanation, text: str, detector: PolarDetector) -> tuple[str, ...]:
    """Return words that the labelled anomalies have too, where wording raised the score."""
    likeness = detector.fitted_.reference.likeness
    if likeness is None or likeness.wording is None:
        return ()
    parts = dict(zip(own.features, own.values[0], strict=True))
    return likeness.wording.words(text) if parts.get(WORDING_LIKENESS, 0) > 0 else ()
