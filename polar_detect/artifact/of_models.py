"""What a detector's folder holds of models: written and read in one place.

Apart from the rest, as a detector that goes by columns has none of it and does without torch.
"""

from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from numpy.typing import NDArray

from polar_detect import models
from polar_detect.arrays import Float32Array
from polar_detect.artifact.of_columns import column_likeness, contamination
from polar_detect.artifact.sealing import MANIFEST
from polar_detect.detector import PolarDetector
from polar_detect.errors import ArtifactError, InputError, ProgramError
from polar_detect.pipeline.engine import Engine, Engines
from polar_detect.pipeline.fitted import Fitted
from polar_detect.pipeline.settings import Settings
from polar_detect.program import MAX_CALLS, Program
from polar_detect.programs.menu import Menu
from polar_detect.search import MOST_HARM
from polar_detect.signature.columns.categories import CategoryReference
from polar_detect.signature.columns.numbers import NumberReference
from polar_detect.signature.labelled.likeness import Likeness, SentenceLikeness, WordingLikeness
from polar_detect.signature.normal.changes import Changes, Covariances
from polar_detect.signature.normal.filing import Filing, filed_columns
from polar_detect.signature.normal.geometry import Geometries, Geometry
from polar_detect.signature.normal.reference import Reference
from polar_detect.signature.normal.sequences import Sequences
from polar_detect.signature.normal.token_index import TokenIndex
from polar_detect.signature.normal_programs import NormalPrograms
from polar_detect.stored import Stored, unfit
from polar_detect.tables.rows.template import RowTemplate
from polar_detect.texts.entries import SEPARATORS

_LEAST_REACH = 1e-6  # of cosines, for weights that are numbers
_Arrays = Covariances | Geometry | SentenceLikeness | TokenIndex | WordingLikeness
_Part = TypeVar("_Part", Covariances, Geometry, SentenceLikeness, TokenIndex, WordingLikeness)


def engine_of(
    folder: Path, manifest: dict[str, Any], settings: Settings, engines: Engines
) -> Engine:
    """Return the models, loaded unless an earlier reading did."""
    hashes = _checked_models(folder, manifest, settings)
    if hashes not in engines:
        engines[hashes] = Engine.load(settings.model, settings.encoder)
    return engines[hashes]


def _checked_models(folder: Path, manifest: dict[str, Any], settings: Settings) -> tuple[str, str]:
    """Return the hashes of both models, before anything reads one that `folder` may only name."""
    found = []
    for part, name in (("model", settings.model), ("encoder", settings.encoder)):
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


def configured(engine: Engine, fitted: Fitted, folder: Path) -> Engine:
    """Return the models reading what the head of a detector needs."""
    settings = fitted.settings
    own = engine.configured(
        max_tokens=settings.max_tokens, head=fitted.head, has_texts=settings.store_texts
    )
    try:
        own.extractor.tracer.tokenize([])
    except InputError as error:
        raise ArtifactError(
            f"Got settings in '{folder / MANIFEST}' that the model cannot take: {error}"
        ) from error
    return own


def read_programs(stored: Stored, arrays: dict[str, Any]) -> NormalPrograms:
    """Return what programs of normal texts are like."""
    return NormalPrograms(
        _menu(stored, len(arrays["typical_calls"]), arrays.get("menu.harms")),
        arrays["typical_calls"],
        stored.number("typical_length", low=0, high=MAX_CALLS),
    )


def _menu(stored: Stored, n_layers: int, harms: Float32Array | None) -> Menu:
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


def read_reference(
    stored: Stored, texts: tuple[str, ...], arrays: dict[str, Any], rows: RowTemplate | None
) -> Reference:
    """Return what new texts are held against."""

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
            column_likeness(stored, rows, fitted),
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
        contamination=contamination(stored, has_texts=bool(len(arrays["tokens.owners"]))),
        # Heads of older artifacts do not ask.
        n_indexed=stored.count("n_indexed", high=n_texts - n_joined, default=0),
        likeness=likeness,
        crowding=arrays.get("neighbours.crowding"),  # older artifacts: none
        filing=None if rows is None else _filing(stored, fitted, arrays, rows),
        sequences=_sequences(stored, fitted, rows),
    )


