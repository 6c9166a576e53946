"""What raised the scores of many texts: by layer, property of the text and column, in words."""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from polar_detect.explain import Explanation
from polar_detect.report.data import Column, Contribution, Group, Layer, Source
from polar_detect.report.language import Language
from polar_detect.report.words import NAME_CHARACTERS, Numbers, one_line, raising
from polar_detect.signature import numbers
from polar_detect.signature.categories import NewCell

_DECIMALS = 2
_NUMBERS = Numbers(_DECIMALS)
_NONE: Mapping[str, tuple[str, ...]] = MappingProxyType({})
_LEAST_SHARE = 0.1  # of the first reason; what is less goes without saying


def whole_parts(explanation: Explanation) -> dict[Source, NDArray[np.float64]]:
    """Return parts of the scores that belong to no layer, columns one by one, (n_texts,)."""
    groups = explanation.by_group().items()
    parts: dict[Source, NDArray[np.float64]]
    parts = {Group(name): values for name, values in groups if name != numbers.GROUP}
    return parts | {Column(name): values for name, values in explanation.by_column().items()}


def seen_in_row(
    source: Source, empty: Collection[str], unlike_kind: Mapping[str, tuple[str, ...]] = _NONE
) -> Source:
    """Return a source as it is in a row whose cells in the `empty` columns are so.

    And are unusual beside what other columns say only, in those of `unlike_kind`.
    """
    if not isinstance(source, Column):
        return source
    return Column(source.name, source.name in empty, unlike_kind.get(source.name, ()))


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


def reasons_of(
    explanation: Explanation,
    language: Language,
    n_reasons: int = 3,
    *,
    empty_cells: Sequence[Collection[str]] = (),
    unlike_kind: Sequence[Mapping[str, tuple[str, ...]]] = (),
    new_cells: Sequence[Sequence[NewCell]] = (),
) -> list[str]:
    """Return what raised each text's score most, in words, with its parts of the score.

    Largest first, down to a tenth of the first; empty for a text without tokens, and where nothing
    raised the score by as much as is written. `empty_cells` are the columns in which each row has
    an empty cell, `unlike_kind` those in which it is unusual beside what others say only, and
    `new_cells` say what no normal row does, which comes first.

    Examples
    --------
    ``few similar normal texts +0.62; unlike normal texts at layer 11 +0.15``
    """
    layers: dict[Source, NDArray[np.float64]]
    layers = {Layer(i): values for i, values in enumerate(explanation.by_layer().T)}
    parts = layers | whole_parts(explanation)
    n_texts = len(explanation.values)
    empty, unlike = empty_cells or [()] * n_texts, unlike_kind or [_NONE] * n_texts
    new = new_cells or [()] * n_texts

    def said(text: int) -> str:
        own = (
            Contribution(seen_in_row(source, empty[text], unlike[text]), float(values[text]))
            for source, values in parts.items()
        )
        raised = raising(own, n_reasons)
        found = {
            part.source: f"{language.reason(part.source)} {_NUMBERS.signed(part.value)}"
            for part in raised
            if part.value > _LEAST_SHARE * raised[0].value and round(part.value, _DECIMALS) > 0
        }
        first = []
        for cell, named in zip(new[text], new_values(new[text], language), strict=True):
            # Of an empty cell both say the same.
            source = Column(cell.column, is_empty=not cell.says)
            first.append(found.pop(source, named) if source.is_empty else named)
        return "; ".join([*first, *found.values()])

    return [said(text) for text in range(n_texts)]
