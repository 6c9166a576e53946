"""States of tokens that are too many for memory, in a temporary file.

The file has no name, and on Windows goes with its last handle: whatever ends the process, nothing
is left of it.
"""

import os
import tempfile
from contextlib import suppress
from typing import IO, Self

import numpy as np

from polar_detect.signature.tokens import TextTokens, TokenStates

_MAX_IN_MEMORY = 2**30  # bytes: some 800 texts of 128 tokens, with both default models
# Bytes of the file that are mapped together. Each map holds a file descriptor, of which a process
# may have 256 on a Mac: one for every 64 texts would be too many for a fit on ten thousand.
_MAPPED = 2**28


class Spill:
    """Takes the states of texts that are read one after another; the first ones stay in memory.

    Once it is closed it takes none any more. What it has taken stays as long as that is used.
    """

    def __init__(self) -> None:
        self._n_free = _MAX_IN_MEMORY
        self._file: IO[bytes] | None = None
        self._has_room = True
        self._mapped = np.zeros(0, np.float16)  # of the end of the file
        self._n_used = 0  # of its values

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            with suppress(OSError):  # what had no room is tried once more
                self._file.close()

    def kept(self, tokens: TokenStates) -> TokenStates:
        """Return the same texts, with their states in the file once memory has had its share.

        In memory all the same where the file has no room.
        """
        n_bytes = sum(text.states.nbytes for text in tokens.texts)
        self._n_free -= n_bytes
        if self._n_free >= 0 or n_bytes == 0 or not self._has_room:
            return tokens
        try:
            return self._written(tokens)
        except OSError:
            self._has_room = False
            return tokens

    def _written(self, tokens: TokenStates) -> TokenStates:
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        ends = np.cumsum([text.states.size for text in tokens.texts])
        n_values = int(ends[-1])
        if self._n_used + n_values > len(self._mapped):
            self._map(self._file, n_values)
        # Not through the map: where there is no room for a page of it, that ends the process.
        for text in tokens.texts:
            self._file.write(np.ascontiguousarray(text.states).tobytes())
        self._file.flush()
        values = self._mapped[self._n_used :][:n_values]
        self._n_used += n_values
        return TokenStates(
            tuple(
                TextTokens(own.reshape(text.states.shape), text.targets, text.losses)
                for own, text in zip(np.split(values, ends[:-1]), tokens.texts, strict=True)
            )
        )

    def _map(self, file: IO[bytes], n_values: int) -> None:
        """Map a new end of the file, of so many values at least, to be written from its begin."""
        begin, n_bytes = file.seek(0, os.SEEK_END), max(_MAPPED, 2 * n_values)
        file.truncate(begin + n_bytes)
        self._mapped = np.memmap(file, np.float16, "r", offset=begin, shape=(n_bytes // 2,))
        self._n_used = 0
        file.seek(begin)  # which a map moves
