"""What raised the scores of many texts: by layer, property of the text and column, in words."""

import numpy as np
from numpy.typing import NDArray

from polar_detect import numbers
from polar_detect.explain import Explanation
from polar_detect.report.data import Column, Contribution, Group, Layer, Source
from polar_detect.report.language import Language
from polar_detect.report.words import Numbers, raising

_DECIMALS = 2
_NUMBERS = Numbers(_DECIMALS)
_LEAST_SHARE = 0.1  # of the first reason; what is less goes without saying


def whole_parts(explanation: Explanation) -> dict[Source, NDArray[np.float64]]:
    """Return parts of the scores that belong to no layer, columns one by one, (n_texts,)."""
    groups = explanation.by_group().items()
    parts: dict[Source, NDArray[np.float64]]
    parts = {Group(name): values for name, values in groups if name != numbers.GROUP}
    return parts | {Column(name): values for name, values in explanation.by_column().items()}


def reasons_of(explanation: Explanation, language: Language, n_reasons: int = 3) -> list[str]:
    """Return what raised each text's score most, in words, with its parts of the score.

    Largest first, down to a tenth of the first; empty for a text without tokens, and where nothing
    raised the score by as much as is written.

    Examples
    --------
    ``no similar normal text +0.62; unlike normal texts at layer 11 +0.15``
    """
    layers: dict[Source, NDArray[np.float64]]
    layers = {Layer(i): values for i, values in enumerate(explanation.by_layer().T)}
    parts = layers | whole_parts(explanation)
    named = {source: language.reason(source) for source in parts}

    def said(text: int) -> str:
        own = (Contribution(source, float(values[text])) for source, values in parts.items())
        raised = raising(own, n_reasons)
        return "; ".join(
            f"{named[part.source]} {_NUMBERS.signed(part.value)}"
            for part in raised
            if part.value > _LEAST_SHARE * raised[0].value and round(part.value, _DECIMALS) > 0
        )

    return [said(text) for text in range(len(explanation.values))]
