"""What raised a score most: layers, properties of the text and columns, and that in words."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from polar_detect.arrays import Float64Array
from polar_detect.explain import Explanation, FarNumber
from polar_detect.features import of_columns as column_features
from polar_detect.features.of_columns import Expected
from polar_detect.features.of_sequences import SEQUENCE, OddEntry
from polar_detect.messages.formatting import NAME_CHARACTERS, Numbers, one_line
from polar_detect.messages.language import Language
from polar_detect.messages.sources import Column, Group, Layer, Source
from polar_detect.report.content.data import Contribution, RowReport
from polar_detect.signature.columns.new_cells import NewCell

_LEAST_SHARE = 0.1  # of the first reason; what is less goes without saying
_DECIMALS = 2
_NUMBERS = Numbers(_DECIMALS)


@dataclass(frozen=True, slots=True)
class OddCells:
    """What is odd about the cells of a row, whatever its score, or about the entries of a text.

    Parameters
    ----------
    empty : collection of str
        Columns of numbers and categories in which its cell is empty.
    unlike_kind : mapping of str to tuple of str
        Columns in which it is unusual only beside what it says in others, which are named.
    new : tuple of NewCell
        Cells that say what no normal row says there.
    far : mapping of str to FarNumber
        Columns of numbers in which its number is far from those of normal rows.
    misfiled : mapping of str to str or tuple of float
        Columns that do not go with its free text, with what that leads to expect there.
    entry : OddEntry, optional
        The entry that is missing, out of place or there too often.
    meant : mapping of str to float
        Columns in which its number would be usual had it been typed right, with that number.
    """

    empty: Collection[str] = ()
    unlike_kind: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    new: tuple[NewCell, ...] = ()
    far: Mapping[str, FarNumber] = field(default_factory=dict)
    misfiled: Mapping[str, Expected] = field(default_factory=dict)
    entry: OddEntry | None = None
    meant: Mapping[str, float] = field(default_factory=dict)

    def seen(self, source: Source) -> Source:
        """Return a source of a part of the score as it is in that row."""
        if source == Group(SEQUENCE):
            return Group(SEQUENCE, self.entry)
        if not isinstance(source, Column):
            return source
        name = source.name
        beside = self.unlike_kind.get(name, ())
        if name in self.empty:
            return Column(name, is_empty=True, beside=beside)
        if name in self.misfiled:
            return Column(name, expected=self.misfiled[name])
        direction, is_beside = self.far.get(name, (0, False))
        return Column(name, False, beside, direction, is_beside, meant=self.meant.get(name))


def reasons_of_row(row: RowReport, n_reasons: int = 3) -> tuple[Contribution, ...]:
    """Return what raised the score of `row` most, largest first."""
    return raising((*row.layers, *row.whole), n_reasons)


def raising(parts: Iterable[Contribution], n_reasons: int = 3) -> tuple[Contribution, ...]:
    """Return the largest positive parts, largest first, down to a tenth of the first."""
    positive = sorted((part for part in parts if part.value > 0), key=lambda part: -part.value)
    return tuple(
        part
        for part in positive[:n_reasons]
        if part is positive[0] or part.value > _LEAST_SHARE * positive[0].value
    )


def whole_parts(explanation: Explanation) -> dict[Source, Float64Array]:
    """Return parts of the scores that belong to no layer, columns one by one, (n_texts,)."""
    groups = explanation.by_group().items()
    parts: dict[Source, Float64Array]
    parts = {Group(name): values for name, values in groups if name != column_features.COLUMN}
    return parts | {Column(name): values for name, values in explanation.by_column().items()}


def new_values(cells: Sequence[NewCell], language: Language, key: str = "reason.new") -> list[str]:
    """Return which cells say what no normal row says there, e.g. ``new in “Type”: X``."""
    return [
        language.say(
            key if cell.says else f"{key}.empty",
            column=one_line(cell.column, NAME_CHARACTERS),
            says=one_line(cell.says, NAME_CHARACTERS),
        )
        for cell in cells
    ]


def lacking(words: Sequence[str], language: Language) -> list[str]:
    """Return which words no normal text has, as one reason; none where there are none."""
    quoted = [language.say("quoted", word=one_line(word, NAME_CHARACTERS)) for word in words]
    return [language.say("reason.words", words=language.joined(quoted))] if quoted else []


def reasons_of(
    explanation: Explanation,
    language: Language,
    n_reasons: int = 3,
    *,
    odd_cells: Sequence[OddCells] = (),
    new_words: Sequence[Sequence[str]] = (),
    like_fine: Sequence[int] = (),
) -> list[str]:
    """Return what raised each text's score most, in words, with its parts of the score.

    Largest first, down to a tenth of the first; empty for a text without tokens, and where nothing
    raised the score by as much as is written. What is new in the `odd_cells` of a row comes first,
    and so do the `new_words` of a text; last, how many that were found normal it is like.

    Examples
    --------
    ``few similar normal texts +0.62; unlike normal texts at layer 11 +0.15``
    """
    layers: dict[Source, Float64Array]
    layers = {Layer(i): values for i, values in enumerate(explanation.by_layer().T)}
    parts = layers | whole_parts(explanation)

    def said(text: int, odd: OddCells, words: Sequence[str], n_fine: int) -> str:
        own = (Contribution(odd.seen(part), float(values[text])) for part, values in parts.items())
        found = {
            part.source: f"{language.reason(part.source)} {_NUMBERS.signed(part.value)}"
            for part in raising(own, n_reasons)
            if round(part.value, _DECIMALS) > 0
        }
        first = [*lacking(words, language)]
        for cell, named in zip(odd.new, new_values(odd.new, language), strict=True):
            # Of an empty cell both say the same.
            source = Column(cell.column, is_empty=not cell.says)
            first.append(found.pop(source, named) if source.is_empty else named)
        last = [language.say("reason.fine", n=n_fine)] * (n_fine > 0)
        return "; ".join([*first, *found.values(), *last])

    n = len(explanation.values)
    odd = zip(
        odd_cells or [OddCells()] * n, new_words or [()] * n, like_fine or [0] * n, strict=True
    )
    return [said(text, *own) for text, own in enumerate(odd)]
