"""Read a detector; what does not match its manifest is refused and named."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from polar_detect import models
from polar_detect.artifact.contents import ARRAYS, HEAD, TREES, kept_texts
from polar_detect.artifact.layout import check_arrays
from polar_detect.artifact.sealing import (
    MANIFEST,
    check_entries,
    check_files,
    manifest_sha256,
    read_manifest,
    read_whole,
)
from polar_detect.detector import PolarDetector
from polar_detect.detectors import HEADS, Head, head_class
from polar_detect.drift import FeatureStatistics
from polar_detect.engine import Engine
from polar_detect.errors import ArtifactError, InputError, ProgramError
from polar_detect.fitting import Fitted
from polar_detect.program import MAX_CALLS, Program
from polar_detect.programs.menu import Menu
from polar_detect.search import MOST_HARM
from polar_detect.settings import MAX_CONTAMINATION, Settings, model_name
from polar_detect.signature.categories import CategoryReference
from polar_detect.signature.changes import Changes, Covariances
from polar_detect.signature.column_likeness import ColumnLikeness, likeness_columns
from polar_detect.signature.geometry import Geometries, Geometry
from polar_detect.signature.likeness import Likeness, SentenceLikeness, WordingLikeness
from polar_detect.signature.normal_programs import NormalPrograms
from polar_detect.signature.numbers import NumberReference
from polar_detect.signature.reference import Reference
from polar_detect.signature.row_reference import RowReference
from polar_detect.signature.token_index import TokenIndex
from polar_detect.stored import Stored, fitting_together, unfit
from polar_detect.tables.rows.template import RowTemplate
from polar_detect.trees import Trees

_Part = TypeVar("_Part", Covariances, Geometry, SentenceLikeness, TokenIndex, WordingLikeness)


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


@dataclass(frozen=True)
class Origin:
    """Where the training texts of a saved detector came from: new ones are read alike.

    Parameters
    ----------
    sha256 : str
        Of the manifest that says so; see `check_not_replaced`.
    text_column : str or None
        None for a plain text file.
    template : RowTemplate or None
        How they were written out of rows; None if they were not.
    reads_texts : bool
        Whether models read them.
    """

    sha256: str
    text_column: str | None
    template: RowTemplate | None
    reads_texts: bool


def stored_origin(folder: Path) -> Origin:
    """Return where the training texts came from, without loading a model.

    Raises
    ------
    InputNotFoundError, ArtifactError
        As `load`, for the manifest alone.
    """
    sha256, manifest = manifest_sha256(folder), read_manifest(folder)
    column = manifest.get("text_column")
    whole = Stored(folder / MANIFEST, manifest)
    rows = whole.part("settings").get("rows") or manifest.get("input")  # once, it stood there
    return Origin(
        sha256,
        None if column is None else str(column),
        None if rows is None else RowTemplate.from_json(rows),
        _head_class(whole).reads_texts,
    )


def _read(
    folder: Path, manifest: dict[str, Any], engines: dict[tuple[str, str], Engine]
) -> PolarDetector:
    """Read a detector; `engines` are the models of earlier readings, by their hashes."""
    check_files(folder, manifest["files"], manifest["sizes"])
    reads_texts = _reads_texts(manifest["settings"])
    if reads_texts:
        check_entries(folder / MANIFEST, manifest, ("model", "encoder", "menu"))
    encoder = manifest["encoder"] if reads_texts else {"name": models.AUTO_ENCODER}
    detector = _detector_of(folder, manifest["settings"], encoder)
    engine = _engine(folder, manifest, detector, engines) if reads_texts else None
    own = _settings(detector)
    with fitting_together(folder):
        arrays = load_file(folder / ARRAYS)
        texts = kept_texts(folder, manifest)
        n_layers = 0 if engine is None else engine.extractor.tracer.backbone.n_layers
        check_arrays(arrays, n_layers=n_layers, n_texts=None if texts is None else len(texts))
        detector.fitted_ = _read_fitted(folder, manifest, arrays, texts or (), own)
    if engine is not None:
        detector.engine_ = _configured(engine, detector, folder)
    if manifest.get("rows_are_derived") is True:  # older artifacts do not say: given
        detector.rows = None
    return detector


def _reads_texts(settings: Any) -> bool:
    """Return whether a detector of these settings needs models; of what is none, that it does."""
    name = settings.get("detector") if isinstance(settings, dict) else None
    return not isinstance(name, str) or name not in HEADS or HEADS[name].reads_texts


def _settings(detector: PolarDetector) -> Settings:
    own = Settings(**{name: getattr(detector, name) for name in Settings.names()})
    return replace(
        own, model=model_name("model", own.model), encoder=model_name("encoder", own.encoder)
    )


def _engine(
    folder: Path,
    manifest: dict[str, Any],
    detector: PolarDetector,
    engines: dict[tuple[str, str], Engine],
) -> Engine:
    """Return the models, loaded unless an earlier reading did."""
    hashes, own = _checked_models(folder, manifest, detector), _settings(detector)
    if hashes not in engines:
        engines[hashes] = Engine.load(own.model, own.encoder)
    return engines[hashes]


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
    return PolarDetector(**{"encoder": name} | settings | {"rows": template})


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
    kind = _head_class(stored)
    reference: Reference | RowReference
    if kind.reads_texts:
        reference = _reference(stored, texts, arrays, settings.rows if texts else None)
    else:
        reference = _row_reference(stored, texts, settings.rows)
    return Fitted(
        head=kind.load(folder / HEAD, features),
        reference=reference,
        programs=_programs(stored, arrays) if kind.reads_texts else None,
        calibration_scores=arrays["calibration_scores"],
        statistics=statistics,
        n_anomalous=stored.count("n_anomalous"),
        created=stored.text("created"),
        fingerprint=stored.text("fingerprint"),
        settings=settings,
    )


def _programs(stored: Stored, arrays: dict[str, Any]) -> NormalPrograms:
    return NormalPrograms(
        _menu(stored, len(arrays["typical_calls"]), arrays.get("menu.harms")),
        arrays["typical_calls"],
        stored.number("typical_length", low=0, high=MAX_CALLS),
    )


def _contamination(stored: Stored, *, has_texts: bool) -> float:
    most = MAX_CONTAMINATION if has_texts else 0
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
    # Artifacts of earlier versions have no harms, or no doubt.
    has_doubt = stored.get("menu_doubt") is not None
    doubt = stored.number("menu_doubt", low=0, high=MOST_HARM) if has_doubt else None
    return Menu(programs, harms, doubt)


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
        texts=texts,
        embeddings=arrays["embeddings"],
        tokens=part(TokenIndex, "tokens"),
        encoder_tokens=part(TokenIndex, "encoder_tokens"),
        changes=None if changes is None else Changes(*changes),
        geometries=None if geometries is None else Geometries(*geometries),
        numbers=None if rows is None else NumberReference.fit(rows, fitted),
        categories=None if rows is None else CategoryReference.fit(rows, fitted),
        n_joined=n_joined,
        contamination=_contamination(stored, has_texts=bool(len(arrays["tokens.owners"]))),
        # Heads of older artifacts do not ask.
        n_indexed=stored.count("n_indexed", high=n_texts - n_joined, default=0),
        likeness=likeness,
        crowding=arrays.get("neighbours.crowding"),  # older artifacts: none
    )


def _row_reference(
    stored: Stored, texts: tuple[str, ...], rows: RowTemplate | None
) -> RowReference:
    """Return the reference of a detector that goes by columns."""
    if rows is None or not rows.counts_columns or not texts:
        stored.refuse("settings", "rows with columns to go by, and the texts that they are")
    likeness = None
    if (stored.path.parent / TREES).exists():
        columns = _column_likeness(stored, rows, texts)
        likeness = Likeness(None, None, columns)
    return RowReference.of(
        rows,
        texts,
        contamination=_contamination(stored, has_texts=True),
        likeness=likeness,
    )


def _column_likeness(
    stored: Stored, rows: RowTemplate | None, normal: Sequence[str]
) -> ColumnLikeness | None:
    """Return what labelled rows taught of columns of numbers and categories, if there are some."""
    if rows is None or not (columns := likeness_columns(rows)):
        return None
    trees = Trees.read(stored.path.parent / TREES, len(columns))
    return ColumnLikeness.of(rows, trees, normal)
