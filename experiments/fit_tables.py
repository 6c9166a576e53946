"""Signatures of a split's texts, made by the steps of the package's own fit, for all detectors.

What a detector would be shown is kept on disk. Any detector can then be fitted and scored on
the very tables that `PolarDetector` would have shown it, in a second instead of a minute.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import common
import numpy as np
from bench_baselines import Scores, tails
from common import Split

import polar_detect
from polar_detect import PolarDetector
from polar_detect.detectors import AutoHead, Head, TrainingSignatures
from polar_detect.features.table import Feature, FeatureTable
from polar_detect.pipeline.engine import Engine
from polar_detect.pipeline.fitting import Fitting, Parted, Teaching
from polar_detect.pipeline.settings import Settings
from polar_detect.progress import Tracker
from polar_detect.signature.normal_programs import menu_texts

# Sources that tables do not depend on: what comes after them, and what people look at.
_AFTER = (
    *("artifact", "calibration.py", "detectors", "drift.py", "explain.py"),
    *("metrics.py", "plots.py", "report"),
    *("cli", "compare", "scoring", "serve", "tables"),
)
_PARTS = ("normal", "strangers", "test")
_LOSS = Feature("loss", "mean")
_WANTS = ("needs_", "is_")  # attributes of a head that say what it is to be shown


@dataclass(frozen=True)
class Signatures:
    """What a detector is fitted on, and what it then scores.

    The last `n_labelled` of the strangers are labelled anomalies.
    """

    normal: FeatureTable
    strangers: FeatureTable
    test: FeatureTable
    n_labelled: int = 0

    def scores(self, head: Head, *, seed: int) -> Scores:
        """Fit `head` and return its scores of the test texts."""
        cut = len(self.strangers) - self.n_labelled
        strangers, labelled = (self.strangers.rows(s) for s in (slice(cut), slice(cut, None)))
        taught_by = labelled if self.n_labelled else None
        head.fit(TrainingSignatures(self.normal, strangers, taught_by), seed=seed)
        scores: Scores = head.scores(self.test)
        return scores

    def losses(self) -> dict[str, Scores]:
        """Return scores by the loss alone, both tails of it and each."""
        column = self.normal.features.index(_LOSS)
        return tails("loss", *(part.values[:, column] for part in (self.normal, self.test)))

    def where(self, keep: Callable[[Feature], bool]) -> Self:
        """Return the features that satisfy `keep`."""
        return self._mapped(lambda table: table.where(keep))

    def silenced(self, keep: Callable[[Feature], bool]) -> Self:
        """Return the same texts, of which the features that satisfy `keep` say nothing: all 0."""
        return self._mapped(lambda table: _silenced(table, keep))

    def save(self, path: Path) -> None:
        """Write one file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays = {part: getattr(self, part).values for part in _PARTS}
        partial = path.with_suffix(".partial.npz")
        names = np.asarray(self.normal.names)
        np.savez(partial, names=names, n_labelled=self.n_labelled, **arrays)
        partial.replace(path)  # whole, or not there

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as stored:
            features = tuple(Feature.from_name(str(name)) for name in stored["names"])
            normal, strangers, test = (FeatureTable(stored[part], features) for part in _PARTS)
            return cls(normal, strangers, test, int(stored["n_labelled"]))

    def _mapped(self, change: Callable[[FeatureTable], FeatureTable]) -> Self:
        normal, strangers, test = (change(getattr(self, part)) for part in _PARTS)
        return replace(self, normal=normal, strangers=strangers, test=test)


def _silenced(table: FeatureTable, keep: Callable[[Feature], bool]) -> FeatureTable:
    is_silent = np.asarray([keep(feature) for feature in table.features])
    return FeatureTable(np.where(is_silent, np.float32(0), table.values), table.features)


class Notes(AutoHead):
    """Asks for what the default detector asks for, and is never fitted."""

    name = "notes"


class EveryNote(Notes):
    """Notes on everything that a signature can hold, against the training texts alone.

    Held-out texts do not join the neighbours, as only monotone detectors would meet them.
    """

    needs_curves = needs_programs = needs_context = needs_distances = True
    is_monotone = False


def signatures(
    split: Split,
    engine: Engine,
    *,
    seed: int,
    notes: Notes,
    labelled: Sequence[str] = (),
    folder: Path | None = None,
) -> Signatures:
    """Return the signatures of a split; from `folder`, where they are there.

    Parameters
    ----------
    split : Split
    engine : Engine
        Loaded models, which read so many tokens of a text as they are set to.
    seed : int
        Of the fit.
    notes : Notes
        Says what is needed.
    labelled : sequence of str
        Anomalies that fit is given.
    folder : Path, optional
        Where they are kept, under a name that says all that they depend on.
    """
    path = None
    if folder is not None:
        path = folder / "signatures" / f"{_name(split, engine, seed, notes, labelled)}.npz"
        if path.is_file():
            return Signatures.load(path)
    detector = PolarDetector(max_tokens=engine.extractor.tracer.max_tokens)
    engine = engine.configured(max_tokens=detector.max_tokens, head=notes, has_texts=True)
    extractor = engine.extractor
    settings = Settings.of(detector, seed=seed)
    fitting = Fitting(extractor, notes, Tracker(None), settings)
    parts = Parted.at_random(split.train, seed=seed)
    train, held_out = parts.train, parts.held_out
    readings = fitting.read("train", train)
    taught_by = fitting.read("labelled", labelled) if labelled else None
    reference = fitting.reference(readings, taught_by)
    if notes.is_monotone:
        reference = reference.widened(fitting.read("held out", held_out))
    menu = None
    if notes.needs_programs:
        searched = menu_texts(readings.texts, seed=seed)
        menu = extractor.menu(searched, tolerance=settings.tolerance)
    shown = Teaching(fitting, readings, reference, menu, taught_by).signatures()
    test_readings = extractor.read(split.test)
    test = extractor.signatures(test_readings, reference)
    if menu is not None:
        programs = extractor.minimal_programs(
            test_readings, menu, tolerance=detector.tolerance, wants_curves=True
        )
        test = extractor.with_programs(test, programs)
    made = Signatures(shown.normal, shown.all_strange, test, n_labelled=shown.n_labelled)
    if path is not None:
        made.save(path)
    return made


def _name(split: Split, engine: Engine, seed: int, notes: Notes, labelled: Sequence[str]) -> str:
    """Name the texts, settings, models, sources and arithmetic that signatures depend on."""
    wanted = {name: getattr(notes, name) for name in dir(notes) if name.startswith(_WANTS)}
    extractor, texts = engine.extractor, [split.train, split.test, list(labelled)]
    hashes = [engine.model.sha256, engine.encoder_model.sha256]
    read_by = [type(extractor).__name__, extractor.tracer.max_tokens, extractor.encoder.max_tokens]
    settings = [*texts, seed, wanted, *hashes, *read_by, common.arithmetic()]
    package = Path(polar_detect.__file__).parent
    digest = hashlib.sha256(json.dumps(settings).encode())
    digest.update(Path(__file__).read_bytes())
    for source in sorted(package.rglob("*.py")):
        if source.relative_to(package).parts[0] not in _AFTER:
            digest.update(source.read_bytes())
    return digest.hexdigest()[:24]
