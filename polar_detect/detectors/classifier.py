"""A detector of the kinds that labelled anomalies are of, for whoever fears no others."""

from collections.abc import Collection
from typing import Self

from polar_detect.detectors.auto import AutoHead
from polar_detect.detectors.base import TrainingSignatures
from polar_detect.detectors.columns import ColumnsHead
from polar_detect.errors import InputError
from polar_detect.features.named import MIN_TEACHING_TEXTS


class ClassifierHead(AutoHead):
    """The views of `AutoHead`, of which what labels teach counts for nearly all.

    What is strange in any other way keeps a twentieth of the score, by which only the wildest rows
    stand out.

    Raises
    ------
    InputError
        By `fit`: no labelled anomalies, too few to learn from, or ones that nothing tells from
        normal texts.
    """

    name = "classifier"
    needs_labels = True
    labelled_share = 0.95

    @property
    def reason(self) -> str:
        """What was chosen, and the figure that it was chosen by."""
        kind = "what tells the labelled anomalies from normal texts"
        return (
            f"{kind} counts for {{labelled}}: their meaning, wording and columns, and the views of "
            "auto; what is strange in any other way counts for the rest"
        ).format_map(self.choices)

    def fit(self, shown: TrainingSignatures, *, seed: int) -> Self:
        """Fit the views; see `Head.fit`."""
        super().fit(shown, seed=seed)
        if not self.is_taught:
            self._fitted = None
            raise InputError(_too_little(shown.n_labelled))
        return self


class ColumnsClassifierHead(ClassifierHead, ColumnsHead):
    """The same of rows by their columns alone; see `ColumnsHead`."""

    name = "columns-classifier"

    @property
    def reason(self) -> str:
        """What was chosen, and the figure that it was chosen by."""
        kind = (
            "what tells the labelled anomalies from normal rows, by columns of numbers and of "
            "words that repeat"
        )
        return (
            f"{kind}, counts for {{labelled}}; what is strange there in any other way counts for "
            "the rest"
        ).format_map(self.choices)


def check_that_labels_teach(labelled: Collection[str]) -> None:
    """Raise `InputError` where fewer than three different texts are labelled anomalous."""
    if len(set(labelled)) < MIN_TEACHING_TEXTS:
        raise InputError(_too_little(len(labelled)))


def _too_little(n_labelled: int) -> str:
    return (
        f"Got {n_labelled} labelled anomalies; expected three different ones or more, which "
        "something tells from the normal texts, for the detector classifier; label more, or take "
        "the detector auto."
    )
