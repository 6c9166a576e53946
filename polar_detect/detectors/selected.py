"""What detectors have in common that read only what a signature says of single texts.

Hides which families of features those are, how SHAP values of them stand beside the others, and
what is refused when such a detector is read back.
"""

import json
import zipfile
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from polar_detect.detectors.base import Attribution, Head
from polar_detect.errors import ArtifactError
from polar_detect.signature.features import Feature, FeatureTable
from polar_detect.signature.numbers import LIKENESS, kind_of

UNREADABLE = (
    *(ValueError, TypeError, KeyError, AttributeError, OSError, zipfile.BadZipFile),
    *(RuntimeError, ImportError),  # parts in parts without end, modules that are not there
)
# Parts of a skops file that hold data, and such as make an object without calling anything of its
# class. All others, functions above all, call what the file names, or let it be called.
_DATA = frozenset(
    f"{kind}Node"
    for kind in (
        *("Dict", "DType", "Json", "List", "MaskedArray", "NdArray"),
        *("RandomGenerator", "RandomState", "Set", "Slice", "Tuple", "Type"),
    )
)
_SCHEMA = "schema.json"
_OBJECTS = frozenset({"ObjectNode", "TreeNode"})
_GROUPS = {"context", "neighbours", "distance", "loss", "program", "column"}


class SelectedHead(Head):
    """A head over distances, similarity, context, losses, program and columns of normal texts.

    Everything else, such as the raw curves, is left out.
    """

    needs_curves = False
    needs_corruptions = False
    needs_programs = True
    needs_context = True
    needs_distances = True

    def __init__(self) -> None:
        self._features: tuple[Feature, ...] = ()

    def fit(
        self,
        normal: FeatureTable,
        strangers: FeatureTable,  # noqa: ARG002
        *,
        n_labelled: int = 0,  # noqa: ARG002
        seed: int,
    ) -> Self:
        """Fit on normal texts; strangers are not looked at; see `Head.fit`."""
        self._features = normal.features
        self._fit(self._select(normal).values, seed=seed)
        return self

    @abstractmethod
    def _fit(self, normal: NDArray[np.float32], *, seed: int) -> None:
        """Fit on the features that are read of normal texts, (n_texts, n_read)."""

    @property
    def _read_features(self) -> list[Feature]:
        """The features that are read, in the order of the columns."""
        return [feature for feature in self._features if _is_read(feature)]

    def _select(self, table: FeatureTable) -> FeatureTable:
        """Return the columns that are read of a table of the features fitted on."""
        assert self._features == table.features
        return table.where(_is_read)

    def _spread(self, base_value: float, parts: NDArray[np.float64]) -> Attribution:
        """Return SHAP values of the columns read, (n_texts, n_read), and 0 for all others."""
        values = np.zeros((len(parts), len(self._features)))
        values[:, np.asarray([_is_read(feature) for feature in self._features])] = parts
        return Attribution(base_value, values, self._features)


def n_read(features: Sequence[Feature]) -> int:
    """Return how many of the features are read."""
    return sum(_is_read(feature) for feature in features)


def objects_of(path: Path) -> dict[str, tuple[str, str]]:
    """Return the types of objects of a skops file beyond skops' own list, as module and name.

    Raises
    ------
    ValueError
        The file holds more than objects and data: what it names would be called.
    """
    import skops.io  # see `refuse_unreadable`

    with zipfile.ZipFile(path) as archive:
        schema = json.loads(archive.read(_SCHEMA))
    untrusted = set(skops.io.get_untrusted_types(file=path))
    objects = {}
    for kind, module, own in _parts(schema):
        name = f"{module}.{own}"
        if kind in _OBJECTS and name in untrusted:
            objects[name] = module, own
        elif kind not in _OBJECTS | _DATA or name in untrusted:
            raise ValueError(f"more than objects and data: {name}")
    if untrusted != objects.keys():
        raise ValueError(f"more than objects and data: {', '.join(sorted(untrusted))}")
    return objects


def _parts(schema: Any) -> Iterator[tuple[str, str, str]]:
    """Yield kind, module and name of each part that a skops file is made of."""
    if isinstance(schema, dict):
        if isinstance(kind := schema.get("__loader__"), str):
            yield kind, str(schema.get("__module__")), str(schema.get("__class__"))
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            yield from _parts(part)


@contextmanager
def refuse_unreadable(path: Path) -> Iterator[None]:
    """Raise `ArtifactError` where reading `path` with skops, or checking it, fails."""
    import skops.io.exceptions  # here: half a second that other heads save

    try:
        yield
    except (*UNREADABLE, skops.io.exceptions.UntrustedTypesFoundException) as error:
        raise ArtifactError(
            f"Got '{path}' that cannot be read safely ({error}); expected the file that fit "
            "wrote; fit the detector again."
        ) from error


def _is_read(feature: Feature) -> bool:
    return feature.group in _GROUPS and kind_of(feature) != LIKENESS
