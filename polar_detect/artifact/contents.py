"""What a detector's folder holds, for people who want to know before they pass it on.

Reads the manifest and the heads of the files; no model is loaded.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open

from polar_detect.artifact.sealing import check_files, read_whole
from polar_detect.stored import fitting_together, read_texts

ARRAYS, TEXTS, TREES, HEAD = "arrays.safetensors", "texts.json", "likeness.txt", "head"
_Shapes = dict[str, tuple[tuple[int, ...], int]]  # array → shape, bytes


@dataclass(frozen=True)
class Kept:
    """One kind of thing that is kept of the training texts, labelled ones included."""

    what: str
    n_bytes: int


@dataclass(frozen=True)
class Contents:
    """What a detector's folder says and holds.

    Parameters
    ----------
    facts : tuple of (str, str)
        What the detector is, as labels and values.
    kept : tuple of Kept
        What is kept of the training texts.
    texts : tuple of str or None
        The training texts; None where they are not kept.
    """

    facts: tuple[tuple[str, str], ...]
    kept: tuple[Kept, ...]
    texts: tuple[str, ...] | None


def read_contents(folder: Path) -> Contents:
    """Return what `folder` holds, after its seal was checked.

    Raises
    ------
    InputNotFoundError
        There is no detector.
    ArtifactError
        It was changed, or is of a format that this version does not read.
    """

    def read(manifest: dict[str, Any]) -> Contents:
        check_files(folder, manifest["files"], manifest["sizes"])
        with fitting_together(folder):
            texts = kept_texts(folder, manifest)
            return Contents(_facts(manifest), _kept(_shapes(folder), texts, folder), texts)

    return read_whole(folder, read)


def kept_texts(folder: Path, manifest: dict[str, Any]) -> tuple[str, ...] | None:
    """Return the training texts; None where they are not kept."""
    if TEXTS not in manifest["files"]:
        return None
    return read_texts(folder / TEXTS)


def _shapes(folder: Path) -> _Shapes:
    with safe_open(folder / ARRAYS, framework="numpy") as file:
        found = {}
        for name in file.keys():  # noqa: SIM118 - no mapping
            part = file.get_slice(name)
            shape = tuple(part.get_shape())
            n_bytes = int(np.prod(shape, dtype=np.int64)) * _item_bytes(part.get_dtype())
            found[name] = shape, n_bytes
        return found


def _item_bytes(dtype: str) -> int:
    return int(dtype.strip("FIBU").split("_")[0]) // 8  # e.g. F16, I64


def _kept(shapes: _Shapes, texts: tuple[str, ...] | None, folder: Path) -> tuple[Kept, ...]:
    def size(belongs: Callable[[str], bool]) -> int:
        return sum(n_bytes for name, (_, n_bytes) in shapes.items() if belongs(name))

    n_texts = shapes["embeddings"][0][0]
    n_depths, n_tokens, _ = shapes["tokens.points"][0]
    n_other_depths, n_other, _ = shapes["encoder_tokens.points"][0]
    is_ordered = shapes["tokens.owners"][0][0] > 0
    order = "in the order of the texts" if is_ordered else "shuffled"
    parts = [
        Kept(
            f"sentence embeddings of {n_texts} texts"
            + (", and how close they stand" if "neighbours.crowding" in shapes else ""),
            size(lambda name: name in ("embeddings", "neighbours.crowding")),
        ),
        Kept(
            f"states of {n_tokens} tokens at {n_depths} depths of the language model and of "
            f"{n_other} at {n_other_depths} of the encoder, {order}",
            size(lambda name: name.endswith("tokens.points")),
        ),
        Kept(
            f"the token that followed each of them, {order}",
            size(lambda name: name.endswith((".targets", ".owners"))),
        ),
        Kept(
            f"scores of {shapes['calibration_scores'][0][0]} held-out texts",
            size(lambda name: name == "calibration_scores"),
        ),
    ]
    if "decoder_geometry.points" in shapes:
        n_placed = shapes["decoder_geometry.points"][0][1]
        parts.insert(
            -1,
            Kept(
                f"pooled states of {n_placed} texts by layer, and their principal directions",
                size(lambda name: "geometry." in name),
            ),
        )
    if "menu.harms" in shapes:
        n_searched, n_programs = shapes["menu.harms"][0]
        parts.append(
            Kept(
                f"losses of {n_searched} texts under {n_programs} programs",
                size(lambda name: name == "menu.harms"),
            )
        )
    if any("changes." in name for name in shapes):
        layers = [shapes[f"{part}_changes.centres"][0][0] for part in ("decoder", "encoder")]
        parts.insert(
            -1,
            Kept(
                f"mean and covariance of what {layers[0]} layers of the language model and "
                f"{layers[1]} of the encoder change",
                size(lambda name: "changes." in name),
            ),
        )
    if "likeness.sentences.weights" in shapes:
        trees = folder / TREES
        of_rows = ", and trees on the numbers of rows" if trees.exists() else ""
        n_bytes = size(lambda name: "likeness." in name)
        parts.append(
            Kept(
                "what tells the labelled anomalies from normal texts: a direction of the sentence "
                f"embeddings, weights of hashed pieces of words{of_rows}",
                n_bytes + (trees.stat().st_size if of_rows else 0),
            )
        )
    if texts is not None:
        parts.insert(0, Kept(f"{len(texts)} texts", (folder / TEXTS).stat().st_size))
    return tuple(parts)


def _facts(manifest: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    settings = manifest["settings"]
    return (
        ("Detector", f"{settings['detector']}: {manifest['reason']}"),
        *((part.capitalize(), _model(manifest[part])) for part in ("model", "encoder")),
        ("Settings", _joined(settings)),
        *_sampling(manifest),
        ("Fitted at", str(manifest["created"])),
        ("Fingerprint of texts and labels", str(manifest["fingerprint"])),
        ("Format", str(manifest["format"])),
        ("Written by", _joined(manifest["versions"])),
        ("Files", f"{len(manifest['files'])}, {sum(manifest['sizes'].values())} bytes, unchanged"),
    )


def _sampling(manifest: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    n_rows = manifest.get("sampled_from")  # older artifacts do not say: all
    if n_rows is None:
        return ()
    seed = manifest["settings"]["seed"]
    return (("Training texts", f"drawn at random (seed {seed}) from {int(n_rows)} rows"),)


def _model(identity: dict[str, Any]) -> str:
    return f"{identity['name']} (SHA-256 {identity['sha256']})"


def _joined(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())
