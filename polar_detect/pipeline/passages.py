"""What `PolarDetector` does with long texts: each is judged by its passages."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from polar_detect.arrays import Float64Array
from polar_detect.calibration import p_values_or_nan
from polar_detect.explain import Explanation
from polar_detect.features.named import OTHER_PASSAGES
from polar_detect.pipeline.assessed import Assessed
from polar_detect.pipeline.passage_scale import PassageScale, Whole
from polar_detect.progress import Tracker
from polar_detect.signature.known_anomalies import Labelled
from polar_detect.texts.passages import InPassages, ReadPassages

if TYPE_CHECKING:
    from polar_detect.pipeline.assessing import Assessing


@dataclass(frozen=True, eq=False)
class ScoredPassages:
    """Long texts, their passages and the scores of both.

    Parameters
    ----------
    texts : sequence of str
    cut : InPassages
        As models read them.
    scores : (n_passages,) float64
        NaN for a passage without tokens.
    whole : Whole
        Of the texts.
    """

    texts: Sequence[str]
    cut: InPassages
    scores: Float64Array
    whole: Whole

    @property
    def strangest(self) -> list[str]:
        """Each text's strangest passage; "" where none has a score."""
        return [self.cut.passages[i] if i >= 0 else "" for i in self.whole.strangest.tolist()]

    @property
    def by_text(self) -> tuple[ReadPassages, ...]:
        """The passages of each text."""
        firsts = np.searchsorted(self.cut.owners, np.arange(self.cut.n_texts + 1))
        spans = np.asarray(self.cut.spans, np.int64).reshape(-1, 2)
        found = []
        for i, (text, place) in enumerate(
            zip(self.texts, self.whole.strangest.tolist(), strict=True)
        ):
            own, start, stop = slice(firsts[i], firsts[i + 1]), 0, len(text)
            if place >= 0:
                start, stop = spans[place].tolist()
            strangest = place - int(firsts[i]) if place >= 0 else -1
            found.append(ReadPassages(spans[own], self.scores[own], strangest, text[start:stop]))
        return tuple(found)


def score_in_passages(
    assessing: "Assessing", texts: Sequence[str], scale: PassageScale, tracker: Tracker
) -> ScoredPassages:
    """Score long texts by their passages.

    Parameters
    ----------
    assessing : Assessing
        Of passages.
    texts : sequence of str
    scale : PassageScale
    tracker : Tracker
    """
    cut = InPassages.of(texts)
    cut = replace(cut, passages=assessing.fitted.text_reference.as_read(cut.passages))
    scores = assessing.scores(cut.passages, tracker)
    return ScoredPassages(texts, cut, scores, scale.whole(scores, cut.owners, cut.n_texts))


def assess_in_passages(
    assessing: "Assessing", texts: Sequence[str], scale: PassageScale, tracker: Tracker
) -> tuple[Assessed, tuple[ReadPassages, ...]]:
    """Return what there is to say of long texts, each by its strangest passage.

    Parameters are those of `score_in_passages`.
    """
    asked = assessing.programs_of
    scored = score_in_passages(replace(assessing, programs_of="none"), texts, scale, tracker)
    shown, whole = scored.strangest, scored.whole
    of_all = replace(assessing, programs_of="none" if asked == "flagged" else asked)
    found = of_all.run(shown, tracker)
    if asked == "flagged":
        p_values = p_values_or_nan(assessing.fitted.calibration_scores, whole.scores)
        flagged = np.flatnonzero(p_values <= assessing.alpha).tolist()
        own = replace(assessing, programs_of="all").run([shown[i] for i in flagged], tracker)
        searched = dict(zip(flagged, own.programs, strict=True))
        programs = [searched.get(i, program) for i, program in enumerate(found.programs)]
        found = replace(found, programs=programs)
    explanation = _with_others(found.explanation, whole.scores - found.scores, scored.cut)
    return replace(found, scores=whole.scores, explanation=explanation), scored.by_text


def strangest_of(
    assessing: "Assessing", anomalous: Labelled, scale: PassageScale, tracker: Tracker
) -> Labelled:
    """Return the strangest passage of each labelled anomaly in its place."""
    scored = score_in_passages(assessing, anomalous.texts, scale, tracker)
    return replace(anomalous, texts=tuple(scored.strangest))


def _with_others(explanation: Explanation, parts: Float64Array, cut: InPassages) -> Explanation:
    """Return an explanation of texts: their strangest passages, and what the others take off."""
    n_passages = np.bincount(cut.owners, minlength=cut.n_texts).astype(np.float32)
    data = np.where(np.isnan(parts), np.float32(np.nan), n_passages)
    return replace(
        explanation,
        values=np.column_stack([explanation.values, parts]),
        data=np.column_stack([explanation.data, data]),
        features=(*explanation.features, OTHER_PASSAGES),
    )
