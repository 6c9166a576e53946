"""Results of earlier runs on disk, where `score --cache` asks for it: by hash, without texts."""

import errno
import hashlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from polar_detect.assessment import Result
from polar_detect.atomic import check_writable, standing
from polar_detect.errors import OutputError
from polar_detect.scoring.results import Engine
from polar_detect.scoring.store import create_table, key_of, read_results, write_results

_FILE = "results.sqlite"
_LAYOUT = 2  # 1 could be read by whoever has the file


def check_cache(folder: Path) -> None:
    """Raise `OutputError` where `DiskCache` could not write; for use before long work."""
    with _told(folder):
        check_writable(standing(folder))
        if (folder / _FILE).exists() and not os.access(folder / _FILE, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder / _FILE))


class DiskCache:
    """Scores texts with an engine, but those that it scored in an earlier run.

    What is written are hashes and, as reasons quote words, results that only who has the text can
    read. So no text can be read from them, but whoever guesses one can see whether it was scored.

    Parameters
    ----------
    engine : Engine
    folder : Path
        Is made, where it is not there.
    depends_on : mapping
        What results depend on besides the text, as JSON; other results are not found.

    Raises
    ------
    OutputError
        The folder cannot be written, or holds something else.
    """

    def __init__(
        self,
        engine: Engine,
        folder: Path,
        depends_on: Mapping[str, Any],
    ) -> None:
        self._engine = engine
        self._folder = folder
        self._salt = hashlib.sha256(
            json.dumps([_LAYOUT, depends_on], sort_keys=True).encode()
        ).digest()
        with _told(folder):
            folder.mkdir(parents=True, exist_ok=True)
        with self._open() as file:
            create_table(file)
            # Where the table is there, making it writes nothing: a full disk shows here.
            file.execute(f"PRAGMA user_version = {_LAYOUT}")

    def __call__(self, texts: list[str], advance: Callable[[int], None]) -> list[Result]:
        """Return the result of each text; `advance` hears of texts as they are done."""
        by_key = {key_of(text, self._salt): text for text in texts}
        with self._open() as file:
            known = read_results(file, by_key, by_key)
        advance(len(known))
        missing = [key for key in by_key if key not in known]
        if missing:
            computed = self._engine([by_key[key] for key in missing], advance)
            new = dict(zip(missing, computed, strict=True))
            with self._open() as file:
                write_results(file, new, by_key)
            known |= new
        return [known[key] for key in by_key]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        path = self._folder / _FILE
        with _told(self._folder), closing(sqlite3.connect(path, timeout=60)) as file, file:
            yield file


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error, ValueError, TypeError) as error:
        raise OutputError(
            f"Got --cache '{folder}', which cannot be used ({error}); expected a folder that can "
            "be written, with what earlier runs put there; choose another, or delete what is in it."
        ) from error
