"""The models behind a detector: loaded once, used by one thread at a time, never pickled."""

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self, TypeAlias

from polar_detect import models
from polar_detect.alone import alone
from polar_detect.backbone.decoder import Backbone
from polar_detect.backbone.loading import load_encoder, load_tokenizer
from polar_detect.detectors import Head
from polar_detect.errors import ModelError, ModelNotFoundError
from polar_detect.models.fluency import speaks
from polar_detect.signature.extraction import Extractor
from polar_detect.signature.reading.encoder import Encoder
from polar_detect.signature.reading.tracer import CurveKind, Tracer

# The models of several detectors, by the hashes of language model and encoder.
Engines: TypeAlias = dict[tuple[str, str], "Engine"]

# The parts of each model, by its folder and what is in it, for as long as anything in this process
# holds them.
_HELD: dict[tuple[Any, ...], tuple[weakref.ref[Any], ...]] = {}


@dataclass(frozen=True, eq=False)
class Engine:
    """The loaded models behind a detector, and what they read of texts.

    A copy by pickle or joblib carries the names and hashes of the models only; they are loaded
    when they are next needed, and `ModelError` is raised where the weights on this machine are
    others.
    """

    model: models.LocalModel
    encoder_model: models.LocalModel
    extractor: Extractor = field(repr=False)  # to show it would load the models of a copy

    @classmethod
    def load(cls, model: str, encoder: str = models.DEFAULT_ENCODER) -> Self:
        """Resolve and load the language model and the encoder.

        What another engine of this process has loaded is shared with it.
        """
        decoder, sentences = models.resolve(model), models.resolve(encoder)
        if decoder.kind != "decoder":
            raise ModelError(
                f"Got model '{model}', which is an encoder; expected a causal language model; "
                f"choose another, e.g. {models.DEFAULT_MODEL}."
            )
        if sentences.kind != "encoder":
            raise ModelError(
                f"Got encoder '{encoder}', which is a causal language model; expected a sentence "
                f"encoder; choose another, e.g. {models.DEFAULT_ENCODER}."
            )
        (backbone,) = _shared(decoder, lambda folder: (Backbone.load(folder),))
        own = _shared(sentences, load_encoder)
        return cls(decoder, sentences, Extractor(Tracer(backbone), Encoder(*own)))

    @property
    def n_layers(self) -> int:
        """Layers of the language model, which a copy knows before it loads that."""
        known: int | None = vars(self).get("_n_layers")
        return self.extractor.tracer.backbone.n_layers if known is None else known

    def shares_models_with(self, other: "Engine") -> bool:
        """Return whether both read with the same loaded models, however they read."""
        if "extractor" not in vars(self):  # it has not loaded any
            return False
        own, others = self.extractor, other.extractor
        is_same = own.tracer.backbone is others.tracer.backbone
        return is_same and own.encoder.model is others.encoder.model

    def configured(self, *, max_tokens: int, head: Head, has_texts: bool) -> Self:
        """Return the same models, reading what `head` needs of the first `max_tokens`.

        Each model counts its own tokens (see `Encoder.cut_after`).
        Where the training texts are not kept, there is none to put in front of a new one.
        """
        return self.reading(
            max_tokens=max_tokens,
            curves="first-order" if head.needs_curves else "none",
            wants_context=head.needs_context and has_texts,
        )

    def reading(self, *, max_tokens: int, curves: CurveKind, wants_context: bool) -> Self:
        """Return the same models with other settings of their reading."""
        own = self.extractor
        tracer = Tracer(own.tracer.backbone, max_tokens=max_tokens, curves=curves)
        encoder = own.encoder.cut_after(max_tokens)
        extractor = own.configured(tracer, encoder, wants_context=wants_context)
        return replace(self, extractor=extractor)

    def __getstate__(self) -> dict[str, Any]:
        """Return what to load, and how it reads."""
        reads, n_layers = vars(self).get("_reads"), vars(self).get("_n_layers")
        if "extractor" in vars(self):
            tracer = self.extractor.tracer
            reads = {
                "max_tokens": tracer.max_tokens,
                "curves": tracer.curves,
                "wants_context": self.extractor.wants_context,
            }
            n_layers = self.n_layers
        return {
            "model": self.model,
            "encoder_model": self.encoder_model,
            "_reads": reads,
            "_n_layers": n_layers,
        }

    def __getattr__(self, name: str) -> Any:
        """Load the models of an engine that was pickled, when they are first asked for."""
        if name != "extractor" or "_reads" not in vars(self):
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        with alone():
            if name not in vars(self):
                vars(self)[name] = self._loaded()
            return vars(self)[name]

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _: dict[int, Any]) -> Self:
        return self

    def _loaded(self) -> Extractor:
        for part, own in (("model", self.model), ("encoder", self.encoder_model)):
            found = models.resolve(own.name)
            if found.sha256 != own.sha256:
                raise ModelError(
                    f"Got {part} '{own.name}' with SHA-256 {found.sha256[:12]}…; expected "
                    f"{own.sha256[:12]}…, which this was fitted with; restore those weights or "
                    "fit again."
                )
        fresh = Engine.load(self.model.name, self.encoder_model.name)
        return fresh.reading(**vars(self)["_reads"]).extractor


def _shared(model: models.LocalModel, load: Callable[[Path], tuple[Any, ...]]) -> tuple[Any, ...]:
    """Return what loading a model gives, or gave where something still holds all of it."""
    key = (model.folder, model.sha256, _files(model.folder))
    with alone():
        parts = tuple(held() for held in _HELD.get(key, ()))
        if not parts or any(part is None for part in parts):
            parts = tuple(load(model.folder))
            _HELD[key] = tuple(weakref.ref(part) for part in parts)
    return parts


def _files(folder: Path) -> frozenset[tuple[str, int, int]]:
    """Return what tells one state of a folder from another; the hash is of the weights alone."""
    found = ((path.name, path.stat()) for path in folder.iterdir())
    return frozenset((name, stat.st_size, stat.st_mtime_ns) for name, stat in found)


def encoder_for(texts: Sequence[str], name: str = models.AUTO_ENCODER) -> str:
    """Return the encoder that a setting means for texts.

    Parameters
    ----------
    texts : sequence of str
        What a detector is fitted on; read as `models.fluency.speaks` does.
    name : str
        What the user calls the encoder. "auto" is the multilingual one where the default one
        hardly speaks the language of the texts, and else the default one.

    Raises
    ------
    ModelNotFoundError
        The encoder that "auto" means is not on this machine and cannot be fetched.
    """
    if name != models.AUTO_ENCODER:
        return name
    default, multilingual = models.DEFAULT_ENCODER, models.MULTILINGUAL_ENCODER
    tokenizer = load_tokenizer(models.resolve(default).folder)
    if speaks(tokenizer, texts, kind="encoder").is_spoken:
        return default
    try:
        models.resolve(multilingual)
    except ModelNotFoundError as error:
        raise ModelNotFoundError(
            f"{error} It was chosen because {default} hardly speaks the language of the texts; "
            f"encoder {default} does without it."
        ) from error
    return multilingual
