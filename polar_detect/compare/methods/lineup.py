"""Which detectors of ours run on some rows, and with which heads and labels each is fitted.

Hides what a detector that leaves it open is on these rows, and what runs beside those asked for.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

from sklearn.base import clone

from polar_detect import models
from polar_detect.backbone.tokenizing import MAX_TOKENS
from polar_detect.compare.methods.baselines import is_labelled
from polar_detect.compare.reading.task import Task
from polar_detect.detector import PolarDetector
from polar_detect.detectors import (
    AutoHead,
    ClassifierHead,
    ColumnsClassifierHead,
    ColumnsHead,
    Head,
    TextsHead,
    new_head,
)
from polar_detect.pipeline.choice import WITHOUT_MODELS, chosen_head, doubts_of_words
from polar_detect.pipeline.settings import Settings
from polar_detect.shell import as_argument

# What runs beside a detector where anomalies are labelled, for whoever fears no other kinds; none
# beside `texts`, as what `classifier` goes by hangs on the rows.
_CLASSIFIERS = {
    AutoHead.name: (ClassifierHead.name,),
    TextsHead.name: (),
    ColumnsHead.name: (ColumnsClassifierHead.name,),
}
_OF_MODELS = {  # settings that say which models read, and how far, with what they are by default
    "model": models.DEFAULT_MODEL,
    "encoder": models.AUTO_ENCODER,
    "max_tokens": MAX_TOKENS,
}


class Way(NamedTuple):
    """How a detector is fitted."""

    head: str | Head
    is_supervised: bool


@dataclass(frozen=True, eq=False)
class Lineup:
    """The detectors that run.

    Parameters
    ----------
    task : Task
    asked : tuple of str or Head
        Names of those asked for.
    chosen : dict of str or Head to PolarDetector
        By name, what these are on the rows of the task.
    """

    task: Task
    asked: tuple[str | Head, ...]
    chosen: dict[str | Head, PolarDetector]

    @classmethod
    def of(cls, task: Task, asked: Sequence[PolarDetector]) -> Self:
        """Return what the detectors asked for are on these rows, each once."""
        normal = task.train.normal.texts
        chosen = (_chosen(own, task, normal) for own in asked)
        names = tuple(own.detector for own in asked)
        return cls(task, names, {own.detector: own for own in chosen})

    @property
    def unasked(self) -> list[PolarDetector]:
        """The detector of columns beside the default one, where rows have some to go by.

        It takes a moment, and whoever can do with it saves all the time that the models take.
        """
        rows, default = self.task.template, self.chosen.get(AutoHead.name)
        has_columns = rows is not None and rows.counts_columns
        if default is None or not has_columns or ColumnsHead.name in self.chosen:
            return []
        return [clone(default).set_params(detector=ColumnsHead.name)]

    @property
    def reader(self) -> PolarDetector | None:
        """The first that has models read the rows."""
        return next((d for d in self.chosen.values() if new_head(d.detector).reads_texts), None)

    @property
    def runs_models(self) -> bool:
        """Whether models are at hand: not where only detectors are asked for that need none."""
        return not self.chosen or self.reader is not None

    @property
    def model_options(self) -> str:
        """The options of `fit` that say which models the detectors had, and what they read."""
        if self.reader is None:
            return ""
        given = {name: getattr(self.reader, name) for name in _OF_MODELS}
        said = [
            f"--{name.replace('_', '-')} {as_argument(own)}"
            for name, own in given.items()
            if own != _OF_MODELS[name]
        ]
        return " ".join([*["--passages"] * self.reader.passages, *said])

    def ways(self, detector: PolarDetector) -> list[Way]:
        """Return the ways in which a detector is fitted.

        The default one, that of texts and that of columns are fitted without labels, which says
        what to expect of anomalies of kinds that nobody has labelled, and with them; and so is a
        classifier, for whoever expects no such kinds, unless it is asked for by itself.
        """
        own = detector.detector
        if not (new_head(own).learns_from_labels and is_labelled(self.task.train.target)):
            return [Way(own, False)]
        if not isinstance(own, str) or own not in _CLASSIFIERS:
            return [Way(own, True)]
        added = [name for name in _CLASSIFIERS[own] if name not in self.chosen]
        return [Way(own, False), Way(own, True), *(Way(name, True) for name in added)]

    def notes(self) -> Iterator[str]:
        """Yield what names stand for, and what is left out beside columns, or beside texts."""
        for given in self.asked:
            if given not in self.chosen:
                own = WITHOUT_MODELS[str(given)]
                yield (
                    "The normal rows hold nothing but numbers and words that repeat, dates, a few "
                    f"remarks and the like aside, so {given} is {own} here; --detectors texts has "
                    "models read them."
                )
        rows = self.task.template
        if self.task.columns and rows is None and self.chosen:
            yield (
                "polar-detect reads the texts alone, and not these numbers and categories; with "
                "--columns it reads rows as a whole."
            )
        if rows is not None and (ColumnsHead.name in self.chosen or self.unasked):
            for doubt in doubts_of_words(rows, self.task.train.texts):
                yield f"Of polar-detect columns: {doubt}."
        if not self.runs_models:
            yield "No model was run, and so no baseline on sentence embeddings."


def _chosen(detector: PolarDetector, task: Task, normal: Sequence[str]) -> PolarDetector:
    """Return the detector that one is on these rows; itself where it reads texts all the same."""
    own = Settings.of(detector, rows=task.template)
    head = chosen_head(own, normal)
    is_same = head.reads_texts or detector.detector == head.name
    return detector if is_same else clone(detector).set_params(detector=head.name)
