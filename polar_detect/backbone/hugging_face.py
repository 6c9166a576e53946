"""Models and tokenizers of any architecture, by transformers, whose import takes seconds."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import transformers
from huggingface_hub.errors import StrictDataclassError
from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars

from polar_detect.errors import ModelError, reason_of

# A folder may bring Python code along. Left to itself transformers would ask on the terminal
# whether to run it.
_LOCAL = {"local_files_only": True, "trust_remote_code": False}
# What it may raise: of a folder without a file, of settings that it does not know or that do not
# go together, and of a package that it lacks, as for weights in 4 or 8 bits.
_FAILURES = (OSError, ValueError, KeyError, ImportError, StrictDataclassError)


def load_decoder(folder: Path) -> tuple[Any, Any]:
    """Load a causal language model and its tokenizer; raise `ModelError` naming the folder."""
    kind = "a causal language model with its tokenizer"
    return _load(transformers.AutoModelForCausalLM, folder, f"model folder '{folder}'", kind)


def load_encoder(folder: Path) -> tuple[Any, Any]:
    """Load an encoder without a head, and its tokenizer; raise `ModelError` naming the folder."""
    kind = "an encoder with its tokenizer"
    return _load(transformers.AutoModel, folder, f"encoder folder '{folder}'", kind)


def load_tokenizer(folder: Path) -> Any:
    """Load a tokenizer without its model; raise `ModelError` naming the folder."""
    with _quiet(f"model folder '{folder}'", "a folder with a tokenizer"):
        return _tokenizer(folder)


def _load(auto: Any, folder: Path, what: str, expected: str) -> tuple[Any, Any]:
    with _quiet(what, expected):
        model, loading = auto.from_pretrained(
            folder,
            dtype=torch.float32,
            use_safetensors=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they are named below
            **_LOCAL,
        )
        # transformers would leave them random; an encoder's pooler nobody asks.
        missing = [key for key in loading["missing_keys"] if not key.startswith("pooler.")]
        if missing:
            raise ValueError(f"it lacks {len(missing)} tensors, among them {min(missing)}")
        if loading["mismatched_keys"]:
            name, *sizes = min(loading["mismatched_keys"])
            found, said = map(tuple, sizes)
            raise ValueError(f"{name} has {found} numbers; its config.json says {said}")
        if getattr(model.config, "is_encoder_decoder", False):  # it would ask for two texts
            raise ValueError("it has a decoder beside its encoder")
        tokenizer = _tokenizer(folder)
    return model, tokenizer


def _tokenizer(folder: Path) -> Any:
    # Texts are read from their start; some tokenizers would keep the end of what is too long.
    return transformers.AutoTokenizer.from_pretrained(folder, truncation_side="right", **_LOCAL)


@contextmanager
def _quiet(what: str, expected: str) -> Iterator[None]:
    """Keep transformers from the terminal, and turn its errors into `ModelError`."""
    verbosity = transformers.utils.logging.get_verbosity()
    transformers.utils.logging.set_verbosity_error()  # what is missing is looked at in `_load`
    try:
        with _without_bars():
            yield
    except _FAILURES as error:
        # Behind its first line, which says what was validated, stands what was wrong.
        cause = error.__cause__ if isinstance(error, StrictDataclassError) else error
        raise ModelError(
            f"Got {what} that transformers cannot load ({reason_of(cause or error)}); expected "
            f"{expected}; check the folder or choose another model."
        ) from error
    finally:
        transformers.utils.logging.set_verbosity(verbosity)


@contextmanager
def _without_bars() -> Iterator[None]:
    """Show no bars of transformers, as loading takes a second or less; a caller's own come back."""
    logging = transformers.utils.logging
    if not logging.is_progress_bar_enabled():
        yield
        return
    are_of_hub_hidden = are_progress_bars_disabled()
    logging.disable_progress_bar()  # those of huggingface_hub too
    try:
        yield
    finally:
        logging.enable_progress_bar()
        if are_of_hub_hidden:
            disable_progress_bars()
