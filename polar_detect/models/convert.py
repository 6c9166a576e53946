"""GGUF to safetensors, by transformers' own reader; the only part of `models` that needs torch."""

import contextlib
import errno
import io
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import transformers
from gguf import GGUFReader
from safetensors import SafetensorError
from transformers.utils import logging

from polar_detect.errors import ModelError, reason_of

_LOCAL = {"local_files_only": True, "trust_remote_code": False}
# What transformers and gguf raise for files that they cannot read, by trial: cut short, unknown
# architecture, unknown tensor type, no tokenizer.
_UNREADABLE = (ValueError, KeyError, IndexError, NotImplementedError)


def converted_bytes(source: Path) -> int:
    """Count the bytes that the float32 weights of a GGUF file take.

    Raises
    ------
    ModelError
        When the file is no GGUF file.
    """
    with _unreadable_explained(source):
        return sum(4 * int(tensor.n_elements) for tensor in GGUFReader(source).tensors)


def convert_gguf(source: Path, target: Path) -> None:
    """Write the model and tokenizer of a GGUF file as a folder that `from_pretrained` loads.

    The weights are stored in float32, which holds the dequantised values exactly, so that a loss
    computed from this folder agrees with one that others compute from the GGUF file.

    Parameters
    ----------
    source : Path
        GGUF file.
    target : Path
        Existing folder for configuration, weights and tokenizer.

    Raises
    ------
    ModelError
        When transformers cannot read the file.
    """
    with (
        _quiet(),
        _unreadable_explained(source),
        # Not the file's own folder: what stands beside it is under no hash, and may bring code.
        tempfile.TemporaryDirectory() as nothing,
    ):
        only = _LOCAL | {"gguf_file": str(source.absolute())}
        model, loading = transformers.AutoModelForCausalLM.from_pretrained(
            nothing,
            dtype=torch.float32,
            output_loading_info=True,
            **only,
            **_unpacked(),
        )
        if missing := sorted(loading["missing_keys"]):  # transformers would leave them random
            raise ValueError(f"it lacks {len(missing)} tensors, among them {missing[0]}")
        tokenizer = transformers.AutoTokenizer.from_pretrained(nothing, **only)
    with _quiet():
        tokenizer.save_pretrained(target)
        try:
            model.save_pretrained(target)
        except SafetensorError as error:
            # safetensors reports a full disk in words only: "... (os error 28)".
            if f"os error {errno.ENOSPC}" in str(error):
                raise OSError(errno.ENOSPC, str(error)) from error
            raise
    for weights in target.glob("*.safetensors"):
        weights.chmod(0o644)  # safetensors writes 0600; others may share the cache


def _unpacked() -> dict[str, Any]:
    """Ask for plain tensors where transformers would keep the quantised blocks (from 5.24)."""
    config = getattr(transformers, "GgufConfig", None)
    return {} if config is None else {"quantization_config": config(dequantize=True)}


@contextlib.contextmanager
def _unreadable_explained(source: Path) -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        raise ModelError(
            f"Got {source}, which cannot be converted ({reason_of(error)}); expected a GGUF file "
            "of a decoder that transformers can read; download it again or use a folder with "
            "safetensors weights."
        ) from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence progress bars and advice; the GGUF reader offers no switch for its bar."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(verbosity)
