"""A cache of model folders that are whole or absent, however many processes write at once.

A folder is built beside its place under a file lock, gets a manifest of its files' sizes and
hashes, and is renamed into place in one step.
"""

import errno
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

from polar_detect.announcement import announce
from polar_detect.atomic import insist, remove_folder
from polar_detect.errors import ModelError, OutputError
from polar_detect.models.folder import Kind, LocalModel, describe_folder, unreadable_told
from polar_detect.models.hashes import remembered_sha256, sha256_of

# Raised when folders written by earlier versions must be built again.
LAYOUT = 1
MANIFEST = "manifest.json"
_FULL = {errno.ENOSPC, errno.EDQUOT}
_UNWRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}
_MAKE_ROOM = "free some or set POLAR_DETECT_CACHE to a folder on a larger disk"


@dataclass(frozen=True)
class CacheEntry:
    """A model folder that the cache holds or can build.

    Parameters
    ----------
    key : str
        Name of the folder in the cache.
    source : str
        Where the model comes from, for the manifest: a requirement or a file.
    license : str or None
        SPDX identifier where it is known.
    needed_bytes : callable
        Free bytes that building needs; called only when something is built.
    build : callable
        From an empty folder for temporary files and one for the result, both on the cache's disk.
    """

    key: str
    source: str
    license: str | None
    needed_bytes: Callable[[], int]
    build: Callable[[Path, Path], None]

    @property
    def folder(self) -> Path:
        """Where the model lies once it is built."""
        return cache_folder() / "models" / self.key


