"""Files and folders that appear whole or not at all: written beside their place, then renamed.

Locks end with the process that holds them, so that the next one knows what a kill left behind
and removes it. They are taken on the files and folders themselves where that can be: filelock,
which locks what only this program looks into, may leave files of its own beside people's results.
"""

import errno
import hashlib
import os
import shutil
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, TypeVar
from uuid import uuid4

from filelock import FileLock

from polar_detect.stopping import placing

fcntl: Any
try:
    import fcntl
except ModuleNotFoundError:  # Windows renames and removes no open file, which does for a lock
    fcntl = None

_LEFT_S = 60.0  # since its last change a file that nobody has open there is one that a kill left
# What Windows answers while a virus scanner or OneDrive looks at a file, or at one in a folder:
# access denied, sharing violation, lock violation, folder not empty, file mapped into memory.
_HELD = frozenset({5, 32, 33, 145, 1224})
_PATIENCE_S, _PAUSE_S = 5.0, 0.05
_GIVEN_S = _PATIENCE_S + 1  # to a replacement where there are no locks: it may insist so long
_MAX_PATH = 259  # characters, where the system was not told to take longer ones

Answer = TypeVar("Answer")


def write_file(path: Path, content: bytes, *, sync: bool = False) -> None:
    """Write a file of which there is one writer at a time.

    Parameters
    ----------
    path : Path
    content : bytes
    sync : bool
        Whether it is on the disk, under its name, once this returns.
    """
    own = path.with_name(f".{path.name}.part")
    try:
        with own.open("wb") as file:
            file.write(content)
            if sync:
                _force(file)
        insist(lambda: own.replace(path))
    except BaseException:
        with suppress(OSError):
            own.unlink(missing_ok=True)
        raise
    if sync:
        _sync_folder(path.parent)


@contextmanager
def staged(path: Path) -> Iterator[Path]:
    """Yield an empty file that replaces `path` when the block ends without an error.

    Any number of writers may do so at once; the last one's file stays. It is never open to more
    users than the one that it replaces.
    """
    target = path.resolve()  # a link keeps pointing to the file that it names
    _check_is_file(target)
    remove_abandoned(path)
    with _own_file(target) as (partial, held):
        yield partial
        with partial.open("rb+") as file:
            _force(file)
        if fcntl is None:
            held.close()
        placing(path, partial)
        insist(lambda: partial.replace(target))


def insist(action: Callable[[], Answer]) -> Answer:
    """Rename or remove something, again and again while another program looks at it.

    Only Windows refuses that. Scanners look at whatever is new, for a moment; who has it open for
    longer is an error.
    """
    end = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return action()
        except OSError as error:
            if getattr(error, "winerror", None) not in _HELD or time.monotonic() >= end:
                raise
        time.sleep(_PAUSE_S)


def remove_folder(folder: Path) -> None:
    """Remove a folder with all that it holds, but for what resists."""
    with suppress(OSError):
        insist(lambda: shutil.rmtree(folder))
    shutil.rmtree(folder, ignore_errors=True)


def remove_abandoned(path: Path) -> None:
    """Remove the staged files for `path` whose writers are gone; others' are left alone."""
    target = path.resolve()
    for found in target.parent.glob(f"{_prefix(target)}*.part"):
        with suppress(OSError):  # in use, or gone already
            if fcntl is not None:
                with found.open("rb") as file:
                    _lock(file, may_wait=False)
                    found.unlink(missing_ok=True)
            elif time.time() - found.stat().st_mtime > _LEFT_S:
                found.unlink(missing_ok=True)  # is refused while it is open


def check_place(path: Path) -> None:
    """Raise `OSError` where `staged` could not put a file; for use before long work."""
    target = path.resolve()
    _check_is_file(target)
    check_writable(target.parent)
    check_not_held(target)


def is_device(path: Path) -> bool:
    """Return whether a path is neither a file nor a folder, but a device, a pipe or a socket.

    Root may put a file in the place of one: with /dev/null gone, little works any more.
    """
    return path.exists() and not path.is_file() and not path.is_dir()


def check_writable(folder: Path, n_chars: int = 0) -> None:
    """Raise `OSError` unless `folder` is one that files can be made in.

    Where only trying tells, as on Windows, with paths that go on for up to so many characters.
    """
    if not folder.is_dir():
        code = errno.ENOTDIR if folder.exists() else errno.ENOENT
        raise OSError(code, os.strerror(code))
    if not os.access(folder, os.W_OK):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))
    if sys.platform == "win32":
        _try_out(folder, n_chars)


def _try_out(folder: Path, n_chars: int) -> None:
    own = folder / f"{_prefix(folder)}{uuid4().hex[:8]}.part".ljust(min(n_chars, 200), "-")
    try:
        own.open("xb").close()
    except FileNotFoundError as error:  # so of long paths, and of folders that Defender protects
        is_long = len(str(own.absolute())) > _MAX_PATH
        code = errno.ENAMETOOLONG if is_long else errno.EACCES
        raise OSError(code, os.strerror(code)) from error
    insist(own.unlink)


def standing(folder: Path) -> Path:
    """Return a folder, or the nearest above it that there is; itself where its drive is missing."""
    own = folder.absolute()
    return next((path for path in (own, *own.parents) if path.exists()), own)


