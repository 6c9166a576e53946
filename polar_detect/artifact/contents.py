"""What a detector's folder holds, for people who want to know before they pass it on.

Reads the manifest and the heads of the files; no model is loaded.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open

from polar_detect.artifact.sealing import check_files, read_whole
from polar_detect.stored import Stored, fitting_together, read_texts

ARRAYS, TEXTS, TREES, HEAD = "arrays.safetensors", "texts.json", "likeness.txt", "head"
KNOWN = "known_anomalies.json"
GIVEN = "given.json"
_OF_MODELS = {"model", "encoder", "max_tokens", "tolerance"}  # settings
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
    reads_texts : bool
        Whether models read them, of which embeddings and states are kept.
    labelled : tuple of str
        Labelled anomalies; none where texts are not kept, or an earlier version kept none.
    held_out : tuple of str
        Held-out texts that new ones are not held against.
    """

    facts: tuple[tuple[str, str], ...]
    kept: tuple[Kept, ...]
    texts: tuple[str, ...] | None
    reads_texts: bool
    labelled: tuple[str, ...] = ()
    held_out: tuple[str, ...] = ()


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
            are_passages = "passages" in manifest
            kept = tuple(_kept(_shapes(folder), texts, folder, are_passages=are_passages))
            labelled, held_out = _other_texts(folder) if texts is not None else ((), ())
            texts = () if texts is not None and are_passages else texts  # `held_out` has all whole
            return Contents(_facts(manifest), kept, texts, "model" in manifest, labelled, held_out)

    return read_whole(folder, read)


def kept_texts(folder: Path, manifest: dict[str, Any]) -> tuple[str, ...] | None:
    """Return the training texts; None where they are not kept."""
    if TEXTS not in manifest["files"]:
        return None
    return read_texts(folder / TEXTS)


