"""What a model folder says of itself, taken only where every word of it is known."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

# Settings that change nothing here: of training, of generating text, of caches, and of who wrote
# the file.
_IDLE = frozenset({
    "_model_name_or_path", "_name_or_path", "attention_dropout", "attention_probs_dropout_prob",
    "bos_token_id", "classifier_dropout", "dtype", "eos_token_id", "gradient_checkpointing",
    "hidden_dropout_prob", "initializer_range", "pad_token_id", "pretraining_tp", "torch_dtype",
    "transformers_version", "unk_token_id", "use_cache",
})  # fmt: skip


class Config(SimpleNamespace):
    """The settings of a model, by the names that its `config.json` gives them."""

    def get_text_config(self) -> "Config":
        """Return the settings of the part that reads text, which is the whole of these models."""
        return self


def read_object(path: Path) -> dict[str, Any] | None:
    """Return the JSON object in a file; None where there is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def known_settings(
    folder: Path,
    *,
    fixed: Mapping[str, Any],
    counts: tuple[str, ...],
    epsilon: str,
    others: tuple[str, ...] = (),
) -> Config | None:
    """Return what `config.json` says; None where it says anything that is not known.

    Nor is it known what an adapter beside the weights makes of them.

    Parameters
    ----------
    folder : Path
    fixed : mapping
        Settings that have one known value, which those that are left out have as well; the
        architectures and the type of the model are never left out.
    counts : tuple of str
        Settings that must be positive integers.
    epsilon : str
        The setting that must be a positive number.
    others : tuple of str
        Settings that the caller looks at.
    """
    found = read_object(folder / "config.json")
    if found is None or not set(found) <= {*_IDLE, *fixed, *counts, epsilon, *others}:
        return None
    has_adapter = (folder / "adapter_config.json").exists()
    if has_adapter or not {"architectures", "model_type"} <= set(found):
        return None
    if any(found.get(name, value) != value for name, value in fixed.items()):
        return None
    if not all(is_count(found.get(name)) for name in counts):
        return None
    if not is_positive(found.get(epsilon)):
        return None
    return Config(**{"pad_token_id": None, **found})


Model = TypeVar("Model", bound=nn.Module)


def filled(
    make: Callable[[], Model],
    folder: Path,
    *,
    unused: tuple[str, ...] = (),
    tied: Mapping[str, str] | None = None,
) -> Model | None:
    """Return a model with the weights of `model.safetensors`, in float32; None if they do not fit.

    What the file has in float32 is mapped from it, and not copied.

    Parameters
    ----------
    make : callable
        Makes the model.
    folder : Path
    unused : tuple of str
        What the names of weights begin with that the file may have, and the model has not.
    tied : mapping
        Weights of the model that the file has under another name.
    """
    with torch.device("meta"):
        model = make()
    tied = tied or {}
    shapes = {name: list(weight.shape) for name, weight in model.named_parameters()}
    expected = {name: shape for name, shape in shapes.items() if name not in tied}
    try:
        with safe_open(folder / "model.safetensors", "pt") as file:
            names = [name for name in file.keys() if not name.startswith(unused)]  # noqa: SIM118
            if {name: file.get_slice(name).get_shape() for name in names} != expected:
                return None
            weights = {name: file.get_tensor(name).float() for name in names}
    except (OSError, SafetensorError):
        return None
    weights |= {name: weights[other] for name, other in tied.items()}
    model.load_state_dict(weights, assign=True)
    return model


def embedding(n_rows: int, size: int) -> nn.Embedding:
    """Return an embedding whose weights come later; drawing some would load torch's compiler."""
    return nn.Embedding(n_rows, size, _weight=torch.empty(n_rows, size))


def linear(n_in: int, n_out: int, *, bias: bool = True) -> nn.Linear:
    """Return a linear layer whose weights come later; drawing some would load SymPy in torch 2.9.

    That takes two seconds, and with any torch drawing takes half of the time of making a model.
    """
    layer: nn.Linear = _Undrawn(n_in, n_out, bias=bias)
    layer.__class__ = nn.Linear
    return layer


class _Undrawn(nn.Linear):
    def reset_parameters(self) -> None:
        """Draw nothing."""


def is_count(value: Any) -> bool:
    """Return whether what JSON says is a positive integer."""
    return isinstance(value, int) and is_positive(value)


def is_positive(value: Any) -> bool:
    """Return whether what JSON says is a positive number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0
