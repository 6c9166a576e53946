"""What makes a folder a model that transformers can load: its files, its kind, its hash."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from polar_detect.errors import ModelError, listing
from polar_detect.models.hashes import combined_sha256

WEIGHTS = "model.safetensors"
WEIGHTS_INDEX = "model.safetensors.index.json"
Kind = Literal["decoder", "encoder"]
_Part = TypeVar("_Part", list[Any], dict[str, Any])


@dataclass(frozen=True)
class LocalModel:
    """Weights on this machine, verified.

    Parameters
    ----------
    name : str
        The name as it was asked for.
    folder : Path
        Configuration, safetensors weights and tokenizer; loads with ``from_pretrained(folder,
        local_files_only=True)``.
    sha256 : str
        Hash of the weights file; for several files the hash over the sorted names and hashes.
    kind : {"decoder", "encoder"}
        A decoder predicts the next token; everything else is an encoder.
    license : str or None
        SPDX identifier where it is known.
    """

    name: str
    folder: Path
    sha256: str
    kind: Kind
    license: str | None = None


def describe_folder(name: str, folder: Path, *, hash_file: Callable[[Path], str]) -> LocalModel:
    """Describe a folder that holds a configuration and safetensors weights.

    Parameters
    ----------
    name : str
        The name as it was asked for.
    folder : Path
        Folder to describe.
    hash_file : callable
        From a path to its SHA-256.

    Raises
    ------
    ModelError
        When the configuration or a weights file is missing or cannot be read.
    """
    with unreadable_told(folder):
        kind = kind_of(folder)
        within = f"{folder.as_posix()}/"  # not the name alone, which two may have in two folders
        weights = {file.as_posix().removeprefix(within): file for file in weights_files(folder)}
        sha256 = combined_sha256({name: hash_file(file) for name, file in weights.items()})
    return LocalModel(name, folder, sha256, kind)


@contextmanager
def unreadable_told(path: Path) -> Iterator[None]:
    """Turn what the system says of a model that may not be read into a `ModelError`."""
    try:
        yield
    except OSError as error:
        raise ModelError(
            f"Got {error.filename or path}, which cannot be read ({error.strerror or error}); "
            "expected a model's file; mend its permissions, or copy the model elsewhere and name "
            "that place."
        ) from error


def kind_of(folder: Path) -> Kind:
    """Tell a decoder from an encoder by the architectures that the configuration names.

    Raises
    ------
    ModelError
        When there is no configuration, or it is no JSON object, or names no list of them.
    """
    config = _read_json(folder, "config.json")
    names = _part_of(folder, "config.json", config, "architectures", list)
    # Decoders are named ...ForCausalLM, the oldest ...LMHeadModel (GPT-2), and those that also see
    # images ...ForConditionalGeneration, which T5 and its kin share: they say so themselves.
    endings: tuple[str, ...] = ("ForCausalLM", "LMHeadModel")
    if not config.get("is_encoder_decoder", False):
        endings += ("ForConditionalGeneration",)
    return "decoder" if any(str(name).endswith(endings) for name in names) else "encoder"


def weights_files(folder: Path) -> list[Path]:
    """List the safetensors files that transformers reads from a folder.

    Raises
    ------
    ModelError
        When there are none, or when the index names some that are missing.
    """
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    index = _read_json(folder, WEIGHTS_INDEX)
    weight_map = _part_of(folder, WEIGHTS_INDEX, index, "weight_map", dict)
    shards = sorted({str(shard) for shard in weight_map.values()})
    missing = [shard for shard in shards if not (folder / shard).is_file()]
    if missing or not shards:
        raise ModelError(
            f"Got {folder} without {', '.join(missing) or 'shards'}; expected every file that "
            f"{WEIGHTS_INDEX} lists; copy or download the folder again."
        )
    return [folder / shard for shard in shards]


def _part_of(
    folder: Path, name: str, content: dict[str, Any], key: str, kind: type[_Part]
) -> _Part:
    """Return a list or an object of a JSON file, empty where there is none."""
    part = content.get(key)
    if part is None:
        return kind()
    if not isinstance(part, kind):
        raise ModelError(
            f"Got {folder / name} with a JSON {type(part).__name__} as {key}; expected what "
            "save_pretrained writes; copy or download the folder again."
        )
    return part


def _layout_error(folder: Path) -> ModelError:
    """Build the error for a folder that is no model, listing what was found in it."""
    found = sorted(path.name for path in folder.iterdir())
    return ModelError(
        f"Got folder {folder} with: {listing(found, 10) or 'nothing'}; expected config.json with "
        "model.safetensors (or its shards), or a single .gguf file; name another folder or save "
        "the model there with save_pretrained."
    )


def _read_json(folder: Path, name: str) -> dict[str, Any]:
    if not (folder / name).is_file():
        raise _layout_error(folder)
    try:
        content = json.loads((folder / name).read_text(encoding="utf-8"))
    except ValueError as error:  # broken JSON and broken UTF-8 alike
        raise ModelError(
            f"Got {folder / name}, which is no JSON ({error}); expected a model's {name}; "
            "copy or download the folder again."
        ) from error
    if not isinstance(content, dict):
        raise ModelError(
            f"Got {folder / name} with a JSON {type(content).__name__}; expected an object; "
            "copy or download the folder again."
        )
    return content
