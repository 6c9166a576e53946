"""Identical texts are computed once per run: every result by hash, the latest in memory."""

import os
import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from polar_detect.assessment import Result
from polar_detect.atomic import insist
from polar_detect.errors import OutputError
from polar_detect.scoring.store import create_table, key_of, read_results, write_results

_MAX_IN_MEMORY = 100_000  # results, about 60 MB
_PAGES_KB = 16_000


class ResultCache:
    """Holds the result of every text of a run; texts themselves are not kept.

    The results that were used last are in memory, the others in a file that counts for this
    object alone: a later one with the same file begins anew.

    Parameters
    ----------
    file : Path
        Is made when memory is full.
    max_in_memory : int
    """

    def __init__(self, file: Path, max_in_memory: int = _MAX_IN_MEMORY) -> None:
        self._path = file
        self._max_in_memory = max_in_memory
        self._latest: OrderedDict[bytes, Result] = OrderedDict()
        self._older: sqlite3.Connection | None = None
        # Nobody can look a guessed text up in what a kill leaves behind; and not Python's own
        # hash, under which an attacker could make two texts collide.
        self._secret = os.urandom(32)

    def results(
        self, texts: Sequence[str], compute: Callable[[list[str]], Sequence[Result]]
    ) -> list[Result]:
        """Return the result of each text, computing each distinct one that is new.

        What is asked of `compute` depends on the earlier calls alone. A resumed run can thus
        replay finished chunks, and from there on computes what an undisturbed run computes,
        in the same batches.

        Raises
        ------
        OutputError
            The file cannot be written.
        """
        keys = [key_of(text, self._secret) for text in texts]
        by_key = dict(zip(keys, texts, strict=True))
        known = self._find(by_key)
        missing = [key for key in by_key if key not in known]
        if missing:
            computed = compute([by_key[key] for key in missing])
            known |= zip(missing, computed, strict=True)
        self._keep({key: known[key] for key in by_key})
        return [known[key] for key in keys]

    def close(self) -> None:
        """Let go of the file and remove it."""
        if self._older is not None:
            with self._told():
                self._older.close()
                insist(lambda: self._path.unlink(missing_ok=True))

    def _find(self, keys: Collection[bytes]) -> dict[bytes, Result]:
        known = {key: self._latest[key] for key in keys if key in self._latest}
        if self._older is not None:
            with self._told():
                known |= read_results(self._older, (key for key in keys if key not in known))
        return known

    def _keep(self, results: Mapping[bytes, Result]) -> None:
        for key, result in results.items():
            self._latest[key] = result
            self._latest.move_to_end(key)
        n_over = len(self._latest) - self._max_in_memory
        if n_over > 0:
            moved = dict(self._latest.popitem(last=False) for _ in range(n_over))
            with self._told(), self._file() as file:
                write_results(file, moved)

    def _file(self) -> sqlite3.Connection:
        if self._older is None:
            insist(lambda: self._path.unlink(missing_ok=True))
            self._older = sqlite3.connect(self._path)
            # Without the care for what a kill leaves, which counts for nothing.
            for setting in (
                "journal_mode = OFF",
                "synchronous = OFF",
                f"cache_size = -{_PAGES_KB}",
            ):
                self._older.execute(f"PRAGMA {setting}")
            create_table(self._older)
        return self._older

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise OutputError(
                f"Got an error while writing '{self._path}' ({error}); expected a writable place "
                "with enough space; free some and give the same command again."
            ) from error
