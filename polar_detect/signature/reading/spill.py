"""States of tokens that are too many for memory, in a temporary file.

The file has no name, and on Windows goes with its last handle: whatever ends the process, nothing
is left of it. It is read and not mapped: what is mapped of it counts as the process's memory, and
each map holds a file descriptor.
"""

import errno
import os
import tempfile
import threading
import weakref
from contextlib import suppress
from typing import IO, Any

import numpy as np

from polar_detect.arrays import Float16Array
from polar_detect.signature.reading.token_states import TextTokens, TokenStates

_MAX_IN_MEMORY = 2**28  # bytes: some 200 texts of 128 tokens, with both default models


class Spill:
    """Takes the states of texts that are read one after another; the first ones stay in memory.

    The file is there for as long as what lies in it is used.
    """

    def __init__(self) -> None:
        self._n_free = _MAX_IN_MEMORY
        self._file: _File | None = None
        self._has_room = True

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
            self._file, self._has_room = None, False
            return tokens

    def _written(self, tokens: TokenStates) -> TokenStates:
        if self._file is None:
            self._file = _File()
        file = self._file
        return TokenStates(
            tuple(
                text._replace(states=_Filed(file, text)) if text.states.nbytes else text
                for text in tokens.texts
            )
        )


class _Filed:
    """The states of a text that lie in a file, read when they are asked for, depth by depth."""

    def __init__(self, file: "_File", text: TextTokens) -> None:
        self._file = file
        depths = [text.states[depth] for depth in range(len(text.states))]
        self._shape = depths[0].shape
        self._starts = [file.appended(own) for own in depths]

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, depth: int, /) -> Float16Array:
        values = self._file.values(self._starts[depth], self._shape[0] * self._shape[1])
        return values.reshape(self._shape)

    @property
    def nbytes(self) -> int:
        """Bytes of memory that they take."""
        return 0


class _File:
    """A file of numbers that goes with the last reference to it; threads take turns."""

    def __init__(self) -> None:
        # Without a buffer: what had no room would be in it, and tried again before each reading.
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed by the finalizer
        self._n_bytes = 0
        self._alone = threading.Lock()
        weakref.finalize(self, _close, self._file)

    def appended(self, values: Float16Array) -> int:
        """Write some numbers; return where they begin. Raise OSError where they have no room."""
        with self._alone:
            start = self._file.seek(self._n_bytes)
            if self._file.write(values.tobytes()) < values.nbytes:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._n_bytes += values.nbytes
        return start

    def values(self, start: int, n: int) -> Float16Array:
        """Return so many numbers from there."""
        with self._alone:
            self._file.seek(start)
            return np.frombuffer(self._file.read(2 * n), np.float16, n)


def _close(file: IO[Any]) -> None:
    with suppress(OSError):  # what had no room is tried once more
        file.close()
