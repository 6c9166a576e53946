"""What there is to say of texts, before p-values and flags."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from polar_detect.arrays import Float32Array, Float64Array
from polar_detect.explain import Explanation
from polar_detect.features.of_columns import Expected
from polar_detect.features.of_sequences import OddEntry
from polar_detect.signature.known_anomalies import KnownAnomaly

if TYPE_CHECKING:
    from polar_detect.programs.minimal import MinimalProgram


@dataclass(frozen=True, eq=False)
class Assessed:
    """What there is to say of texts, each by itself; p-values and flags follow from the scores.

    Parameters
    ----------
    scores : (n_texts,) float64
        NaN for a text without tokens.
    programs : sequence of MinimalProgram or None
        None where none was searched.
    explanation : Explanation
    neighbours : sequence of tuple of str
    known : sequence of KnownAnomaly or None
        None for a text without tokens; () where no labelled anomalies are kept.
    fine : sequence of int
        How many that were reviewed and found normal each is like; () where none are kept.
    embeddings : (n_texts, hidden) float32, unit length, or None
        None where no model reads the texts.
    misfiled : sequence of mapping of str to str
    odd_entries : sequence of OddEntry or None
        See `Assessment`.
    """

    scores: Float64Array
    programs: "Sequence[MinimalProgram | None]"
    explanation: Explanation
    neighbours: Sequence[tuple[str, ...]]
    known: Sequence[KnownAnomaly | None] = ()
    fine: Sequence[int] = ()
    embeddings: Float32Array | None = None
    misfiled: Sequence[Mapping[str, Expected]] = ()
    odd_entries: Sequence[OddEntry | None] = ()
