"""The seal of an artifact: whether a folder holds what `fit` wrote, before anything reads it.

An artifact is untrusted input. Sizes come first, so that nothing large is allocated for a file
that is not the expected one; links and paths out of the folder are refused.
"""

import hashlib
import json
import os
import re
import stat
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, TypeVar

from polar_detect.artifact.archives import check_archive
from polar_detect.atomic import settled
from polar_detect.errors import ArtifactError, InputNotFoundError
from polar_detect.models.hashes import sha256_of

MANIFEST = "manifest.json"
FORMAT = 3  # 1 had no seal and no sizes, 2 no tokens
_MAX_MANIFEST_BYTES = 10_000_000
_ENTRIES = {"format", "settings", "reason", "fingerprint", "files"}  # of every format
_HASH = re.compile(r"[0-9a-f]{64}")
# The last entry, so that the hash covers every byte of the file but its own digits.
_SEAL = re.compile(rb'"seal": "([0-9a-f]{64})"\n\}\Z')
_BLANK = b"0" * 64
_MAX_READS = 10
# Left by the file managers of macOS and Windows where a person has looked; nothing reads them.
_LEFT_BY_LOOKING = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})
_Read = TypeVar("_Read")


class _State(NamedTuple):
    content: bytes
    inode: int
    changed_ns: int


def sealed(manifest: Mapping[str, Any]) -> bytes:
    """Return the manifest as a file that proves itself unchanged.

    >>> b'"seal": "' in sealed({"format": 2})
    True
    """
    blank = json.dumps({**manifest, "seal": _BLANK.decode()}, ensure_ascii=False, indent=1)
    content = blank.encode("utf-8")
    digest = hashlib.sha256(content).hexdigest().encode()
    return content[: -len(_BLANK) - 3] + digest + content[-3:]


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of `folder` without its seal.

    Raises
    ------
    InputNotFoundError
        There is no manifest.
    ArtifactError
        It was changed, is none, or is of a format that this version does not read.
    """
    return _manifest_of(folder, _state(folder))


def manifest_sha256(folder: Path) -> str:
    """Return what tells the artifact in `folder` from any other; raises as `read_manifest`."""
    return hashlib.sha256(_state(folder).content).hexdigest()


def check_not_replaced(folder: Path, sha256: str) -> None:
    """Raise `ArtifactError` unless `manifest_sha256` still is what it was.

    For whoever read more than once, with other work in between: it then was of one artifact.
    """
    if manifest_sha256(folder) != sha256:
        raise ArtifactError(
            f"Got '{folder}', which was replaced while the command read it; expected one "
            "detector for columns and scores; wait until nobody saves it, and give the command "
            "again."
        )


def read_whole(folder: Path, read: Callable[[dict[str, Any]], _Read]) -> _Read:
    """Return what `read` makes of `folder` by its manifest, all of it of one artifact.

    Where another artifact took the folder's place meanwhile, `read` is called once more.

    Raises
    ------
    InputNotFoundError, ArtifactError
        As `read_manifest`, and what `read` raises.
    """
    for _ in range(_MAX_READS):
        state = _state(folder)
        try:
            with _closed_told(folder):
                result = read(_manifest_of(folder, state))
        except (ArtifactError, OSError):
            if _state(folder) == state:
                raise
        else:
            if _state(folder) == state:
                return result
    raise ArtifactError(
        f"Got '{folder}', which was replaced {_MAX_READS} times while it was read; expected a "
        "detector that stays for some seconds; wait until nobody saves it, and read it again."
    )


def check_files(folder: Path, sha256: Mapping[str, Any], sizes: Mapping[str, Any]) -> None:
    """Raise `ArtifactError` unless `folder` holds exactly the expected files, unchanged.

    Parameters
    ----------
    folder : Path
    sha256 : mapping of str to str
        Hash of each file by its path inside the folder, without the manifest.
    sizes : mapping of str to int
        Size of each in bytes.
    """
    for name, expected in sha256.items():
        _check_name(name)
        if not isinstance(expected, str) or not _HASH.fullmatch(expected):
            raise ArtifactError(
                f"Got no SHA-256 of file '{name}' in the manifest; expected one; fit again."
            )
    if sizes.keys() != sha256.keys():
        raise ArtifactError(
            "Got sizes of other files than hashes in the manifest; expected both of each; fit "
            "again."
        )
    for path in _walk(folder):
        _check_plain(path)
        name = path.relative_to(folder).as_posix()
        is_ours = name in sha256 or name == MANIFEST or path.name in _LEFT_BY_LOOKING
        if path.is_file() and not is_ours:
            raise ArtifactError(
                f"Got '{path}', which the manifest does not name; expected only what fit wrote; "
                "remove it or fit again."
            )
    for name, expected in sha256.items():
        _check_file(folder / name, expected, sizes[name])


def foreign_to_artifact(folder: Path) -> list[str]:
    """Return the names in `folder` of what no artifact has; all, where the manifest is not ours.

    Parameters
    ----------
    folder : Path
        That exists. Its files may be changed or missing; an artifact of any format is one.
    """
    files = _named(folder / MANIFEST)
    folders = {parent.as_posix() for name in files for parent in PurePosixPath(name).parents}
    return list(_strangers(folder, files, folders))


def _state(folder: Path) -> _State:
    """Return the manifest's bytes, and what tells its file from another one of the same bytes."""
    with _closed_told(folder):
        try:
            return _read_state(folder)
        except FileNotFoundError:  # it may just be replaced
            with settled(folder):
                return _read_state(folder)


