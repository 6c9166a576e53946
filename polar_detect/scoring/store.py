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
        "CREATE TABLE IF NOT EXISTS results (key BLOB PRIMARY KEY, result BLOB) WITHOUT ROWID"
    )


def read_results(
    file: sqlite3.Connection, keys: Iterable[bytes], texts: Mapping[bytes, str] | None = None
) -> dict[bytes, Result]:
    """Return the results of those keys that have one; `texts` as they were written with."""
    found = {}
    for key in keys:
        row = file.execute("SELECT result FROM results WHERE key = ?", (key,)).fetchone()
        if row is not None:
            found[key] = Result(*json.loads(_veiled(row[0], key, texts)))
    return found


def write_results(
    file: sqlite3.Connection,
    results: Mapping[bytes, Result],
    texts: Mapping[bytes, str] | None = None,
) -> None:
    """Keep results; those of keys that have one already are equal.

    With the text of each key only who has that text can read what is written.
    """
    contents = ((key, json.dumps(astuple(result)).encode()) for key, result in results.items())
    rows = [(key, _veiled(content, key, texts)) for key, content in contents]
    file.executemany("INSERT OR IGNORE INTO results VALUES (?, ?)", rows)


def _veiled(content: bytes, key: bytes, texts: Mapping[bytes, str] | None) -> bytes:
    """Return content under bytes that follow from its text, or, given that, content as it was.

    Safe as each text has one result: two under the same bytes would give each other away.
    """
    if texts is None:
        return content
    veil = hashlib.shake_256(key + texts[key].encode("utf-8")).digest(len(content))
    both = int.from_bytes(content, "big") ^ int.from_bytes(veil, "big")
    return both.to_bytes(len(content), "big")
