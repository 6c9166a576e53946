"""A folder on disk → a model and its tokenizer, in float32, without network access.

What is known by heart (`native`) does not wait for transformers to be imported.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from torch import nn

from polar_detect.backbone.native import bert, llama, tokenizer
from polar_detect.numerics.lanes import plain_modes
from polar_detect.numerics.products import lay_out
from polar_detect.numerics.runtime import best_device


class Loaded(NamedTuple):
    """A model on the best device of this machine, and its tokenizer."""

    model: Any
    tokenizer: Any


@plain_modes()
def load_decoder(folder: Path) -> Loaded:
    """Load a causal language model; raise `ModelError` naming the folder where it cannot be."""
    return _native(llama.load, folder) or _placed(*_transformers().load_decoder(folder))


@plain_modes()
def load_encoder(folder: Path) -> Loaded:
    """Load an encoder without a head; raise `ModelError` as `load_decoder` does."""
    found = _native(bert.load, folder) or _placed(*_transformers().load_encoder(folder))
    return found._replace(model=lay_out(found.model))


def load_tokenizer(folder: Path) -> Any:
    """Load a tokenizer without its model; raise `ModelError` as `load_decoder` does."""
    own = tokenizer.load(folder)
    return _transformers().load_tokenizer(folder) if own is None else own


def _native(load: Callable[[Path], nn.Module | None], folder: Path) -> Loaded | None:
    model = load(folder)  # first: most others are told by their settings, without reading more
    own = None if model is None else tokenizer.load(folder)
    return None if own is None else _placed(model, own)


def _placed(model: Any, own_tokenizer: Any) -> Loaded:
    return Loaded(model.to(best_device()), own_tokenizer)


def _transformers() -> Any:
    from polar_detect.backbone import hugging_face  # here: takes seconds, which many do without

    return hugging_face