@dataclass(frozen=True)
class StoredFile:
    """Size and hash of one file of a model."""

    size_bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a cached folder must contain, and what the model is.

    Parameters
    ----------
    layout : int
        Version of this format.
    source : str
        Requirement or file that the model was built from.
    sha256 : str
        Hash of the weights, as `LocalModel` gives it.
    kind : {"decoder", "encoder"}
        As in `LocalModel`.
    license : str or None
        As in `LocalModel`.
    files : dict of str to StoredFile
        Every file of the folder but the manifest.
    """

    layout: int
    source: str
    sha256: str
    kind: Kind
    license: str | None
    files: dict[str, StoredFile]


def cache_folder() -> Path:
    """Name the folder that models are cached in; it need not exist.

    Returns
    -------
    Path
        ``POLAR_DETECT_CACHE`` where it is set, else ``polar-detect`` in the platform's cache
        folder for users.

    Raises
    ------
    OutputError
        The user has no home folder.
    """
    try:
        if chosen := os.environ.get("POLAR_DETECT_CACHE"):
            return Path(chosen).expanduser().absolute()
        return _platform_cache() / "polar-detect"
    except RuntimeError as error:  # of containers whose user has no name
        raise OutputError(
            "Got a user without a home folder; expected one, to cache models in; set "
            "POLAR_DETECT_CACHE to a folder that can be written."
        ) from error


def hash_memory() -> Path:
    """Name the folder that remembers the hashes of files outside the cache."""
    return cache_folder() / "hashes"


def ensure(entry: CacheEntry, is_intact: Callable[[Path], bool]) -> Manifest:
    """Return the manifest of a model folder, building the folder first where it is not intact.

    Parameters
    ----------
    entry : CacheEntry
        What to build.
    is_intact : callable
        Whether a folder can be used as it is: `is_as_stored` or `is_unchanged`.

    Raises
    ------
    OutputError
        When the cache cannot be written or the disk is too small.
    """
    if not is_intact(entry.folder):
        with _disk_errors_explained(entry), _locked(entry):
            if not is_intact(entry.folder):  # another process may have built it meanwhile
                if entry.folder.exists():
                    announce(f"{entry.key} is not as it was stored here, and is stored anew …")
                _build(entry)
    manifest = read_manifest(entry.folder)
    if manifest is None:
        raise ModelError(
            f"Got {entry.folder} without a readable {MANIFEST}; expected the model that was just "
            "found there; stop other programs that write there and try again."
        )
    return manifest


def local_model(name: str, folder: Path, manifest: Manifest) -> LocalModel:
    """Describe a cached folder by its manifest, without reading the weights."""
    return LocalModel(name, folder, manifest.sha256, manifest.kind, manifest.license)


def has_all_files(folder: Path) -> bool:
    """Tell whether every file of the manifest is there in its size; costs microseconds."""
    manifest = read_manifest(folder)
    return manifest is not None and all(
        (folder / name).is_file() and (folder / name).stat().st_size == stored.size_bytes
        for name, stored in manifest.files.items()
    )


def is_as_stored(folder: Path) -> bool:
    """Tell whether every file of the manifest is there with its hash.

    Reads those that were written since they were read last: all of a copy, a second for a
    gigabyte, and no other. What began a copy may have made files of the right size without their
    content, and weights with a few other bytes load, and give other scores.
    """
    if not has_all_files(folder):
        return False
    manifest = read_manifest(folder)
    files = manifest.files if manifest else {}
    with unreadable_told(folder):
        return all(
            remembered_sha256(folder / name, hash_memory()) == stored.sha256
            for name, stored in files.items()
        )


def is_unchanged(folder: Path) -> bool:
    """Tell whether every file of the manifest is there with its hash; reads all of them."""
    return has_all_files(folder) and not changed_files(folder)


def changed_files(folder: Path) -> list[str]:
    """List the files of a folder whose hash is not that of its manifest."""
    manifest = read_manifest(folder)
    files = manifest.files if manifest else {}
    with unreadable_told(folder):
        return [name for name, stored in files.items() if sha256_of(folder / name) != stored.sha256]


def read_manifest(folder: Path) -> Manifest | None:
    """Read a folder's manifest; None where there is none of this layout.

    Raises
    ------
    ModelError
        When it is there and cannot be read.
    """
    try:
        content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        files = {name: StoredFile(**stored) for name, stored in content.pop("files").items()}
        manifest = Manifest(**content, files=files)
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError, AttributeError):
        return None
    except OSError as error:
        raise ModelError(
            f"Got {folder / MANIFEST}, which cannot be read ({error.strerror}); expected the "
            "manifest of a cached model; mend its permissions, or set POLAR_DETECT_CACHE to "
            "another folder."
        ) from error
    return manifest if manifest.layout == LAYOUT else None


def _platform_cache() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    chosen = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # The XDG base directory specification: relative paths are to be ignored.
    return chosen if chosen.is_absolute() else Path.home() / ".cache"


@contextmanager
def _disk_errors_explained(entry: CacheEntry) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise OutputError(
                f"Got a full disk while storing {entry.key} in {cache_folder()}; expected "
                f"{entry.needed_bytes()} free bytes; {_MAKE_ROOM}."
            ) from error
        is_gone = error.errno == errno.ENOENT and not cache_folder().is_dir()  # with its drive
        if error.errno in _UNWRITABLE or is_gone:
            raise OutputError(
                f"Got a cache folder that cannot be written: {error.filename or cache_folder()} "
                f"({error.strerror}); expected to store {entry.key} in {cache_folder()}; mend its "
                "permissions or set POLAR_DETECT_CACHE to another folder."
            ) from error
        raise


@contextmanager
def _locked(entry: CacheEntry) -> Iterator[None]:
    entry.folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(entry.folder.parent / f".{entry.key}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        announce(f"Waiting for another process that stores {entry.key} …")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _build(entry: CacheEntry) -> None:
    """Build a folder beside its place and rename it; the caller holds the lock."""
    cache, begin = entry.folder.parent, f".{entry.key}.staging"
    for left in cache.glob(f"{begin}*"):  # by a process that was killed: we are alone
        _remove(left)
    # A new name each time: a pip that has outlived its killed process goes on writing into its own.
    # Not tempfile, as on Windows only their owner reads what comes out of its folders.
    staging = cache / f"{begin}-{uuid4().hex[:8]}"
    staging.mkdir()
    try:
        _check_space(entry, staging)
        work, result = staging / "work", staging / "result"
        work.mkdir()
        result.mkdir()
        entry.build(work, result)
        _write_manifest(entry, result)
        if entry.folder.exists():
            insist(lambda: entry.folder.rename(staging / "damaged"))
        insist(lambda: result.rename(entry.folder))
    finally:
        _remove(staging)


def _check_space(entry: CacheEntry, folder: Path) -> None:
    free, needed = shutil.disk_usage(folder).free, entry.needed_bytes()
    if free < needed:
        raise OutputError(
            f"Got {free} free bytes for {cache_folder()}; expected {needed} to store {entry.key}; "
            f"{_MAKE_ROOM}."
        )


def _write_manifest(entry: CacheEntry, folder: Path) -> None:
    files = {
        path.name: StoredFile(path.stat().st_size, sha256_of(path))
        for path in sorted(folder.iterdir())
    }
    model = describe_folder(entry.key, folder, hash_file=lambda path: files[path.name].sha256)
    manifest = Manifest(
        layout=LAYOUT,
        source=entry.source,
        sha256=model.sha256,
        kind=model.kind,
        license=entry.license,
        files=files,
    )
    text = json.dumps(asdict(manifest), indent=2)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def _remove(folder: Path) -> None:
    remove_folder(folder)  # what resists, the next build tries again
