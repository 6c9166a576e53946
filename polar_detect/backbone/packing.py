"""Texts of different lengths one behind the other in a block, without padding between them.

All that a layer does but attention treats each token by itself, so that it need not know where a
text ends; attention finds the texts by the packing. Without, each length of texts would have
blocks of its own, padded and filled up: a fifth of all rows with 64 short queries.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import torch
from torch import Tensor

from polar_detect.arrays import IntArray
from polar_detect.numerics.blocks import block_counts

TRIED_TOKENS = 8  # of the texts that blocks are tried with; each size is a multiple of it
# Padded tokens of what stands together in memory. Up to the last one texts are packed: blocks of
# longer ones lose little by padding.
_WIDTHS = (16, 32, 48, 64)


@dataclass(frozen=True)
class Packing:
    """Where the texts of a block stand.

    Parameters
    ----------
    lengths : tuple of int
        Tokens of each text.
    padded : tuple of int
        What each is padded to where attention or a layer takes it alone.
    n_tokens : int
        Of the block; the last of them may belong to no text.
    """

    lengths: tuple[int, ...]
    padded: tuple[int, ...]
    n_tokens: int

    @property
    def n_held(self) -> int:
        """Tokens that belong to a text."""
        return sum(self.lengths)

    @cached_property
    def starts(self) -> IntArray:
        """Where each text begins, (n_texts,)."""
        return np.cumsum([0, *self.lengths[:-1]])

    @cached_property
    def owners(self) -> Tensor:
        """Which text each token is of, (n_tokens,) int64; the first where it is of none."""
        return self._whole(np.repeat(np.arange(len(self.lengths)), self.lengths))

    @cached_property
    def places(self) -> Tensor:
        """Where each token stands in its text, (n_tokens,) int64; zero where it is in none."""
        return self._whole(np.arange(self.n_held) - np.repeat(self.starts, self.lengths))

    def angles(self, tables: tuple[int, ...]) -> Tensor:
        """Return where each token's angles stand, (n_tokens,) int64.

        Parameters
        ----------
        tables : tuple of int
            Padded lengths of the texts, whose tables of angles stand one behind the other.
        """
        starts = dict(zip(tables, np.cumsum([0, *tables[:-1]]).tolist(), strict=True))
        own = np.repeat([starts[n] for n in self.padded], self.lengths)
        return self._whole(own) + self.places

    def _whole(self, of_held: IntArray) -> Tensor:
        found = np.zeros(self.n_tokens, np.int64)
        found[: len(of_held)] = of_held
        return torch.from_numpy(found)


def padded_lengths(n_tokens: IntArray) -> IntArray:
    """Return the length that each row of so many tokens is padded to; hangs on nothing else."""
    steps = np.where(n_tokens <= 32, 4, np.where(n_tokens <= 128, 8, 32))
    found: IntArray = -(-n_tokens // steps) * steps
    return found


def width(padded: int) -> int:
    """Return how many tokens a text takes in memory that is padded to so many alone."""
    return next((width for width in _WIDTHS if padded <= width), padded)


def is_short(padded: int) -> bool:
    """Return whether texts padded to so many tokens are packed."""
    return padded <= _WIDTHS[-1]


@lru_cache(maxsize=64)
def packings(
    lengths: tuple[int, ...], padded: tuple[int, ...], sizes: tuple[int, ...], n_lanes: int
) -> tuple[tuple[slice, Packing], ...]:
    """Return blocks that hold all texts in their order, and the places of their texts.

    Parameters
    ----------
    lengths, padded : tuple of int
        As in `Packing`, none longer than the smallest size.
    sizes : tuple of int
        Tokens that a block may have, descending.
    n_lanes : int
        How many blocks run at once.
    """
    share = -(-sum(lengths) // n_lanes)
    wanted = iter([size for size in block_counts(share, sizes) for _ in range(n_lanes)])
    blocks = []
    start = held = 0
    size = next(wanted)
    for stop, n_tokens in enumerate((*lengths, size + sizes[0])):
        if held + n_tokens > size:
            taken = min(own for own in sizes if own >= held)
            place = slice(start, stop)
            blocks.append((place, Packing(lengths[place], padded[place], taken)))
            start, held = stop, 0
            size = next(wanted, sizes[0])
        held += n_tokens
    return tuple(blocks)
