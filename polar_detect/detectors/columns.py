"""A detector of rows by their columns alone: numbers, and words that repeat.

No model reads such a row, so that thousands of them take a second.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from polar_detect.detectors.auto import AutoHead
from polar_detect.detectors.base import TrainingSignatures
from polar_detect.detectors.scale import Scale
from polar_detect.detectors.views import Views, choose_column_views
from polar_detect.errors import InputError
from polar_detect.features.of_columns import LEVEL, kind_of, number_columns
from polar_detect.features.table import Feature
from polar_detect.stored import unfit


class ColumnsHead(AutoHead):
    """The views of `AutoHead` on the columns of rows, without those of their text.

    Labelled anomalies teach it what their columns are like; see `taught`.

    Raises
    ------
    InputError
        By `fit`: signatures that tell of no columns.
    """

    name = "columns"
    reads_texts = False
    is_monotone = False

    @property
    def reason(self) -> str:
        """What was chosen, and what each kind of columns counts for where there are several."""
        assert self._fitted is not None
        features = self._fitted.features
        if not _has_words(features):
            said, counts = _of_kinds("numbers"), "numbers count for {numbers}"
        elif not number_columns(features):
            said, counts = _of_kinds("words that repeat"), "words count for {words}"
        else:
            said = _of_kinds("numbers and of words that repeat")
            counts = "numbers count for {numbers}, words for {words}"
        if _has_words(features):
            counts += ", and for {new} that a word is one which no normal row says there"
        if self.is_taught:
            counts += "; what tells the labelled anomalies from normal rows counts for {labelled}"
        elif not _has_words(features):
            return said  # numbers count for all
        return f"{said}: {counts}".format_map(self.choices)

    @property
    def choices(self) -> dict[str, str]:
        """What numbers, words, new words and labelled anomalies count for, in percent."""
        assert self._fitted is not None
        shares, features = self._fitted.columns.tolist(), self._fitted.features
        of_numbers = shares.pop(0) if number_columns(features) else 0
        of_words, of_new = (shares.pop(0), shares.pop(0)) if _has_words(features) else (0, 0)
        found = {"numbers": of_numbers, "words": of_words, "new": of_new}
        if self.is_taught:
            found["labelled"] = self._fitted.labelled.sum()
        return {name: f"{share:.0%}" for name, share in found.items()}

    def fit(self, shown: TrainingSignatures, *, seed: int) -> Self:
        """Fit the views; see `Head.fit`. Of the strangers only labelled anomalies are looked at."""
        features = shown.normal.features
        if not (number_columns(features) or _has_words(features)):
            raise InputError(
                "Got signatures without columns of numbers or of words that repeat; expected "
                "those of rows of a table for the detector columns; take the detector auto."
            )
        return super().fit(shown, seed=seed)

    @classmethod
    def load(cls, folder: Path, features: tuple[Feature, ...]) -> Self:
        """Read the JSON file; see `Head.load`."""
        head = super().load(folder, features)
        own = head._fitted
        assert own is not None
        n_columns = bool(number_columns(features)) + 2 * _has_words(features)
        if own.n_text or own.n_labelled > 1 or len(own.shares) != n_columns + own.n_labelled:
            raise unfit(folder, f"{len(own.shares)} views, {own.n_text} of them of texts")
        return head

    def _choose(self, shown: TrainingSignatures, scale: Scale) -> Views:
        return choose_column_views(shown.normal, scale)


def _of_kinds(kinds: str) -> str:
    return f"columns of {kinds}, and nothing else of a row"


def _has_words(features: Sequence[Feature]) -> bool:
    return any(kind_of(feature) == LEVEL for feature in features)
