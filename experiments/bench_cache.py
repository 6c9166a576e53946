"""What the models do with a text, computed once and kept on disk.

A store is one SQLite file for each state of the package's model-side sources, settings, model
files, processor and torch. Arrays are kept bit by bit, and a text's are the same in any company
and with any number of threads.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import common
import numpy as np
import sources
from numpy.typing import NDArray
from safetensors.numpy import load, save

from polar_detect.backbone import hugging_face
from polar_detect.signature.extraction import Extractor
from polar_detect.signature.reading.encoder import Encoder, Encoding
from polar_detect.signature.reading.readings import Readings
from polar_detect.signature.reading.token_states import TextTokens, TokenStates
from polar_detect.signature.reading.tracer import Tracer
from polar_detect.signature.reading.traces import Traces

Array = NDArray[np.float32]
Row = dict[str, NDArray[Any]]

SOURCES = sources.behind([Tracer, Encoder, hugging_face.load_decoder])
_BATCH = 256  # texts between two commits
_QUERY_KEYS = 500  # SQLite's limit of variables in one statement is 999 in old versions
_MAX_BYTES = 20_000_000_000  # a text takes 100 to 900 kB, most of it the states of its tokens
_ENCODER = "encoder_"  # before the names of the encoder's arrays in a row
_TOKENS = "token_"  # before the names of a text's token arrays, after the former


class Store:
    """Rows of arrays by key, on disk.

    Parameters
    ----------
    path : Path
    max_bytes : int
        Nothing is added once all stores of the folder together are this large.
    """

    def __init__(self, path: Path, *, max_bytes: int = _MAX_BYTES) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self.max_bytes = path, max_bytes
        self._is_full = False
        with self._file() as file:
            file.execute("CREATE TABLE IF NOT EXISTS rows (key TEXT PRIMARY KEY, value BLOB)")

    def rows(self, keys: Sequence[str], compute: Callable[[list[int]], Sequence[Row]]) -> list[Row]:
        """Return the row of each key; `compute` gets the places of those not stored yet."""
        known = self._stored(set(keys))
        places = {key: place for place, key in enumerate(keys) if key not in known}
        missing = list(places.values())
        for start in range(0, len(missing), _BATCH):
            batch = missing[start : start + _BATCH]
            new = {keys[i]: row for i, row in zip(batch, compute(batch), strict=True)}
            self._add(new)
            known |= new
        return [known[key] for key in keys]

    def _add(self, new: dict[str, Row]) -> None:
        if self._has_room():
            with self._file() as file:
                values = ((key, save(row)) for key, row in new.items())
                file.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?)", values)

    def _has_room(self) -> bool:
        folder = self.path.parent
        is_full = sum(path.stat().st_size for path in folder.glob("*.sqlite")) >= self.max_bytes
        if is_full and not self._is_full:
            common.say(
                f"Got {self.max_bytes / 1e9:g} GB in {folder}; expected less; texts are read "
                "without being kept from here on; delete stores there that are out of date."
            )
        self._is_full = is_full
        return not is_full

    def _stored(self, keys: Iterable[str]) -> dict[str, Row]:
        wanted: list[str] = sorted(keys)
        found: dict[str, Row] = {}
        with self._file() as file:
            for start in range(0, len(wanted), _QUERY_KEYS):
                part = wanted[start : start + _QUERY_KEYS]
                marks = ",".join("?" * len(part))
                query = f"SELECT key, value FROM rows WHERE key IN ({marks})"
                found |= {key: load(value) for key, value in file.execute(query, part)}
        return found

    @contextmanager
    def _file(self) -> Iterator[sqlite3.Connection]:
        """Open the file for one transaction."""
        with closing(sqlite3.connect(self.path, timeout=60)) as file, file:
            yield file


class CachedExtractor(Extractor):
    """Reads texts as the package does, each once.

    Parameters
    ----------
    tracer : Tracer
    encoder : Encoder
    folder : Path
        Where the stores lie.
    models : sequence of str
        SHA-256 of both models, for the fingerprint.
    wants_context : bool
        See `Extractor`.
    """

    def __init__(
        self,
        tracer: Tracer,
        encoder: Encoder,
        folder: Path,
        *,
        models: Sequence[str],
        wants_context: bool = True,
    ) -> None:
        super().__init__(tracer, encoder, wants_context=wants_context)
        self.folder, self.models = folder, tuple(models)
        self._store = Store(folder / f"{_fingerprint(tracer, encoder, models)}.sqlite")

    def configured(
        self, tracer: Tracer, encoder: Encoder, *, wants_context: bool
    ) -> "CachedExtractor":
        """Return the same folder with another tracer and encoder."""
        own = (encoder, self.folder)
        return CachedExtractor(tracer, *own, models=self.models, wants_context=wants_context)

    def read(self, texts: Sequence[str]) -> Readings:
        """Return what the models do with each text on its own."""
        keys = [_key("text", text) for text in texts]
        rows = self._store.rows(keys, lambda places: self._rows([texts[i] for i in places]))
        of_encoder = [_under(_ENCODER, row) for row in rows]
        traces = Traces(**_stacked(rows, Traces), tokens=_tokens(rows))
        encoding = Encoding(**_stacked(of_encoder, Encoding), tokens=_tokens(of_encoder))
        return Readings(tuple(texts), traces, encoding)

    def embed(self, texts: Sequence[str]) -> Array:
        """Return the sentence embeddings alone, without a run of the language model."""
        keys = [_key("embedding", text) for text in texts]

        def compute(places: list[int]) -> list[Row]:
            return [{"embedding": row} for row in self.encoder.embed([texts[i] for i in places])]

        return np.stack([row["embedding"] for row in self._store.rows(keys, compute)])

    def _rows(self, texts: list[str]) -> list[Row]:
        """Read texts now, and return a row for each."""
        readings = super().read(texts)
        pairs = zip(_split(readings.traces), _split(readings.encoding), strict=True)
        return [
            traces | {_ENCODER + name: array for name, array in encoding.items()}
            for traces, encoding in pairs
        ]


def _split(whole: Traces | Encoding) -> list[Row]:
    """Return the arrays of each text, its tokens' among them."""
    names = _array_names(type(whole))
    rows = []
    for i, tokens in enumerate(whole.tokens.texts):
        row = {name: np.array(getattr(whole, name)[i]) for name in names}
        own = tokens._asdict().items()
        rows.append(row | {_TOKENS + name: array.copy() for name, array in own})
    return rows