def _sequences(
    stored: Stored, fitted: tuple[str, ...], rows: RowTemplate | None
) -> Sequences | None:
    """Return the texts as sequences; None where they are none, and in older artifacts."""
    if stored.get("sequences") is None:
        return None
    separator = stored.part("sequences").text("separator")
    if separator not in SEPARATORS:
        stored.refuse("sequences", f"a separator among {', '.join(SEPARATORS)}")
    return Sequences.of(fitted, separator, rows)


def _filing(
    stored: Stored, fitted: tuple[str, ...], arrays: dict[str, Any], rows: RowTemplate
) -> Filing | None:
    """Return how free text and columns go together; None in older artifacts."""
    if stored.get("filing") is None:
        return None
    own, names = stored.part("filing"), filed_columns(rows)
    told = own.texts("told")
    if not told:
        return Filing.telling_nothing(rows)
    points, centre = (arrays.get(f"filing.{name}") for name in ("points", "centre"))
    if points is None or centre is None or len(points) != len(fitted) or {*told} - {*names}:
        stored.refuse("filing", "columns that free text may tell, and as many points as texts")
    reach = own.number("reach", low=_LEAST_REACH, high=1)
    return Filing.of(rows, fitted, told, points=points, centre=centre, reach=reach)


def arrays_of(reference: Reference, programs: NormalPrograms) -> dict[str, NDArray[Any]]:
    """Return what is kept of how the models read normal texts, by its name in the file."""
    arrays = {
        f"{name}.{field.name}": getattr(part, field.name)
        for name, part in _parts(reference).items()
        for field in fields(part)
    }
    arrays |= {
        "embeddings": reference.embeddings,
        "typical_calls": programs.typical_calls,
    }
    if reference.crowding is not None:
        arrays["neighbours.crowding"] = reference.crowding
    if reference.filing is not None and reference.filing.columns:
        arrays["filing.points"] = reference.filing.points
        arrays["filing.centre"] = reference.filing.centre
    if programs.menu.harms is not None:
        arrays["menu.harms"] = programs.menu.harms
    return arrays


def said_of(detector: PolarDetector, programs: NormalPrograms) -> dict[str, Any]:
    """Return what the manifest says of the models, and of what they make of normal texts."""
    own, engine = detector.fitted_.settings, detector.engine_
    filing = detector.fitted_.text_reference.filing
    told: dict[str, Any] = {} if filing is None else {"filing": filing.said}
    sequences = detector.fitted_.text_reference.sequences
    if sequences is not None:
        told["sequences"] = {"separator": sequences.separator}
    return told | {
        "model": {"name": own.model, "sha256": engine.model.sha256},
        "encoder": {"name": own.encoder, "sha256": engine.encoder_model.sha256},
        "menu": [str(program) for program in programs.menu.programs],
        "menu_doubt": programs.menu.doubt,
        "typical_length": programs.typical_length,
        "n_joined": detector.fitted_.text_reference.n_joined,
        "n_indexed": detector.fitted_.text_reference.n_indexed,
    }


def _parts(reference: Reference) -> dict[str, _Arrays]:
    """Return the parts of a reference whose fields are arrays, by their name in the file."""
    parts: dict[str, _Arrays] = {
        "tokens": reference.tokens,
        "encoder_tokens": reference.encoder_tokens,
    }
    for name, pair in (("geometry", reference.geometries), ("changes", reference.changes)):
        if pair is not None:
            parts |= {f"decoder_{name}": pair.decoder, f"encoder_{name}": pair.encoder}
    own = reference.likeness
    if own is not None and own.sentences is not None:
        parts["likeness.sentences"] = own.sentences
    if own is not None and own.wording is not None:
        parts["likeness.wording"] = own.wording
    return parts
