"""Write a detector.

`manifest.json` carries the SHA-256 of every other file, the settings, and the hashes of the models.
"""

import json
import platform
import shutil
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save as to_bytes

import polar_detect
from polar_detect import atomic
from polar_detect.artifact import fine, given, known
from polar_detect.artifact.contents import ARRAYS, GIVEN, HEAD, KNOWN, TEXTS, TREES
from polar_detect.artifact.sealing import FORMAT, MANIFEST, foreign_to_artifact, sealed
from polar_detect.detector import PolarDetector
from polar_detect.errors import OutputError, listing
from polar_detect.models.hashes import sha256_of
from polar_detect.pipeline.fitted import Fitted
from polar_detect.pipeline.settings import checked_alpha
from polar_detect.progress import ProgressChoice

if TYPE_CHECKING:
    from polar_detect.signature.normal_programs import NormalPrograms

# Artifacts of older minor versions keep loading, and a test holds it to those in tests/artifacts.
# - What is new (a setting, an entry, an array, a file) has a default for artifacts without it,
#   and FORMAT stays. An older version refuses a setting that it does not know.
# - A signature may get more features: a detector reads those that it was fitted on, by name.
#   One that it reads keeps its name and its meaning, or gets a new name.
# - FORMAT rises where an older version would misread what is written. `load` then translates
#   every format from that of the first minor version on; a major version may drop some.
# - A new fixture is added (tests/write_artifact.py) with each minor version; none is rewritten.
_PACKAGES = ("torch", "transformers", "scikit-learn", "lightgbm", "numpy")
_WITHIN_CHARS = 45  # of the longest path inside, while it is written
_LEAST_BYTES = 15_000_000  # 40 work orders take 20 MB, or 17 of their first four tokens


def save(
    detector: PolarDetector,
    folder: Path,
    *,
    text_column: str | None = None,
    sampled_from: int | None = None,
    progress: ProgressChoice = None,
) -> None:
    """Write `detector` into `folder`, which appears only when it is whole.

    An earlier artifact at the same place is replaced; anything else there is an error, and so
    is the working directory, which would be gone for this process and its shell.
    `text_column` is the column that the training texts came from; later commands read the
    same. Where they were written out of whole rows, the detector knows how. `sampled_from` is
    the number of rows that the training texts were drawn from, where there were more. `progress` is
    told of the search for programs, where nobody has asked for them yet.

    Raises
    ------
    UnfittedError
    OutputError
        The folder cannot be written, or holds something that is not a detector.
    """
    check_target(folder)
    fitted = getattr(detector, "fitted_", None)
    goes_by_columns = fitted is not None and not fitted.head.reads_texts
    programs = None if goes_by_columns else detector.normal_programs(progress=progress)
    origin = {"text_column": text_column, "sampled_from": sampled_from}
    try:
        with atomic.replaced(folder) as staged:
            _write(detector, programs, staged, origin)
            _check_target(folder)  # again, for what came to it meanwhile
    except OutputError:
        raise
    except OSError as error:
        raise _cannot_write(folder, error) from error


def check_target(folder: Path) -> None:
    """Raise `OutputError` if `save` could not write `folder`, or must not replace what it holds."""
    try:
        _check_target(folder)
    except OSError:  # of an earlier detector that another process replaces just now, too
        with atomic.settled(folder):
            _check_target(folder)


def check_room(folder: Path) -> None:
    """Raise `OutputError` if the disk of `folder` has no room for any detector of texts."""
    free = shutil.disk_usage(atomic.standing(folder.resolve().parent)).free
    if free < _LEAST_BYTES:
        raise OutputError(
            f"Got {free} free bytes for '{folder}'; expected {_LEAST_BYTES} and more for a "
            "detector of texts; free some, or choose another folder."
        )


def versions() -> dict[str, str]:
    """Return the versions that results depend on."""
    found = {name: metadata.version(name) for name in _PACKAGES}
    return {
        "polar-detect": polar_detect.__version__,
        "python": platform.python_version(),
        **found,
    }


def _check_target(folder: Path) -> None:
    own = folder.resolve()
    try:
        found = atomic.standing(own.parent)
        atomic.check_writable(found, len(str(own)) - len(str(found)) + _WITHIN_CHARS)
    except OSError as error:
        raise _cannot_write(folder, error) from error
    if not folder.exists():
        return
    if own in _working_folders():
        raise OutputError(
            f"Got '{folder}', in which this process runs; expected a folder that can be replaced "
            "as a whole; name a folder inside it."
        )
    foreign = foreign_to_artifact(own) if own.is_dir() else [own.name]
    if foreign:
        raise OutputError(
            f"Got '{folder}', which holds something else than a detector; expected a new or "
            f"empty folder, or an earlier detector and nothing else; move {listing(foreign, 5)} "
            "away, or choose another folder."
        )


