"""A fitted detector as a folder: JSON, safetensors, and the head's own text formats. No pickle.

`manifest.json` carries the SHA-256 of every other file, the settings, and the hashes of the
models; loading refuses what does not match and names it.
"""

import errno
import json
import os
import platform
from collections.abc import Sequence
from dataclasses import fields, replace
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from safetensors.numpy import save as to_bytes

import polar_detect
from polar_detect import models
from polar_detect.changes import Changes, Covariances
from polar_detect.column_likeness import ColumnLikeness
from polar_detect.contents import ARRAYS, TEXTS, TREES, kept_texts
from polar_detect.detector import PolarDetector
from polar_detect.detectors import Head, head_class
from polar_detect.drift import FeatureStatistics
from polar_detect.engine import Engine
from polar_detect.errors import (
    ArtifactError,
    InputError,
    OutputError,
    ProgramError,
)
from polar_detect.fitting import Fitted
from polar_detect.geometry import Geometries, Geometry
from polar_detect.layout import check_arrays
from polar_detect.likeness import Likeness, SentenceLikeness, WordingLikeness
from polar_detect.menu import Menu
from polar_detect.models.hashes import sha256_of
from polar_detect.normal_programs import NormalPrograms
from polar_detect.numbers import ColumnReference
from polar_detect.program import MAX_CALLS, Program
from polar_detect.reference import Reference
from polar_detect.sealing import (
    FORMAT,
    MANIFEST,
    check_files,
    foreign_to_artifact,
    read_manifest,
    read_whole,
    sealed,
)
from polar_detect.settings import MAX_CONTAMINATION, Settings, checked_alpha, model_name
from polar_detect.stored import Stored, fitting_together, unfit
from polar_detect.tables.rows import RowTemplate
from polar_detect.texts import UnfittedError
from polar_detect.tokens import TokenIndex
from polar_detect.trees import Trees
from polar_detect.whole import replaced

# Artifacts of older minor versions keep loading, and a test holds it to those in tests/artifacts.
# - What is new (a setting, an entry, an array, a file) has a default for artifacts without it,
#   and FORMAT stays. An older version refuses a setting that it does not know.
# - A signature may get more features: a detector reads those that it was fitted on, by name.
#   One that it reads keeps its name and its meaning, or gets a new name.
# - FORMAT rises where an older version would misread what is written. `load` then translates
#   every format from that of the first minor version on; a major version may drop some.
# - A new fixture is added (tests/write_artifact.py) with each minor version; none is rewritten.
_HEAD = "head"
_Arrays = Covariances | Geometry | SentenceLikeness | TokenIndex | WordingLikeness
_Part = TypeVar("_Part", Covariances, Geometry, SentenceLikeness, TokenIndex, WordingLikeness)
_PACKAGES = ("torch", "transformers", "scikit-learn", "lightgbm", "numpy")


def save(
    detector: PolarDetector,
    folder: Path,
    *,
    text_column: str | None = None,
    sampled_from: int | None = None,
) -> None:
    """Write `detector` into `folder`, which appears only when it is whole.

    An earlier artifact at the same place is replaced; anything else there is an error, and so
    is the working directory, which would be gone for this process and its shell.
    `text_column` is the column that the training texts came from; later commands read the
    same. Where they were written out of whole rows, the detector knows how. `sampled_from` is
    the number of rows that the training texts were drawn from, where there were more.

    Raises
    ------
    UnfittedError
    OutputError
        The folder cannot be written, or holds something that is not a detector.
    """
    if not hasattr(detector, "fitted_"):
        raise UnfittedError("Got a detector that is not fitted; expected a fitted one; call fit.")
    check_target(folder)
    programs = detector.normal_programs()
    origin = {"text_column": text_column, "sampled_from": sampled_from}
    try:
        with replaced(folder) as staged:
            _write(detector, programs, staged, origin)
            check_target(folder)  # again, for what came to it meanwhile
    except OutputError:
        raise
    except OSError as error:
        raise _cannot_write(folder, error) from error


def check_target(folder: Path) -> None:
    """Raise `OutputError` if `save` could not write `folder`, or must not replace what it holds."""
    try:
        _check_writable(folder.resolve().parent)
    except OSError as error:
        raise _cannot_write(folder, error) from error
    if not folder.exists():
        return
    own = folder.resolve()
    if own in _working_folders():
        raise OutputError(
            f"Got '{folder}', in which this process runs; expected a folder that can be replaced "
            "as a whole; name a folder inside it (--out)."
        )
    foreign = foreign_to_artifact(own) if own.is_dir() else [own.name]
    if foreign:
        more = f" and {len(foreign) - 5} more" if len(foreign) > 5 else ""
        raise OutputError(
            f"Got '{folder}', which holds something else than a detector; expected a new or "
            f"empty folder, or an earlier detector and nothing else; move {', '.join(foreign[:5])}"
            f"{more} away, or choose another folder (--out)."
        )