def _other_texts(folder: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return labelled anomalies, each once, and texts that are kept for updates alone."""
    if not (folder / GIVEN).exists():
        return _known_texts(folder), ()
    given = Stored.read(folder / GIVEN)
    return tuple(dict.fromkeys(given.texts("labelled"))), given.texts("held_out")


def _known_texts(folder: Path) -> tuple[str, ...]:
    path = folder / KNOWN
    return Stored.read(path).texts("texts") if path.exists() else ()


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


def _length(shapes: _Shapes, name: str, axis: int = 0) -> int:
    return shapes[name][0][axis]


def _size(shapes: _Shapes, belongs: Callable[[str], bool]) -> int:
    return sum(n_bytes for name, (_, n_bytes) in shapes.items() if belongs(name))


def _kept(
    shapes: _Shapes, texts: tuple[str, ...] | None, folder: Path, *, are_passages: bool = False
) -> Iterator[Kept]:
    """Yield what is kept of the training texts; sizes are those of the arrays."""
    if texts is not None:
        noun = "passages" if are_passages else "texts"
        yield Kept(f"{len(texts)} {noun}", (folder / TEXTS).stat().st_size)
    if "embeddings" in shapes:
        yield from _kept_of_models(shapes)
    yield from _kept_of_parts(shapes, folder)
    if (folder / GIVEN).exists():
        own, n_bytes = Stored.read(folder / GIVEN), (folder / GIVEN).stat().st_size
        yield from _kept_for_updates(own, n_bytes, are_passages=are_passages)


def _kept_of_models(shapes: _Shapes) -> Iterator[Kept]:
    """Yield what is kept of how the models read the texts."""
    length, size = partial(_length, shapes), partial(_size, shapes)
    yield Kept(
        f"sentence embeddings of {length('embeddings')} texts"
        + (", and how close they stand" if "neighbours.crowding" in shapes else ""),
        size(lambda name: name in ("embeddings", "neighbours.crowding")),
    )
    order = "in the order of the texts" if length("tokens.owners") else "shuffled"
    yield Kept(
        f"states of {length('tokens.points', 1)} tokens at {length('tokens.points')} depths of the "
        f"language model and of {length('encoder_tokens.points', 1)} at "
        f"{length('encoder_tokens.points')} of the encoder, {order}",
        size(lambda name: name.endswith("tokens.points")),
    )
    yield Kept(
        f"the token that followed each of them, {order}",
        size(lambda name: name.endswith((".targets", ".owners"))),
    )


def _kept_of_parts(shapes: _Shapes, folder: Path) -> Iterator[Kept]:
    """Yield what not every detector keeps, and the held-out scores among it."""
    length, size = partial(_length, shapes), partial(_size, shapes)
    if "decoder_geometry.points" in shapes:
        yield Kept(
            f"pooled states of {length('decoder_geometry.points', 1)} texts by layer, and their "
            "principal directions",
            size(lambda name: "geometry." in name),
        )
    yield Kept(
        f"scores of {length('calibration_scores')} held-out texts",
        size(lambda name: name in ("calibration_scores", "as_new.scores")),
    )
    if "decoder_changes.centres" in shapes:
        yield Kept(
            f"mean and covariance of what {length('decoder_changes.centres')} layers of the "
            f"language model and {length('encoder_changes.centres')} of the encoder change",
            size(lambda name: "changes." in name),
        )
    if "menu.harms" in shapes:
        yield Kept(
            f"losses of {length('menu.harms')} texts under {length('menu.harms', 1)} programs",
            size(lambda name: name == "menu.harms"),
        )
    if "filing.points" in shapes:
        yield Kept(
            f"sentence embeddings of the free text of {length('filing.points')} rows",
            size(lambda name: name.startswith("filing.")),
        )
    trees = folder / TREES
    if "likeness.sentences.weights" in shapes:
        of_rows = ", and trees on the columns of rows" if trees.exists() else ""
        yield Kept(
            "what tells the labelled anomalies from normal texts: a direction of the sentence "
            f"embeddings, weights of hashed pieces of words{of_rows}",
            size(lambda name: "likeness." in name) + (trees.stat().st_size if of_rows else 0),
        )
    elif trees.exists():
        yield Kept(
            "what tells the labelled anomalies from normal rows: trees on their columns",
            trees.stat().st_size,
        )
    yield from _kept_of_labelled(_known_texts(folder), folder, size)
    if "fine_limit.value" in shapes:
        yield Kept(
            "how strange texts that were reviewed and found normal deviate from others",
            size(lambda name: name.startswith("fine_")),
        )


def _kept_of_labelled(
    labelled: tuple[str, ...], folder: Path, size: Callable[[Callable[[str], bool]], int]
) -> Iterator[Kept]:
    """Yield what is kept of labelled anomalies, each text "" where texts are not kept."""
    if not labelled:
        return
    whole = f"{len(labelled)} labelled anomalies, their"
    what = whole if any(labelled) else f"of {len(labelled)} anomalies the"
    yield Kept(
        f"{what} kinds, and how they deviate from normal ones",
        size(lambda name: name.startswith("known_")) + (folder / KNOWN).stat().st_size,
    )


def _kept_for_updates(given: Stored, n_bytes: int, *, are_passages: bool) -> Iterator[Kept]:
    """Yield what is kept of how texts came, beside those that new ones are held against."""
    labelled, held_out = len(given.texts("labelled")), len(given.texts("held_out"))
    names = ", ".join(map(_on_one_line, given.part("lots").names))
    lots = f", and of which lot each is ({names})" if names else ""
    what = f"the order of the texts, {held_out} held-out and {labelled} labelled ones{lots}"
    if are_passages:
        what = f"the {held_out} whole texts in their order, and {labelled} labelled ones{lots}"
    yield Kept(f"for updates: {what}", n_bytes)


def _facts(manifest: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    settings = dict(manifest["settings"])
    if "model" not in manifest:  # nor what it would read
        settings = {name: own for name, own in settings.items() if name not in _OF_MODELS}
    megabytes = f"{sum(manifest['sizes'].values()) / 1e6:.2f}"
    return (
        ("Detector", f"{settings['detector']}: {manifest['reason']}"),
        *(
            (part.capitalize(), _model(manifest[part]))
            for part in ("model", "encoder")
            if part in manifest  # not where none reads the rows
        ),
        ("Settings", _joined({name: own for name, own in settings.items() if name != "rows"})),
        *_columns(settings.get("rows") or manifest.get("input")),  # once, it stood there
        *_filing(manifest),
        *_sequences(manifest),
        *_sampling(manifest),
        *_passages(manifest),
        *_company(manifest),
        ("Fitted at", str(manifest["created"])),
        ("Fingerprint of texts and labels", str(manifest["fingerprint"])),
        ("Format", str(manifest["format"])),
        ("Written by", _joined(manifest["versions"])),
        ("Files", f"{len(manifest['files'])}, {megabytes} MB, unchanged"),
    )


def _company(manifest: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return which texts are alike, those near in time or of one lot, if they are."""
    if "company" not in manifest:
        return ()
    if by := manifest["company"].get("by"):
        return (("Alike by lot", _on_one_line(by)),)
    return (("Alike in time", f"less than {manifest['company']['reach'] + 1} apart"),)


def _passages(manifest: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    if "passages" not in manifest:
        return ()
    return (("Read in passages", f"{int(manifest['passages']['n_texts'])} texts"),)


def _columns(rows: dict[str, Any] | None) -> tuple[tuple[str, str], ...]:
    """Return the columns of rows that are read whole, and what of them counts beside their text."""
    columns = [] if rows is None else [_Column.of(own) for own in rows["columns"]]
    counted = [own for own in columns if not own.is_condition]
    said = {
        "Columns": [own.name for own in columns],
        "Columns of numbers": [own.name for own in counted if own.is_number],
        "Columns that say the same few things": [
            own.name for own in counted if own.category == "words"
        ],
        "Conditions, given which the others are judged": [
            own.name for own in columns if own.is_condition
        ],
        "Columns held against normal rows with the same (in brackets)": [
            _beside(own.name, own.factors) for own in columns if own.factors
        ],
        "Words held against those of normal rows with the same (in brackets)": [
            _beside(own.name, own.told_by) for own in columns if own.is_told_of("words")
        ],
        "Empty cells held against those of normal rows with the same (in brackets)": [
            _beside(own.name, own.told_by) for own in columns if own.is_told_of("gaps")
        ],
    }
    return tuple((label, ", ".join(names)) for label, names in said.items() if names)


def _filing(manifest: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return which columns the free text of rows tells, if it tells some."""
    told = manifest.get("filing", {"told": []})["told"]
    names = ", ".join(map(_on_one_line, told))
    return (("Columns that are held against the free text", names),) if names else ()


def _sequences(manifest: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return what parts the entries of texts, if these are sequences."""
    if "sequences" not in manifest:
        return ()
    return (("Sequences of entries, parted by", str(manifest["sequences"]["separator"])),)


@dataclass(frozen=True)
class _Column:
    """What a manifest says of a column of rows; names on one line."""

    name: str
    is_number: bool
    factors: tuple[str, ...]  # on which its numbers depend
    category: str  # "words" and "gaps" that come again and again, "" for neither
    told_by: tuple[str, ...]  # columns that tell these
    is_condition: bool

    @classmethod
    def of(cls, stored: dict[str, Any]) -> "_Column":
        category = stored.get("category") or {"of": "", "factors": []}
        return cls(
            _on_one_line(stored["name"]),
            stored["decimals"] is not None,
            tuple(map(_on_one_line, stored.get("factors", ()))),
            category["of"],
            tuple(map(_on_one_line, category["factors"])),
            stored.get("condition", False),
        )

    def is_told_of(self, kind: str) -> bool:
        return self.category == kind and bool(self.told_by)


def _on_one_line(name: str) -> str:
    return " ".join(name.split())


def _beside(name: str, others: tuple[str, ...]) -> str:
    return f"{name} ({', '.join(others)})"


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
