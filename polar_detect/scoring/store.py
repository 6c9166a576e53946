"""Results on disk by hash, in a table of SQLite; texts themselves are not kept."""

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import astuple

from polar_detect.assessment import Result


def key_of(text: str, secret: bytes) -> bytes:
    """Return what stands for a text; who does not know `secret` cannot look a guess up."""
    return hashlib.blake2b(text.encode("utf-8"), key=secret, digest_size=16).digest()


def create_table(file: sqlite3.Connection) -> None:
    """Make the table, unless it is there."""
    # Without row numbers a result lies at its key: one search in place of two, and less space.
    file.execute(
        "CREATE TABLE IF NOT EXISTS results (key BLOB PRIMARY KEY, result TEXT) WITHOUT ROWID"
    )


def read_results(file: sqlite3.Connection, keys: Iterable[bytes]) -> dict[bytes, Result]:
    """Return the results of those keys that have one."""
    found = {}
    for key in keys:
        row = file.execute("SELECT result FROM results WHERE key = ?", (key,)).fetchone()
        if row is not None:
            found[key] = Result(*json.loads(row[0]))
    return found


def write_results(file: sqlite3.Connection, results: Mapping[bytes, Result]) -> None:
    """Keep results; those of keys that have one already are equal."""
    rows = [(key, json.dumps(astuple(result))) for key, result in results.items()]
    file.executemany("INSERT OR IGNORE INTO results VALUES (?, ?)", rows)
