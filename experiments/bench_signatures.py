"""Signatures of a split's texts, made by the package's own fit, once for all detectors.

A detector that only takes notes is fitted in place of a real one; what it was shown is kept on
disk. Any detector can then be fitted and scored on the very tables that `PolarDetector` would
have shown it, in a second instead of a minute.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from bench_baselines import Scores
from common import Split

import polar_detect
from polar_detect import PolarDetector
from polar_detect.detector import Engine
from polar_detect.detectors import Attribution, AutoHead, Head
from polar_detect.features import Feature, FeatureTable

# Sources that tables do not depend on: what comes after them, and what people look at.
_AFTER = ("detectors", "report", "cli", "compare", "scoring", "serve", "tables")
_PARTS = ("normal", "strangers", "test")


@dataclass(frozen=True)
class Signatures:
    """What a detector is fitted on, and what it then scores."""

    normal: FeatureTable
    strangers: FeatureTable
    test: FeatureTable

    def scores(self, head: Head, *, seed: int) -> Scores:
        """Fit `head` and return its scores of the test texts."""
        scores: Scores = head.fit(self.normal, self.strangers, seed=seed).scores(self.test)
        return scores

    def where(self, keep: Callable[[Feature], bool]) -> Self:
        """Return the features that satisfy `keep`."""
        return type(self)(*(getattr(self, part).where(keep) for part in _PARTS))

    def save(self, path: Path) -> None:
        """Write one file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays = {part: getattr(self, part).values for part in _PARTS}
        partial = path.with_suffix(".partial.npz")
        np.savez(partial, names=np.asarray(self.normal.names), **arrays)
        partial.replace(path)  # whole, or not there

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as stored:
            features = tuple(Feature.from_name(str(name)) for name in stored["names"])
            return cls(*(FeatureTable(stored[part], features) for part in _PARTS))


class Notes(AutoHead):
    """Asks for what the default detector asks for, keeps it, and finds every text the same."""

    name = "notes"

    def fit(self, normal: FeatureTable, strangers: FeatureTable, *, seed: int) -> Self:  # noqa: ARG002
        """Keep both tables."""
        self.normal, self.strangers = normal, strangers
        return self

    def _scores(self, table: FeatureTable) -> Scores:
        return np.zeros(len(table))

    def _explain(self, table: FeatureTable) -> Attribution:
        return Attribution(0.0, np.zeros(table.values.shape), table.features)


class EveryNote(Notes):
    """Notes on everything that a signature can hold."""

    needs_curves = needs_programs = needs_context = needs_distances = True


def signatures(
    split: Split, engine: Engine, *, seed: int, notes: Notes, path: Path | None = None
) -> Signatures:
    """Return the signatures of a split; from `path`, where they are there.

    Parameters
    ----------
    split : Split
    engine : Engine
        Loaded models.
    seed : int
        Of the fit.
    notes : Notes
        Says what is needed.
    path : Path, optional
        Where they are kept.
    """
    if path is not None and path.is_file():
        return Signatures.load(path)
    detector = PolarDetector(detector=notes, model=engine.model.name, seed=seed)
    detector.engine_ = engine  # fit goes on with the models of an earlier fit
    detector.fit(split.train)
    head = detector.fitted_.head
    assert isinstance(head, Notes)
    made = Signatures(head.normal, head.strangers, _test_table(detector, split.test))
    if path is not None:
        made.save(path)
    return made


def _test_table(detector: PolarDetector, texts: Sequence[str]) -> FeatureTable:
    fitted, extractor = detector.fitted_, detector.engine_.extractor
    table = extractor.signatures(extractor.read(texts), fitted.reference)
    if not fitted.head.needs_programs:
        return table
    return extractor.with_programs(table, texts, fitted.menu, tolerance=detector.tolerance)


def place(folder: Path, *parts: object) -> Path:
    """Return where signatures with these settings, made by these sources, are kept."""
    package = Path(polar_detect.__file__).parent
    digest = hashlib.sha256(json.dumps([str(part) for part in parts]).encode())
    for source in sorted(package.rglob("*.py")):
        if source.relative_to(package).parts[0] not in _AFTER:
            digest.update(source.read_bytes())
    return folder / "signatures" / f"{digest.hexdigest()[:24]}.npz"
