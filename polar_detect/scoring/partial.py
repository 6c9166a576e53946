"""What a run has finished so far, in a folder beside its output, safe against a kill.

A file in it is whole and on the disk, or not there. The manifest says which run the folder
belongs to.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, Self

import filelock
import pyarrow as pa
import pyarrow.parquet as pq

from polar_detect.assessment import Result
from polar_detect.atomic import insist, write_file
from polar_detect.errors import InputError, OutputError
from polar_detect.scoring.results import from_arrow, to_arrow

VERSION = "version of polar-detect"  # the entry of a run that says which one began it
_MANIFEST = "manifest.json"
_LOCK = "lock"
Part = Literal["chunk", "computed"]


class Partial:
    """The folder of one run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._leaves_lock = False

    @classmethod
    @contextmanager
    def open(
        cls, out: Path, run: dict[str, Any], *, restart: bool, goes_on: bool = True
    ) -> Iterator[Self]:
        """Yield the folder of the run that writes `out`: a new one, or what an earlier kill left.

        Parameters
        ----------
        out : Path
        run : dict
            What the results depend on, as JSON; an earlier run that has finished something has to
            agree in every entry.
        restart : bool
            Forget what an earlier run has finished.
        goes_on : bool
            Whether a later run can go on with what this one finishes. Else an error or a signal
            leaves no folder, and a kill one that counts for nothing.

        Raises
        ------
        InputError
            An earlier run depended on something else, or another one is under way.
        OutputError
            The folder cannot be written.
        """
        partial = cls(folder_of(out))
        with _told(out):
            partial.folder.mkdir(exist_ok=True)
            lock = filelock.FileLock(partial.folder / _LOCK, timeout=0)
        try:
            with _told(out):
                lock.acquire()
        except filelock.Timeout as error:
            raise InputError(
                f"Got '{out}', which another run is writing; expected one run at a time; wait "
                "for it or choose another --out."
            ) from error
        try:
            partial._adopt(out, run if goes_on else None, restart=restart)
            yield partial
        except BaseException:
            if not goes_on:
                with suppress(OSError):
                    partial.remove()
            raise
        finally:
            lock.release()
            if partial._leaves_lock:
                with suppress(OSError):  # another run holds it already
                    partial._remove_lock()

    def has(self, chunk: int, part: Part) -> bool:
        """Return whether a chunk, or the computed part of it, is finished."""
        return self._path(chunk, part).exists()

    def results(self, chunk: int, part: Part = "chunk") -> list[Result] | None:
        """Return the results of a finished chunk, or of the texts of it that were computed.

        None for one that is not finished.
        """
        path = self._path(chunk, part)
        if not path.exists():
            return None
        try:
            # Bytes, as pyarrow takes no path that is not UTF-8.
            return from_arrow(pq.read_table(pa.BufferReader(path.read_bytes())))
        except (pa.ArrowException, KeyError, TypeError) as error:
            raise InputError(
                f"Got '{path}', which cannot be read ({error}); expected what an earlier run "
                "wrote; pass --restart to begin anew."
            ) from error

    def finish(self, chunk: int, results: Sequence[Result], part: Part = "chunk") -> None:
        """Keep the results of a chunk, or of the texts of it that were computed."""
        sink = pa.BufferOutputStream()
        pq.write_table(to_arrow(results), sink, compression="zstd")
        with _told(self.folder):
            write_file(self._path(chunk, part), sink.getvalue().to_pybytes(), sync=True)

    def remove(self) -> None:
        """Forget everything, and remove the folder."""
        with _told(self.folder):
            self._forget()
            try:
                self._remove_lock()
            except OSError:  # Windows removes no open file, and NFS keeps it by another name
                self._leaves_lock = True

    def _forget(self) -> None:
        """Remove all but the lock, the manifest first: what it leaves counts for nothing."""
        insist(lambda: (self.folder / _MANIFEST).unlink(missing_ok=True))
        for path in self.folder.iterdir():
            if path.name != _LOCK:
                insist(path.unlink)

    def _remove_lock(self) -> None:
        (self.folder / _LOCK).unlink(missing_ok=True)
        insist(self.folder.rmdir)

    def _adopt(self, out: Path, run: dict[str, Any] | None, *, restart: bool) -> None:
        """Take what an earlier run left, or forget it; `run` is None where none goes on."""
        manifest = self.folder / _MANIFEST
        # A run that had finished nothing has nothing to lose: a nightly job that was stopped so
        # would otherwise refuse the input of every night to come.
        if run is not None and not restart and manifest.exists() and self._has_finished_some():
            _check_same(_read(manifest), run, out)
            return
        with _told(out):
            self._forget()
            if run is not None:
                write_file(manifest, json.dumps(run, indent=1).encode(), sync=True)

    def _has_finished_some(self) -> bool:
        return next(self.folder.glob("*.parquet"), None) is not None

    def _path(self, chunk: int, part: Part) -> Path:
        return self.folder / f"{part}-{chunk:08d}.parquet"


def folder_of(out: Path) -> Path:
    """Return the folder in which the run that writes `out` keeps what it has finished.

    >>> folder_of(Path("results/orders.csv")).as_posix()
    'results/.orders.csv.partial'
    """
    return out.with_name(f".{out.name}.partial")


def _read(manifest: Path) -> dict[str, Any]:
    try:
        earlier = json.loads(manifest.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(
            f"Got '{manifest}', which is not JSON; expected what an earlier run wrote; pass "
            "--restart to begin anew."
        ) from error
    return earlier if isinstance(earlier, dict) else {}


def _check_same(earlier: dict[str, Any], run: dict[str, Any], out: Path) -> None:
    began, own = earlier.get(VERSION), run.get(VERSION)
    if isinstance(began, str) and began != own:  # then entries need not mean the same
        raise InputError(
            f"Got an unfinished run for '{out}' of polar-detect {began}; expected one of this "
            f"version, {own}; finish it with {began}, or pass --restart to begin anew."
        )
    changed = [key for key in {**run, **earlier} if run.get(key) != earlier.get(key)]
    if changed:
        raise InputError(
            f"Got an unfinished run for '{out}' with another {', '.join(changed)}; expected the "
            "same command to go on with it; pass --restart to begin anew."
        )


@contextmanager
def _told(out: Path) -> Iterator[None]:
    try:
        yield
    except filelock.Timeout:  # is an OSError as well
        raise
    except OSError as error:
        raise OutputError(
            f"Got an error while writing beside '{out}' ({error.strerror or error}); expected a "
            "writable place with enough space; free some and give the same command again."
        ) from error