def load(folder: Path) -> PolarDetector:
    """Read a detector.

    Raises
    ------
    InputNotFoundError
        There is no such folder, or no manifest in it.
    ArtifactError
        A file was changed or is missing, the format is unknown, or the language model or
        encoder on this machine is not the one that the detector was fitted with.
    """
    engines: dict[tuple[str, str], Engine] = {}
    return read_whole(folder, lambda manifest: _read(folder, manifest, engines))


def stored_text_column(folder: Path) -> str | None:
    """Return the column that the training texts came from; None for a plain text file."""
    column = read_manifest(folder).get("text_column")
    return None if column is None else str(column)


def stored_rows(folder: Path) -> Any:
    """Return in JSON how the training texts were written out of rows; None if they were not."""
    manifest = read_manifest(folder)
    stored = Stored(folder / MANIFEST, manifest).part("settings")
    return stored.get("rows") or manifest.get("input")  # once, it stood there


def versions() -> dict[str, str]:
    """Return the versions that results depend on."""
    found = {name: metadata.version(name) for name in _PACKAGES}
    return {
        "polar-detect": polar_detect.__version__,
        "python": platform.python_version(),
        **found,
    }


def _cannot_write(folder: Path, error: OSError) -> OutputError:
    return OutputError(
        f"Got an error while writing '{folder}' ({error.strerror or error}); expected a "
        "folder that can be written with free space; choose another (--out)."
    )