def _cannot_write(folder: Path, error: OSError) -> OutputError:
    close = "close it where it is open, or " if isinstance(error, PermissionError) else ""
    return OutputError(
        f"Got an error while writing '{folder}' ({error.strerror or error}); expected a "
        f"folder that can be written with free space; {close}choose another."
    )


def _working_folders() -> tuple[Path, ...]:
    """Return the working directory and those that it stands in; nothing if it was removed."""
    try:
        own = Path.cwd()
    except FileNotFoundError:
        return ()
    return (own, *own.parents)


def _write(
    detector: PolarDetector, programs: "NormalPrograms | None", folder: Path, origin: dict[str, Any]
) -> None:
    """Write all files; without programs those of a detector that goes by columns."""
    fitted = detector.fitted_
    reference = fitted.reference
    arrays, manifest = _arrays(fitted), _manifest(detector, origin)
    if programs is not None:
        from polar_detect.artifact import of_models  # and torch

        arrays |= of_models.arrays_of(fitted.text_reference, programs)
        manifest |= of_models.said_of(detector, programs)
    if fitted.known is not None:
        arrays |= known.arrays_of(fitted.known)
        _write_json(folder / KNOWN, known.said_of(fitted.known))
    if fitted.fine is not None:
        arrays |= fine.arrays_of(fitted.fine)
    content = to_bytes({name: np.ascontiguousarray(a) for name, a in arrays.items()})
    (folder / ARRAYS).write_bytes(content)  # save_file would keep other users from reading it
    if fitted.settings.store_texts:
        _write_json(folder / TEXTS, list(reference.texts))
    if fitted.given is not None:
        kept = () if fitted.settings.passages else reference.texts  # which are no whole texts
        _write_json(folder / GIVEN, given.said_of(fitted.given, kept))
    if reference.likeness is not None and reference.likeness.columns is not None:
        reference.likeness.columns.trees.write(folder / TREES)
    (folder / HEAD).mkdir()
    fitted.head.save(folder / HEAD)
    manifest |= _files(folder)
    (folder / MANIFEST).write_bytes(sealed(manifest))


def _arrays(fitted: Fitted) -> dict[str, NDArray[Any]]:
    own = {"statistics.correlations": fitted.statistics.correlations}
    return (own if fitted.company.n_near else {}) | {
        "calibration_scores": fitted.calibration_scores,
        "as_new.scores": fitted.scores_as_new,
        "statistics.means": fitted.statistics.means,
        "statistics.spreads": fitted.statistics.spreads,
    }


def _manifest(detector: PolarDetector, origin: dict[str, Any]) -> dict[str, Any]:
    """Return what the manifest says of every detector, but for the files."""
    fitted = detector.fitted_
    own = fitted.settings
    company = {"company": vars(fitted.company)} if fitted.company.n_near else {}
    scale = fitted.passages
    passages = (
        {} if scale is None else {"passages": {"rate": scale.rate, "n_texts": fitted.n_whole}}
    )
    return (
        company
        | passages
        | {
            "format": FORMAT,
            "versions": versions(),
            "settings": _settings(detector),
            **origin,
            "rows_are_derived": own.rows is not None and detector.rows is None,
            "features": [feature.name for feature in fitted.statistics.features],
            "n_held_out": fitted.statistics.n_texts,
            "n_anomalous": fitted.n_anomalous,
            "created": fitted.created,
            "fingerprint": fitted.fingerprint,
            "reason": fitted.head.reason,
            "repeats_from": fitted.repeats_from,
        }
    )


def _settings(detector: PolarDetector) -> dict[str, Any]:
    """Return the settings, without those of which there is none.

    Versions that do not know these read the artifact too.
    """
    own = detector.fitted_.settings
    settings: dict[str, Any] = {name: getattr(own, name) for name in own.names()}
    settings |= {"alpha": checked_alpha(detector.alpha), "detector": detector.fitted_.head.name}
    settings = dict(sorted(settings.items()))
    rows = settings.pop("rows")
    del settings["condition_columns"]  # which its columns say
    if detector.fitted_.head.reads_texts:
        del settings["encoder"]  # its name is beside its hash
    settings |= {} if rows is None else {"rows": rows.to_json()}
    if not own.contamination:
        del settings["contamination"]
    if not own.passages:
        del settings["passages"]
    return settings


def _files(folder: Path) -> dict[str, Any]:
    """Return hash and size of every file in `folder`."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    names = {path: path.relative_to(folder).as_posix() for path in files}
    return {
        "files": {name: sha256_of(path) for path, name in names.items()},
        "sizes": {name: path.stat().st_size for path, name in names.items()},
    }


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
