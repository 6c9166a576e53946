"""Rows run through a function block by block, each block of one of a few numbers of rows.

What is left over runs in the smallest blocks that hold it (see `block_sizes` for which may be
used), filled up with rows of zeros; what becomes of those is dropped.
"""

import functools
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from polar_detect.arrays import Float32Array
from polar_detect.numerics.block_sizes import Layer
from polar_detect.numerics.lanes import spread

_CALLS_OF_A_BLOCK = 36  # that take as long as a whole block's rows, but for which they are empty
_PRODUCT_ROWS = 64


def each_block(
    call: Layer,
    take: Callable[[slice], Tensor],
    n_rows: int,
    keep: Callable[[slice, Tensor], object],
    counts: Sequence[int],
) -> None:
    """Call a layer on ``take(place)``, and ``keep(place, rows)`` with the new states of the place.

    Parameters
    ----------
    call : callable
        States (n_rows, n_tokens, hidden) → new states of the same shape.
    take, keep : callable
        Are called for places in any order, by several threads.
    n_rows : int
        In all places together.
    counts : sequence of int, descending
        Numbers of rows that a block may have.
    """

    def one(piece: tuple[slice, int]) -> None:
        place, size = piece
        rows = take(place)
        keep(place, call(filled(rows, size))[: len(rows)])

    spread(one, _cut(n_rows, counts))


def in_blocks(
    call: Layer, hidden: Tensor, counts: Sequence[int], out: Tensor | None = None
) -> Tensor:
    """Return the new states of all rows, called in blocks as `each_block` does.

    They are written to `out`, where it is given, without gradients.
    """
    if out is None:
        out = torch.empty_like(hidden, dtype=torch.float32)
    each_block(call, hidden.__getitem__, len(hidden), out.__setitem__, counts)
    return out


def by_blocks(
    function: Callable[..., tuple[Tensor, ...]], *tensors: Tensor, counts: Sequence[int]
) -> tuple[Tensor, ...]:
    """Apply `function` to blocks of rows and lay its results one below the other.

    A row's result is then the same in any company, if `function` treats rows alike: the shapes
    that a library sees are few, and known to make no difference.

    Parameters
    ----------
    function : callable
        Takes a block of each tensor and returns tensors of as many rows.
    tensors : (n_rows, …)
        Rows of zeros fill the last block; what becomes of them is dropped.
    counts : sequence of int, descending
        Numbers of rows that a block may have.
    """

    def one(piece: tuple[slice, int]) -> tuple[Tensor, ...]:
        place, size = piece
        parts = [filled(tensor[place], size) for tensor in tensors]
        return tuple(part[: place.stop - place.start] for part in function(*parts))

    pieces = spread(one, _cut(len(tensors[0]), counts) or [(slice(0, 0), counts[-1])])
    return tuple(torch.cat(column) for column in zip(*pieces, strict=True))


@torch.no_grad()
def product(rows: Float32Array, matrix: Float32Array) -> Float32Array:
    """Return ``rows @ matrix.T`` with every row's last bits the same in any company."""
    # A copy where a memory map or a slice is read-only or strided, which torch would not take.
    weight = torch.from_numpy(np.require(matrix, np.float32, ["C", "W"]))
    left = torch.from_numpy(np.require(rows, np.float32, ["C", "W"]))
    (product,) = by_blocks(
        lambda block: (nn.functional.linear(block, weight),), left, counts=(_PRODUCT_ROWS,)
    )
    return product.numpy()


def filled(rows: Tensor, size: int) -> Tensor:
    """Return `rows` with rows of zeros behind them, `size` in all."""
    if len(rows) == size:
        return rows
    return torch.cat([rows, rows.new_zeros((size - len(rows), *rows.shape[1:]))])


def _cut(n_rows: int, counts: Sequence[int]) -> list[tuple[slice, int]]:
    """Return the places of blocks of rows, and how many rows each is to have."""
    sizes = block_counts(n_rows, tuple(counts))
    places = []
    start = 0
    for size in sizes:
        places.append((slice(start, min(start + size, n_rows)), size))
        start += size
    return places


def block_counts(n_rows: int, counts: tuple[int, ...]) -> list[int]:
    """Return numbers of rows of blocks, of descending `counts`, that hold so many in all."""
    n_whole, n_left = divmod(n_rows, counts[0])
    return [counts[0]] * n_whole + [*_cheapest(n_left, counts)]


@functools.cache
def _cheapest(n_rows: int, counts: tuple[int, ...]) -> tuple[int, ...]:
    """Return the numbers of rows of blocks that hold so many, whose calls take least time."""
    if n_rows <= 0:
        return ()
    ways = [(n, *_cheapest(n_rows - n, counts)) for n in counts]
    return min(ways, key=lambda sizes: sum(sizes) + len(sizes) * counts[0] / _CALLS_OF_A_BLOCK)
