"""What the service answers about a text, as JSON; and the detector that finds it out."""

import math

import numpy as np
from pydantic import BaseModel, Field

from polar_detect.arrays import Float64Array
from polar_detect.assessment import Assessment
from polar_detect.calibration import p_values_or_nan
from polar_detect.detector import PolarDetector
from polar_detect.messages.tongues import Tongue
from polar_detect.report.content.cells import cells_of
from polar_detect.tables import RowTemplate


class Score(BaseModel):
    """A text's score; null for a text without tokens, which is never flagged."""

    score: float | None = Field(description="Higher = more anomalous.")
    p_value: float | None = Field(
        description="Share of held-out normal texts at least as anomalous."
    )
    is_anomaly: bool = Field(description="Whether the p-value is at most alpha.")


class UsualNumber(BaseModel):
    """What a row says in a column of numbers, beside what is usual there."""

    column: str
    says: str = Field(description="As it stands in the row.")
    low: float = Field(description="The middle 90 % of normal rows of its kind lie from here on …")
    high: float = Field(description="… up to here.")
    expected_low: float | None = Field(
        description="The other columns of the row lead to expect it from here on …; null without."
    )
    expected_high: float | None = Field(description="… up to here, as in 9 of 10 normal rows.")


class Explained(Score):
    """A score with its minimal program and SHAP values in sum per layer and per group."""

    program: str | None = Field(
        None,
        description="Shortest valid program, e.g. 0-3 [4-5]x2 8-29; null where the detector goes "
        "by columns, as no model reads the rows then.",
    )
    program_length: int | None = Field(
        None, description="Layer calls that it makes; null where there is no program."
    )
    base_value: float | None = Field(None, description="base_value + layers + groups = score.")
    layers: list[float] | None = Field(
        None,
        description="SHAP values in sum, one per layer; none where the detector goes by columns.",
    )
    groups: dict[str, float] | None = Field(
        None, description="SHAP values of the whole text, in sum."
    )
    top_layers: str = Field(
        description="Strongest layers in words, e.g. L11 +0.41; L4 -0.12; empty where the "
        "detector goes by columns."
    )
    top_columns: str | None = Field(
        None, description="Strongest columns of a row in words, e.g. Torque +0.41; Flow -0.12."
    )
    usual_numbers: list[UsualNumber] | None = Field(
        None,
        description="Of a row: the columns of numbers among those that count most, largest first.",
    )
    reasons: str = Field("", description="What raised the score most, with its parts, in words.")
    passage: str | None = Field(
        None,
        description="Of a text that is read in passages the strangest, which the rest is about.",
    )
    unusual_digits: str | None = Field(
        None, description="Which numbers of a row are rounder than usual, or have more digits."
    )
    likely_mistake: str | None = Field(
        None,
        description="What seems to have gone wrong in a row that would be usual otherwise, such "
        "as two cells in each other's column, or a number in another unit.",
    )
    known_kind: str | None = Field(
        None,
        description="Kind of the labelled anomaly that a flagged text is like, empty where it is "
        "like none, or like one without a kind; null where it is not flagged, or none is kept.",
    )
    known_place: int | None = Field(
        None,
        description="Which of the different labelled anomalies that is, from 1 on as they were "
        "given; null where it is like none.",
    )


class Answers:
    """Scores and explains distinct texts with one detector; one thread at a time may call it.

    Parameters
    ----------
    detector : PolarDetector
    template : RowTemplate, optional
        How the texts that it was fitted on were written out of rows.
    """

    def __init__(self, detector: PolarDetector, template: RowTemplate | None = None) -> None:
        self._detector = detector
        self.template = template

    @property
    def alpha(self) -> float:
        """P-value up to which a text is flagged."""
        return float(self._detector.alpha)

    @property
    def fitted_at(self) -> str:
        """ISO date and time of the fit."""
        return self._detector.fitted_.created

    def score(self, texts: list[str]) -> list[Score]:
        """Return the scores alone, which is quicker: no program is searched for."""
        return self._judged(-self._detector.score_samples(texts))

    def explain(self, texts: list[str], tongue: Tongue = "en") -> list[Explained]:
        """Return scores, programs and SHAP values, and reasons in a language.

        The nearest normal texts are left out: they are the operator's training texts, and not
        for everyone who may ask for a score.
        """
        assessment = self._detector.assess(texts, neighbours=False)
        explanation = assessment.explanation
        by_layer, by_group = explanation.by_layer(), explanation.by_group()
        words, columns = explanation.top_layers(), explanation.top_columns()
        results, explained = assessment.results(tongue), []
        for i, judged in enumerate(self._judged(assessment.scores)):
            own = results[i]
            answer = Explained(**judged.model_dump(), top_layers=words[i], reasons=own.reasons)
            if judged.score is not None:
                if (minimal := assessment.programs[i]) is not None:
                    answer.program = str(minimal.program)
                    answer.program_length = len(minimal.program)
                if assessment.passages:
                    answer.passage = assessment.passages[i].shown
                if judged.is_anomaly and assessment.known_anomalies:
                    known, answer.known_kind = assessment.known_anomalies[i], ""
                    if known is not None and known.is_like:
                        answer.known_kind, answer.known_place = known.kind, known.place + 1
                answer.unusual_digits = own.unusual_digits or None
                answer.likely_mistake = own.likely_mistake or None
                answer.usual_numbers = self._usual_numbers(texts[i], i, assessment)
                answer.base_value = explanation.base_value
                answer.layers = by_layer[i].tolist()
                answer.top_columns = columns[i] or None
                answer.groups = {name: float(values[i]) for name, values in by_group.items()}
            explained.append(answer)
        return explained

    def _usual_numbers(
        self, text: str, place: int, assessment: Assessment
    ) -> list[UsualNumber] | None:
        if self.template is None:
            return None
        own = assessment.explanation.rows(np.asarray([place], np.intp))
        odd, reference = assessment.odd_cells[place], self._detector.fitted_.reference
        return [
            UsualNumber(
                column=cell.column,
                says=cell.says,
                low=cell.low,
                high=cell.high,
                expected_low=_number(cell.expected_low),
                expected_high=_number(cell.expected_high),
            )
            for cell in cells_of(own, text, reference, odd)
            if not math.isnan(cell.low)
        ]

    def _judged(self, scores: Float64Array) -> list[Score]:
        p_values = p_values_or_nan(self._detector.fitted_.calibration_scores, scores)
        return [
            Score(score=_number(s), p_value=_number(p), is_anomaly=p <= self.alpha)
            for s, p in zip(scores.tolist(), p_values.tolist(), strict=True)
        ]


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
