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


class Spill:
    """Takes the states of texts that are read one after another; the first ones stay in memory.

    Once it is closed it takes none any more. What it has taken stays as long as that is used.
    """

    def __init__(self) -> None:
        self._n_free = _MAX_IN_MEMORY
        self._file: IO[bytes] | None = None
        self._has_room = True

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
        begin = self._file.seek(0, os.SEEK_END)
        for text in tokens.texts:
            self._file.write(np.ascontiguousarray(text.states).tobytes())
        self._file.flush()
        n_values = sum(text.states.size for text in tokens.texts)
        values = np.memmap(self._file, np.float16, "r", offset=begin, shape=(n_values,))
        ends = np.cumsum([text.states.size for text in tokens.texts])[:-1]
        return TokenStates(
            tuple(
                TextTokens(own.reshape(text.states.shape), text.targets, text.losses)
                for own, text in zip(np.split(values, ends), tokens.texts, strict=True)
            )
        )