def _check_writable(folder: Path) -> None:
    """Raise `OSError` unless files can be made in `folder`, or that can be made with them."""
    found = next(path for path in (folder, *folder.parents) if path.exists())
    if not found.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    if not os.access(found, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _working_folders() -> tuple[Path, ...]:
    """Return the working directory and those that it stands in; nothing if it was removed."""
    try:
        own = Path.cwd()
    except FileNotFoundError:
        return ()
    return (own, *own.parents)


def _write(
    detector: PolarDetector, programs: NormalPrograms, folder: Path, origin: dict[str, Any]
) -> None:
    fitted, engine = detector.fitted_, detector.engine_
    reference, own = fitted.reference, fitted.settings
    parts = _reference_parts(reference)
    arrays = {
        f"{name}.{field.name}": getattr(part, field.name)
        for name, part in parts.items()
        for field in fields(part)
    }
    arrays |= {
        "embeddings": reference.embeddings,
        "calibration_scores": fitted.calibration_scores,
        "statistics.means": fitted.statistics.means,
        "statistics.spreads": fitted.statistics.spreads,
        "typical_calls": programs.typical_calls,
    }
    if reference.crowding is not None:
        arrays["neighbours.crowding"] = reference.crowding
    if programs.menu.harms is not None:
        arrays["menu.harms"] = programs.menu.harms
    content = to_bytes({name: np.ascontiguousarray(a) for name, a in arrays.items()})
    (folder / ARRAYS).write_bytes(content)  # save_file would keep other users from reading it
    if fitted.settings.store_texts:
        _write_json(folder / TEXTS, list(reference.texts))
    if reference.likeness is not None and reference.likeness.columns is not None:
        reference.likeness.columns.trees.write(folder / TREES)
    (folder / _HEAD).mkdir()
    fitted.head.save(folder / _HEAD)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    settings: dict[str, Any] = {name: getattr(own, name) for name in own.names()}
    settings |= {"alpha": checked_alpha(detector.alpha), "detector": fitted.head.name}
    settings = dict(sorted(settings.items()))
    # Left out where there is none, so that versions that do not know them read the artifact too.
    rows = settings.pop("rows")
    del settings["encoder"]  # its name is beside its hash
    settings |= {} if rows is None else {"rows": rows.to_json()}
    if not own.contamination:
        del settings["contamination"]
    manifest = {
        "format": FORMAT,
        "versions": versions(),
        "settings": settings,
        **origin,
        "rows_are_derived": rows is not None and detector.rows is None,
        "model": {"name": own.model, "sha256": engine.model.sha256},
        "encoder": {"name": own.encoder, "sha256": engine.encoder_model.sha256},
        "menu": [str(program) for program in programs.menu.programs],
        "typical_length": programs.typical_length,
        "features": [feature.name for feature in fitted.statistics.features],
        "n_held_out": fitted.statistics.n_texts,
        "n_joined": reference.n_joined,
        "n_indexed": reference.n_indexed,
        "n_anomalous": fitted.n_anomalous,
        "created": fitted.created,
        "fingerprint": fitted.fingerprint,
        "reason": fitted.head.reason,
        "files": {path.relative_to(folder).as_posix(): sha256_of(path) for path in files},
        "sizes": {path.relative_to(folder).as_posix(): path.stat().st_size for path in files},
    }
    (folder / MANIFEST).write_bytes(sealed(manifest))


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")


def _read(
    folder: Path, manifest: dict[str, Any], engines: dict[tuple[str, str], Engine]
) -> PolarDetector:
    """Read a detector; `engines` are the models of earlier readings, by their hashes."""
    check_files(folder, manifest["files"], manifest["sizes"])
    detector = _detector_of(folder, manifest["settings"], manifest["encoder"])
    hashes = _checked_models(folder, manifest, detector)
    own = Settings(**{name: getattr(detector, name) for name in Settings.names()})
    own = replace(
        own, model=model_name("model", own.model), encoder=model_name("encoder", own.encoder)
    )
    if hashes not in engines:
        engines[hashes] = Engine.load(own.model, own.encoder)
    engine = engines[hashes]
    with fitting_together(folder):
        arrays = load_file(folder / ARRAYS)
        texts = kept_texts(folder, manifest)
        n_layers = engine.extractor.tracer.backbone.n_layers
        check_arrays(arrays, n_layers=n_layers, n_texts=None if texts is None else len(texts))
        detector.fitted_ = _read_fitted(folder, manifest, arrays, texts or (), own)
    detector.engine_ = _configured(engine, detector, folder)
    if manifest.get("rows_are_derived") is True:  # older artifacts do not say: given
        detector.rows = None
    return detector


def _detector_of(folder: Path, settings: Any, encoder: Any) -> PolarDetector:
    """Return an unfitted detector with the settings of the manifest, each of its own type."""
    known = PolarDetector().get_params() | {"rows": {}}
    is_valid = isinstance(settings, dict) and all(
        name in known and _is_like(value, known[name]) for name, value in settings.items()
    )
    if not is_valid:
        raise ArtifactError(
            f"Got settings in '{folder / MANIFEST}' that this version does not know; expected "
            f"{', '.join(known)}; fit again, or use the version of polar-detect that wrote it."
        )
    rows = settings.get("rows")
    template = None if rows is None else RowTemplate.from_json(rows)
    name = encoder.get("name") if isinstance(encoder, dict) else None
    if not isinstance(name, str):
        raise unfit(folder, "no name of the encoder")
    return PolarDetector(**settings | {"rows": template, "encoder": name})


def _checked_models(
    folder: Path, manifest: dict[str, Any], detector: PolarDetector
) -> tuple[str, str]:
    """Return the hashes of both models, before anything reads one that `folder` may only name."""
    found = []
    for part, name in (("model", detector.model), ("encoder", detector.encoder)):
        said, local = manifest[part], models.resolve(name)
        expected = said.get("sha256") if isinstance(said, dict) else None
        if not isinstance(expected, str):
            raise unfit(folder, f"no SHA-256 of the {part}")
        if expected != local.sha256:
            raise ArtifactError(
                f"Got {part} '{local.name}' with SHA-256 {local.sha256[:12]}…; expected "
                f"{expected[:12]}…, with which '{folder}' was fitted; restore those weights or "
                "fit again."
            )
        found.append(expected)
    return found[0], found[1]


def _is_like(value: Any, default: Any) -> bool:
    if isinstance(default, float):
        return type(value) in {int, float} and 0 <= value <= 1e6  # false for NaN
    return type(value) is type(default)


def _configured(engine: Engine, detector: PolarDetector, folder: Path) -> Engine:
    head, has_texts = detector.fitted_.head, detector.store_texts
    own = engine.configured(max_tokens=detector.max_tokens, head=head, has_texts=has_texts)
    try:
        own.extractor.tracer.tokenize([])
    except InputError as error:
        raise ArtifactError(
            f"Got settings in '{folder / MANIFEST}' that the model cannot take: {error}"
        ) from error
    return own


def _read_fitted(
    folder: Path,
    manifest: dict[str, Any],
    arrays: dict[str, Any],
    texts: tuple[str, ...],
    settings: Settings,
) -> Fitted:
    stored = Stored(folder / MANIFEST, manifest)
    features = stored.features("features")
    statistics = FeatureStatistics(
        features,
        arrays["statistics.means"],
        arrays["statistics.spreads"],
        stored.count("n_held_out", low=1),
    )
    if not statistics.means.shape == statistics.spreads.shape == (len(features),):
        stored.refuse("features", f"{statistics.means.size} names")
    return Fitted(
        head=_head_class(stored).load(folder / _HEAD, features),
        reference=_reference(stored, texts, arrays, settings.rows if texts else None),
        programs=NormalPrograms(
            _menu(stored, len(arrays["typical_calls"]), arrays.get("menu.harms")),
            arrays["typical_calls"],
            stored.number("typical_length", low=0, high=MAX_CALLS),
        ),
        calibration_scores=arrays["calibration_scores"],
        statistics=statistics,
        n_anomalous=stored.count("n_anomalous"),
        created=stored.text("created"),
        fingerprint=stored.text("fingerprint"),
        settings=settings,
    )


def _contamination(stored: Stored, arrays: dict[str, Any]) -> float:
    most = MAX_CONTAMINATION if len(arrays["tokens.owners"]) else 0
    return stored.part("settings").number("contamination", low=0, high=most, default=0)


def _head_class(stored: Stored) -> type[Head]:
    try:
        return head_class(stored.part("settings").text("detector"))
    except InputError as error:
        raise ArtifactError(f"Got '{stored.path}' of an unknown detector: {error}") from error


def _menu(stored: Stored, n_layers: int, harms: NDArray[np.float32] | None) -> Menu:
    try:
        programs = tuple(Program.parse(program) for program in stored.texts("menu"))
        for program in programs:
            program.check(n_layers)
    except ProgramError:
        programs = ()
    if Program.full(n_layers) not in programs:
        stored.refuse("menu", f"programs of {n_layers} layers, the full one among them")
    if harms is not None and harms.shape[1] != len(programs):
        stored.refuse("menu", f"{harms.shape[1]} programs")
    return Menu(programs, harms)  # artifacts of earlier versions have no harms


def _reference_parts(reference: Reference) -> dict[str, _Arrays]:
    """Return the parts of a reference whose fields are arrays, by their name in the file."""
    parts: dict[str, _Arrays] = {
        "tokens": reference.tokens,
        "encoder_tokens": reference.encoder_tokens,
    }
    for name, pair in (("geometry", reference.geometries), ("changes", reference.changes)):
        if pair is not None:
            parts |= {f"decoder_{name}": pair.decoder, f"encoder_{name}": pair.encoder}
    if reference.likeness is not None:
        own = reference.likeness
        parts |= {"likeness.sentences": own.sentences, "likeness.wording": own.wording}
    return parts


def _reference(
    stored: Stored, texts: tuple[str, ...], arrays: dict[str, Any], rows: RowTemplate | None
) -> Reference:
    def part(kind: type[_Part], name: str) -> _Part:
        return kind(*(arrays[f"{name}.{field.name}"] for field in fields(kind)))

    def pair(kind: type[_Part], name: str) -> tuple[_Part, _Part] | None:
        if not any(key.startswith(f"decoder_{name}.") for key in arrays):
            return None
        return part(kind, f"decoder_{name}"), part(kind, f"encoder_{name}")

    n_texts = len(arrays["embeddings"])
    n_joined = stored.count("n_joined", high=n_texts - 1, default=0)  # older artifacts: none
    fitted = texts[: n_texts - n_joined]
    likeness = None
    if any(key.startswith("likeness.") for key in arrays):
        likeness = Likeness(
            part(SentenceLikeness, "likeness.sentences"),
            part(WordingLikeness, "likeness.wording"),
            _column_likeness(stored, rows, fitted),
        )
    changes, geometries = pair(Covariances, "changes"), pair(Geometry, "geometry")
    return Reference(
        texts,
        arrays["embeddings"],
        part(TokenIndex, "tokens"),
        part(TokenIndex, "encoder_tokens"),
        None if changes is None else Changes(*changes),
        None if geometries is None else Geometries(*geometries),
        None if rows is None else ColumnReference.fit(rows, fitted),
        n_joined,
        _contamination(stored, arrays),
        stored.count("n_indexed", high=n_texts - n_joined, default=0),  # older heads do not ask
        likeness,
        arrays.get("neighbours.crowding"),  # older artifacts: none
    )


def _column_likeness(
    stored: Stored, rows: RowTemplate | None, normal: Sequence[str]
) -> ColumnLikeness | None:
    """Return what labelled rows taught of columns of numbers, where there are some."""
    if rows is None or not rows.numeric:
        return None
    trees = Trees.read(stored.path.parent / TREES, len(rows.numeric))
    return ColumnLikeness.of(rows, trees, normal)
