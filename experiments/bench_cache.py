"""What the models do with a text, computed once and kept on disk.

A store is one SQLite file for each state of the package's model-side sources and settings:
results depend on nothing else, and on no other text (texts run unmasked beside texts of the
same padded length).
"""

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

import polar_detect
from polar_detect.encoder import Encoder
from polar_detect.extraction import Readings
from polar_detect.models import resolve
from polar_detect.signature import Tracer, Traces

Array = NDArray[np.float32]
Row = dict[str, Array]

SOURCES = ("backbone", "encoder", "executor", "runtime", "schedule", "signature")
_BATCH = 256  # texts between two commits
_QUERY_KEYS = 500  # SQLite's limit of variables in one statement is 999 in old versions
_HALF = {"trajectory"}


class Store:
    """Rows of arrays by key, on disk."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = sqlite3.connect(path, timeout=60)
        self._file.execute("CREATE TABLE IF NOT EXISTS rows (key TEXT PRIMARY KEY, value BLOB)")

    def rows(self, keys: Sequence[str], compute: Callable[[list[int]], Sequence[Row]]) -> list[Row]:
        """Return the row of each key; `compute` gets the places of those not stored yet."""
        known = self._stored(set(keys))
        places = {key: place for place, key in enumerate(keys) if key not in known}
        missing = list(places.values())
        for start in range(0, len(missing), _BATCH):
            batch = missing[start : start + _BATCH]
            new = {keys[i]: row for i, row in zip(batch, compute(batch), strict=True)}
            with self._file:
                self._file.executemany(
                    "INSERT OR REPLACE INTO rows VALUES (?, ?)",
                    [(key, save(row)) for key, row in new.items()],
                )
            # Read back rather than kept, so that a first run sees the same rounding as a later.
            known |= self._stored(set(new))
        return [known[key] for key in keys]

    def _stored(self, keys: Iterable[str]) -> dict[str, Row]:
        wanted, found = sorted(keys), {}
        for start in range(0, len(wanted), _QUERY_KEYS):
            part = wanted[start : start + _QUERY_KEYS]
            marks = ",".join("?" * len(part))
            query = f"SELECT key, value FROM rows WHERE key IN ({marks})"
            found |= {key: load(value) for key, value in self._file.execute(query, part)}
        return found


class CachedExtractor:
    """Reads texts and context losses as the package does, each once.

    Parameters
    ----------
    tracer : Tracer
    encoder : Encoder
    folder : Path
        Where the stores lie.
    models : sequence of str
        Names of the models, for the fingerprint.
    """

    def __init__(
        self, tracer: Tracer, encoder: Encoder, folder: Path, *, models: Sequence[str]
    ) -> None:
        self.tracer, self.encoder = tracer, encoder
        self._store = Store(folder / f"{_fingerprint(tracer, models)}.sqlite")

    def read(self, texts: Sequence[str]) -> Readings:
        """Return what the models do with each text; trajectories are rounded to float16."""
        keys = [_key("text", text) for text in texts]
        rows = self._store.rows(keys, lambda places: self._read([texts[i] for i in places]))
        columns = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
        embeddings = columns.pop("embeddings")
        return Readings(tuple(texts), Traces(**_single(columns)), embeddings)

    def embed(self, texts: Sequence[str]) -> Array:
        """Return the sentence embeddings alone, without a run of the language model."""
        keys = [_key("embedding", text) for text in texts]

        def compute(places: list[int]) -> list[Row]:
            return [{"embedding": row} for row in self.encoder.embed([texts[i] for i in places])]

        return np.stack([row["embedding"] for row in self._store.rows(keys, compute)])

    def context_losses(
        self, texts: Sequence[str], contexts: Sequence[Sequence[str]], *, context_tokens: int
    ) -> Array:
        """Return each text's exit losses with context in front, nats per token."""
        keys = [
            _key("context", str(context_tokens), text, *context)
            for text, context in zip(texts, contexts, strict=True)
        ]

        def compute(places: list[int]) -> list[Row]:
            losses = self.tracer.context_exit_losses(
                [texts[i] for i in places],
                [contexts[i] for i in places],
                context_tokens=context_tokens,
            )
            return [{"losses": row} for row in losses]

        return np.stack([row["losses"] for row in self._store.rows(keys, compute)])

    def _read(self, texts: list[str]) -> list[Row]:
        traces, embeddings = self.tracer.trace(texts), self.encoder.embed(texts)
        columns = {field.name: getattr(traces, field.name) for field in fields(traces)}
        columns |= {name: columns[name].astype(np.float16) for name in _HALF}
        columns["embeddings"] = embeddings
        return [
            {name: np.array(column[i]) for name, column in columns.items()}
            for i in range(len(texts))
        ]


def _single(columns: Row) -> Row:
    return {name: column.astype(np.float32) for name, column in columns.items()}


def _key(*parts: str) -> str:
    digest = hashlib.sha256()
    for part in parts:  # lengths in between, so that no two lists of parts read the same
        encoded = part.encode("utf-8", "surrogatepass")
        digest.update(f"{len(encoded)}:".encode() + encoded)
    return digest.hexdigest()[:40]


def _fingerprint(tracer: Tracer, models: Sequence[str]) -> str:
    """Name the sources, settings and model files that results depend on."""
    package = Path(polar_detect.__file__).parent
    sources = [(package / f"{name}.py").read_text(encoding="utf-8") for name in SOURCES]
    settings = [tracer.curves, str(tracer.max_tokens), str(tracer.backbone.quick_dtype)]
    folders = [str(resolve(model).folder.name) for model in models]
    return _key(*sources, *settings, *folders)[:16]