def _read_state(folder: Path) -> _State:
    path = folder / MANIFEST
    if not path.is_file():
        raise InputNotFoundError(
            f"Got '{folder}', which has no {MANIFEST}; expected a folder that fit wrote; check "
            "the path."
        )
    _check_plain(path)
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        if status.st_size > _MAX_MANIFEST_BYTES:
            raise ArtifactError(
                f"Got '{path}' of {status.st_size} bytes; expected at most "
                f"{_MAX_MANIFEST_BYTES}; fit again."
            )
        return _State(file.read(), status.st_ino, status.st_mtime_ns)


@contextmanager
def _closed_told(folder: Path) -> Iterator[None]:
    """Say that this user may not read what another one, who fitted it, keeps to himself."""
    try:
        yield
    except PermissionError as error:
        raise ArtifactError(
            f"Got '{error.filename or folder}', which cannot be read ({error.strerror}); expected "
            "a detector that this user may read; mend its permissions."
        ) from error


def _manifest_of(folder: Path, state: _State) -> dict[str, Any]:
    path, content = folder / MANIFEST, state.content
    manifest = _parse(path, content)
    # Format 1 had no seal. A manifest with one is never taken for that format.
    if manifest.get("format") != 1 or "seal" in manifest:
        _check_seal(path, content)
    manifest.pop("seal", None)
    _check_format(path, manifest)
    return manifest


def _named(path: Path) -> set[str]:
    """Return the files of an artifact by its manifest, and that; none where it is another's."""
    if not path.is_file() or path.stat().st_size > _MAX_MANIFEST_BYTES:
        return set()
    try:
        manifest = _parse(path, path.read_bytes())
    except ArtifactError:
        return set()
    files = manifest.get("files")
    if not isinstance(files, dict) or not manifest.keys() >= _ENTRIES:
        return set()
    return {MANIFEST, *files}


def _strangers(folder: Path, files: set[str], folders: set[str], within: str = "") -> Iterator[str]:
    """Yield what is neither one of the files nor one of the folders, without looking into it."""
    for path in sorted(folder.iterdir()):
        name = f"{within}{path.name}"
        is_folder = path.is_dir() and not path.is_symlink()
        if name not in (folders if is_folder else files):
            if is_folder or path.name not in _LEFT_BY_LOOKING:
                yield name
        elif is_folder:
            yield from _strangers(path, files, folders, f"{name}/")


def _parse(path: Path, content: bytes) -> dict[str, Any]:
    try:
        manifest = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ArtifactError(
            f"Got '{path}' that is not JSON ({error}); expected what fit wrote; fit again."
        ) from error
    return manifest if isinstance(manifest, dict) else {}


def _check_format(path: Path, manifest: Mapping[str, Any]) -> None:
    if manifest.get("format", FORMAT) != FORMAT:
        raise ArtifactError(
            f"Got artifact format {manifest['format']}; expected {FORMAT}; fit again, or use "
            "the version of polar-detect that wrote it."
        )
    check_entries(path, manifest, ("format", "settings", "files", "sizes"))


def check_entries(path: Path, manifest: Mapping[str, Any], expected: Sequence[str]) -> None:
    """Raise `ArtifactError` unless a manifest has what is expected, and files as tables."""
    missing = [key for key in expected if key not in manifest]
    missing += [key for key in ("files", "sizes") if not isinstance(manifest.get(key, {}), dict)]
    if missing:
        raise ArtifactError(
            f"Got '{path}' without {', '.join(missing)}; expected what fit wrote; fit again."
        )


def _check_seal(path: Path, content: bytes) -> None:
    found = _SEAL.search(content)
    if found is not None:
        blank = content[: found.start(1)] + _BLANK + content[found.end(1) :]
        if hashlib.sha256(blank).hexdigest().encode() == found[1]:
            return
    raise ArtifactError(
        f"Got '{path}', which was changed; expected the file that fit wrote, with its seal; "
        "restore it or fit again."
    )


def _check_name(name: str) -> None:
    # Backslashes and colons lead out of the folder on Windows only; none of our names has one.
    parts = PurePosixPath(name).parts
    if not parts or parts[0] == "/" or ".." in parts or set(name) & {"\\", ":", "\0"}:
        raise ArtifactError(
            f"Got file '{name}' in the manifest; expected files inside the folder; fit again."
        )


def _walk(folder: Path) -> Iterator[Path]:
    """Yield everything below `folder`, without entering links to folders."""
    for path in sorted(folder.iterdir()):
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path)


def _check_plain(path: Path) -> None:
    mode = path.lstat().st_mode
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return
    what = "a link" if stat.S_ISLNK(mode) else "neither a file nor a folder"
    raise ArtifactError(
        f"Got '{path}', which is {what}; expected a plain file; put the file itself there."
    )


def _check_file(path: Path, sha256: str, size: Any) -> None:
    is_there = path.is_file()
    if not is_there or size != path.stat().st_size or sha256_of(path) != sha256:
        state = "was changed" if is_there else "is missing"
        raise ArtifactError(
            f"Got '{path}', which {state}; expected the file that fit wrote (SHA-256 "
            f"{sha256[:12]}…); restore it or fit again."
        )
    if path.suffix == ".skops" and zipfile.is_zipfile(path):
        check_archive(path)