def check_not_held(path: Path) -> None:
    """Raise `PermissionError` where another program holds a file that is to be replaced.

    Only Windows refuses that, and only when it happens: without this, behind long work.
    """
    if sys.platform == "win32" and path.exists():
        with path.open("rb+"):
            pass


@contextmanager
def replaced(folder: Path) -> Iterator[Path]:
    """Yield an empty folder that takes the place of `folder` when the block ends without an error.

    Like a file of `staged`, it is never open to more users than the one that it replaces.
    Two renames do that, between which there is no folder: who misses it looks again in `settled`.
    A kill leaves the former folder, or the new one; what else it leaves, the next call removes.
    """
    target = folder.resolve()  # a link keeps pointing to the folder that it names
    target.parent.mkdir(parents=True, exist_ok=True)
    own, former = _staged(target), _former(target)
    with _alone_in(target.parent), _alone_beside(target):
        _put_back(target)
        for left in (own, former):
            remove_folder(left)
        try:
            insist(own.mkdir)
            _close_as(target, own)
            yield own
            placing(folder, own)
            if target.exists():
                insist(lambda: target.rename(former))
            insist(lambda: own.rename(target))
        finally:
            _put_back(target)  # where the second rename failed, as it does beside an open file
            for left in (own, former):
                remove_folder(left)


@contextmanager
def settled(folder: Path) -> Iterator[None]:
    """Wait for whoever is replacing `folder`; nobody does while the block runs.

    The former one is put back where its replacement was killed. Where there are no locks, a
    replacement is given the time for which it may insist on its second rename.
    """
    target = folder.resolve()
    with ExitStack() as held:
        with suppress(OSError):  # where nothing may be written, nobody replaces anything
            held.enter_context(_alone_in(target.parent))
            end = time.monotonic() + _GIVEN_S
            while fcntl is None and _is_taken_away(target) and time.monotonic() < end:
                time.sleep(0.02)
            _put_back(target)
        yield


def _check_is_file(target: Path) -> None:
    if target.is_dir():
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
    if is_device(target):
        raise OSError(errno.EINVAL, "a device or a pipe is no file")


def _put_back(target: Path) -> None:
    if _is_taken_away(target):
        insist(lambda: _former(target).rename(target))


def _is_taken_away(target: Path) -> bool:
    """Return whether a replacement is between its two renames, or was when it ended.

    Behind the second one there is no staged folder, and what is left of the former one, where its
    removal was stopped, stays away though somebody removes `target`.
    """
    return _former(target).exists() and _staged(target).exists() and not target.exists()


def _staged(target: Path) -> Path:
    return target.with_name(f".{target.name}.staged")


def _former(target: Path) -> Path:
    return target.with_name(f".{target.name}.former")


@contextmanager
def _own_file(target: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """Yield a new file beside `target`, locked while the block runs and removed behind it.

    Where there are no locks, nobody can remove it until what is yielded with it is closed.
    """
    # Not tempfile, whose files only their owner can read. A short name, as paths may not be long.
    own = target.with_name(f"{_prefix(target)}{uuid4().hex[:8]}.part")
    with own.open("xb") as file:
        _close_as(target, own)
        with suppress(OSError):  # no locks on this file system: then nobody removes it either
            _lock(file, may_wait=True)
        try:
            yield own, file
        finally:
            if fcntl is None:
                file.close()
            insist(lambda: own.unlink(missing_ok=True))


def _close_as(target: Path, own: Path) -> None:
    """Take from other users what an earlier file or folder at the place does not give them.

    Where it was another group's, ours may do no more than all others could.
    """
    if os.name == "nt" or not target.exists():  # Windows inherits who may read from the folder
        return
    earlier, made = target.stat(), own.stat()
    allowed = earlier.st_mode | ~0o077
    if earlier.st_gid != made.st_gid:
        allowed &= ~0o070 | (earlier.st_mode & 0o007) << 3
    if (closed := made.st_mode & allowed) != made.st_mode:
        with suppress(OSError):  # drives with one mode for all: there nothing is closed to anyone
            own.chmod(stat.S_IMODE(closed))


def _prefix(target: Path) -> str:
    """Return how staged files for `target` begin; a hash, as the name may be as long as allowed."""
    digest = hashlib.blake2b(os.fsencode(target.name), digest_size=8).hexdigest()
    return f".polar-detect-{digest}-"


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Let one process or thread at a time run what replaces folders inside `folder`."""
    if fcntl is None:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # no locks on this file system
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _alone_beside(target: Path) -> Iterator[None]:
    """Let one at a time replace a folder where no folder can be locked, by a file beside it."""
    if fcntl is not None:
        yield
        return
    lock = FileLock(target.with_name(f".{target.name}.lock"))
    with suppress(OSError):  # no locks on this file system
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
        with suppress(OSError):  # the next one has it already
            Path(lock.lock_file).unlink(missing_ok=True)


def _lock(file: BinaryIO, *, may_wait: bool) -> None:
    if fcntl is None:
        raise OSError("no locks on this system")
    fcntl.flock(file, fcntl.LOCK_EX | (0 if may_wait else fcntl.LOCK_NB))


def _force(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Force a rename to disk, where the system can (Windows cannot open folders)."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