def _stacked(rows: Sequence[Row], kind: type[Traces | Encoding]) -> Row:
    return {name: np.stack([row[name] for row in rows]) for name in _array_names(kind)}


def _tokens(rows: Sequence[Row]) -> TokenStates:
    parts = [_under(_TOKENS, row) for row in rows]
    return TokenStates(tuple(TextTokens(**part) for part in parts))


def _under(prefix: str, row: Row) -> Row:
    return {name.removeprefix(prefix): row[name] for name in row if name.startswith(prefix)}


def _array_names(kind: type[Traces | Encoding]) -> list[str]:
    return [field.name for field in fields(kind) if field.name != "tokens"]


def _key(*parts: str) -> str:
    digest = hashlib.sha256()
    for part in parts:  # lengths in between, so that no two lists of parts read the same
        encoded = part.encode("utf-8", "surrogatepass")
        digest.update(f"{len(encoded)}:".encode() + encoded)
    return digest.hexdigest()[:40]


def _fingerprint(tracer: Tracer, encoder: Encoder, models: Sequence[str]) -> str:
    """Name the sources, settings, model files and arithmetic that results depend on."""
    texts = [path.read_text(encoding="utf-8") for path in SOURCES]
    lengths = [str(tracer.max_tokens), str(encoder.max_tokens)]
    settings = [tracer.curves, *lengths, str(tracer.backbone.quick_dtype)]
    return _key(*texts, *settings, *models, common.arithmetic())[:16]
