"""Read a detector; what does not match its manifest is refused and named."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from polar_detect import models
from polar_detect.artifact.contents import ARRAYS, HEAD, KNOWN, kept_texts
from polar_detect.artifact.fine import read_fine
from polar_detect.artifact.given import read_given
from polar_detect.artifact.known import read_known
from polar_detect.artifact.layout import check_arrays
from polar_detect.artifact.of_columns import read_row_reference
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
from polar_detect.drift import ALONE, Company, FeatureStatistics
from polar_detect.errors import ArtifactError, InputError
from polar_detect.pipeline.fitted import Fitted
from polar_detect.pipeline.passage_scale import PassageScale
from polar_detect.pipeline.settings import Settings, model_name
from polar_detect.signature.normal.row_reference import RowReference
from polar_detect.stored import LARGEST, Stored, fitting_together, unfit
from polar_detect.tables.columns.results import Asides
from polar_detect.tables.rows.template import RowTemplate

if TYPE_CHECKING:
    from polar_detect.pipeline.engine import Engines
    from polar_detect.pipeline.training import ByLabel
    from polar_detect.signature.normal.reference import Reference
    from polar_detect.signature.normal_programs import NormalPrograms


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
    engines: Engines = {}
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
    asides : Asides
        What can be told of texts beside their scores and reasons.
    """

    sha256: str
    text_column: str | None
    template: RowTemplate | None
    reads_texts: bool
    asides: Asides = field(default_factory=Asides)


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
    template = None if rows is None else RowTemplate.from_json(rows)
    reads_texts = _head_class(whole).reads_texts
    if template is not None and not reads_texts:
        template = template.unread()
    column = None if column is None else str(column)
    keeps_texts = whole.part("settings").get("store_texts") is not False
    asides = Asides.of(
        template,
        keeps_texts=keeps_texts,
        passages=manifest.get("passages") is not None,
        known=KNOWN in manifest["files"],
        repeats=manifest.get("repeats_from") is not None,
    )
    return Origin(sha256, column, template, reads_texts, asides)


def _read(folder: Path, manifest: dict[str, Any], engines: "Engines") -> PolarDetector:
    """Read a detector; `engines` are the models of earlier readings, by their hashes."""
    check_files(folder, manifest["files"], manifest["sizes"])
    if _reads_texts(manifest["settings"]):
        check_entries(folder / MANIFEST, manifest, ("model", "encoder", "menu"))
        detector = _detector_of(folder, manifest["settings"], manifest["encoder"])
        _read_with_models(detector, folder, manifest, engines)
    else:
        encoder = {"name": models.AUTO_ENCODER}
        detector = _detector_of(folder, manifest["settings"], encoder)
        _read_with_columns(detector, folder, manifest)
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
    conditions = () if template is None else tuple(template.conditions_by_name)
    own = {"rows": template, "condition_columns": conditions}
    return PolarDetector(**{"encoder": name} | settings | own)


def _is_like(value: Any, default: Any) -> bool:
    if isinstance(default, float):
        return type(value) in {int, float} and 0 <= value <= 1e6  # false for NaN
    return type(value) is type(default)


def _read_with_models(
    detector: PolarDetector, folder: Path, manifest: dict[str, Any], engines: "Engines"
) -> None:
    from polar_detect.artifact import of_models  # and torch

    own, stored = _settings(detector), Stored(folder / MANIFEST, manifest)
    engine = of_models.engine_of(folder, manifest, own, engines)
    with fitting_together(folder):
        arrays, texts = _arrays(folder, manifest, n_layers=engine.n_layers)
        rows = own.rows if texts else None
        reference = of_models.read_reference(stored, texts, arrays, rows)
        programs = of_models.read_programs(stored, arrays)
        given = read_given(stored, () if own.passages else texts)
        detector.fitted_ = _fitted(stored, arrays, own, reference, programs, given)
    detector.engine_ = of_models.configured(engine, detector.fitted_, folder)


def _read_with_columns(detector: PolarDetector, folder: Path, manifest: dict[str, Any]) -> None:
    own, stored = _settings(detector), Stored(folder / MANIFEST, manifest)
    with fitting_together(folder):
        arrays, texts = _arrays(folder, manifest, n_layers=0)
        given = read_given(stored, texts)
        reviewed = () if given is None else given.reviewed
        reference = read_row_reference(stored, texts, own.rows, reviewed)
        own = replace(own, rows=reference.template.unread())
        detector.fitted_ = _fitted(stored, arrays, own, reference, None, given)


def _arrays(
    folder: Path, manifest: dict[str, Any], *, n_layers: int
) -> tuple[dict[str, NDArray[Any]], tuple[str, ...]]:
    """Return all arrays, checked, and the training texts; none where they are not kept."""
    arrays, texts = load_file(folder / ARRAYS), kept_texts(folder, manifest)
    check_arrays(arrays, n_layers=n_layers, n_texts=None if texts is None else len(texts))
    return arrays, texts or ()


def _fitted(
    stored: Stored,
    arrays: dict[str, NDArray[Any]],
    settings: Settings,
    reference: "Reference | RowReference",
    programs: "NormalPrograms | None",
    given: "ByLabel | None",
) -> Fitted:
    features = stored.features("features")
    means, spreads = arrays["statistics.means"], arrays["statistics.spreads"]
    statistics = FeatureStatistics(
        features,
        means,
        spreads,
        stored.count("n_held_out", low=1),
        arrays.get("statistics.correlations", np.zeros(len(features))),
    )
    if not means.shape == spreads.shape == statistics.correlations.shape == (len(features),):
        stored.refuse("features", f"{means.size} names")
    scale = _passages(stored)
    fitted = Fitted(
        head=_head_class(stored).load(stored.path.parent / HEAD, features),
        reference=reference,
        programs=programs,
        calibration_scores=arrays["calibration_scores"],
        scores_as_new=arrays.get("as_new.scores", arrays["calibration_scores"]),
        statistics=statistics,
        company=_company(stored),
        n_anomalous=stored.count("n_anomalous"),
        created=stored.text("created"),
        fingerprint=stored.text("fingerprint"),
        settings=settings,
        known=read_known(stored, arrays, features),
        fine=read_fine(stored, arrays, features),
        given=given,
        passages=scale,
        n_whole=0 if scale is None else stored.part("passages").count("n_texts", low=1),
    )
    if stored.get("repeats_from") is None:  # nor has a detector of an earlier version
        return fitted
    return fitted.with_repeats_from(stored.number("repeats_from", low=0, high=1))


def _passages(stored: Stored) -> PassageScale | None:
    if stored.get("passages") is None:
        return None
    rate = stored.part("passages").number("rate", low=0, high=LARGEST)
    if rate == 0:
        stored.refuse("passages", "a rate above 0")
    return PassageScale(rate)


def _company(stored: Stored) -> Company:
    if stored.get("company") is None:  # nor has a detector of an earlier version
        return ALONE
    own = stored.part("company")
    by = own.text("by") if own.get("by") else ""
    return Company(
        reach=own.count("reach", low=0 if by else 1),
        by=by,
        n_near=own.number("n_near", low=0, high=LARGEST),
        n_held_out_near=own.number("n_held_out_near", low=0, high=LARGEST),
        score_correlation=own.number("score_correlation", low=0, high=1),
    )


def _head_class(stored: Stored) -> type[Head]:
    try:
        return head_class(stored.part("settings").text("detector"))
    except InputError as error:
        raise ArtifactError(f"Got '{stored.path}' of an unknown detector: {error}") from error
