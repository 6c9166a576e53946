"""What is refused of a skops file before it is read: whatever is more than objects and data.

skops tells what may be trusted by names alone; a file from a stranger may name a function that
another package only imports, and have it called.
"""

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from polar_detect.errors import ArtifactError

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
SCHEMA = "schema.json"  # what a file is made of
_OBJECTS = frozenset({"ObjectNode", "TreeNode"})


def objects_of(path: Path) -> dict[str, tuple[str, str]]:
    """Return the types of objects of a skops file beyond skops' own list, as module and name.

    Raises
    ------
    ValueError
        The file holds more than objects and data: what it names would be called.
    """
    import skops.io  # here: half a second that other heads save

    with zipfile.ZipFile(path) as archive:
        schema = json.loads(archive.read(SCHEMA))
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
    import skops.io.exceptions  # see `objects_of`

    try:
        yield
    except (*UNREADABLE, skops.io.exceptions.UntrustedTypesFoundException) as error:
        raise ArtifactError(
            f"Got '{path}' that cannot be read safely ({error}); expected the file that fit "
            "wrote; fit the detector again."
        ) from error
