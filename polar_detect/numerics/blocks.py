"""Blocks: how many rows go through a layer together, without a bit depending on it.

How a library cuts a product depends on its number of rows, and with it, at times, the last bits
of the result. So a text runs in a block whose number of rows depends on the text's length alone,
and blocks that are not full are filled up; but where smaller blocks were seen to give the same
bits, what is left over runs in one of those.
"""

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from polar_detect.numerics.lanes import lanes, spread

Layer = Callable[[Tensor], Tensor]

# Tokens of a block on a CPU, whose second-level cache holds the states of so many (2 MB: 1,024 are
# too many). Each size costs every length of texts a compilation and a trial, of 10 to 30 ms.
_BLOCK_TOKENS = (512, 192, 64)
_GPU_BLOCK_TOKENS = (8192,)
_CALLS_OF_A_BLOCK = 36  # that take as long as a whole block's rows, but for which they are empty
_PRODUCT_ROWS = 64


def block_tokens(device: torch.device) -> int:
    """Return how many rows of a product run together at most."""
    return _sizes(device)[0]


def rows_per_block(n_tokens: int, device: torch.device) -> int:
    """Return how many texts of `n_tokens` a block of float32 has that all others must equal."""
    return _rows(_base(_sizes(device), torch.float32), n_tokens)


class Form(NamedTuple):
    """Which form of a layer is called, what it multiplies in, and whether texts are packed."""

    is_quick: bool
    dtype: torch.dtype
    is_packed: bool = False


class RowCounts:
    """How many rows a block of a model's layers may have, found out when first asked for.

    Parameters
    ----------
    layers : sequence of nn.Module
    device : torch.device
    """

    def __init__(self, layers: Sequence[nn.Module], device: torch.device) -> None:
        self._device = device
        kinds: dict[tuple[object, ...], int] = {}
        self._kinds = [
            None if is_mixture(layer) else kinds.setdefault(_kind_of(layer), len(kinds))
            for layer in layers
        ]
        self._found: dict[tuple[int, int, Form], tuple[int, ...]] = {}

    def of(self, layer: int, call: Layer, hidden: Tensor, form: Form) -> tuple[int, ...]:
        """Return the numbers of rows for states like `hidden`, descending; see `same_bits`.

        Parameters
        ----------
        layer : int
        call : callable
            What calls it.
        hidden : (n_rows, n_tokens, hidden)
        form : Form
            That `call` calls: another has other products, whose bits may depend on other things.
        """
        kind, (n_tokens, hidden_size) = self._kinds[layer], hidden.shape[1:]
        if kind is None:
            return (1,)
        key = kind, n_tokens, form
        if key not in self._found:
            sizes = _sizes(self._device)
            counts = tuple(dict.fromkeys(_rows(size, n_tokens) for size in sizes))
            states = random_states(counts[0], n_tokens, hidden_size).to(self._device)
            base = _rows(_base(sizes, form.dtype), n_tokens)
            self._found[key] = same_bits(call, states, counts, base=base)
        return self._found[key]


def random_states(*shape: int) -> Tensor:
    """Return the same random numbers for the same shape."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(shape, generator=generator, dtype=torch.float32)


@torch.no_grad()
def same_bits(
    call: Layer, states: Tensor, counts: Sequence[int], *, base: int | None = None
) -> tuple[int, ...]:
    """Return those of `counts` that give a row the same bits as a block of `base` rows, and that.

    Some libraries compute the last rows of a product otherwise (MKL with AVX2, up to 55 rows).
    Where a row's bits depend on its place in a block of `base` rows, the first of `counts` that
    leaves none such takes its part, if there is one.

    Parameters
    ----------
    call : callable
        States (n_rows, …) → results (n_rows, …).
    states : (counts[0], …)
        Random ones.
    counts : sequence of int, descending
        Each tried with the last rows of `states`.
    base : int, optional
        One of `counts`. Default: the first.
    """
    base = base or counts[0]
    if len(counts) == 1:
        return (base,)
    with lanes():
        known, expected = _alike_anywhere(call, states, (base, *counts))
        return tuple(
            n for n in counts if n == known or torch.equal(call(states[-n:]), expected[-n:])
        )


def _alike_anywhere(call: Layer, states: Tensor, counts: Sequence[int]) -> tuple[int, Tensor]:
    """Return the first count whose blocks leave a row its bits in every place, or else the first.

    And what such blocks make of all states.
    """
    tried: list[tuple[int, Tensor]] = []
    for n in counts:
        made = _in_blocks_of(n, call, states)
        tried.append((n, made))
        if is_alike_anywhere(call, states[-n:], made[-n:]):
            return tried[-1]
    return tried[0]


class RowsAlike:
    """How many texts run together in blocks of one size, found out when first asked for.

    As many as `rows_per_block` says; where some of so many have other bits in another place (MKL
    with AVX2, the last of up to 55 rows), one more, and where that does not help one.

    Parameters
    ----------
    device : torch.device
    is_alike : callable
        Says of numbers of texts and of tokens whether each text has the same bits in any place.
    """

    def __init__(self, device: torch.device, is_alike: Callable[[int, int], bool]) -> None:
        self._device, self._is_alike = device, is_alike
        self._found: dict[int, int] = {}

    @torch.no_grad()
    def of(self, n_tokens: int) -> int:
        """Return the number for texts of `n_tokens`."""
        if n_tokens not in self._found:
            usual = rows_per_block(n_tokens, self._device)
            with lanes():
                tried = (n for n in (usual, usual + 1) if self._is_alike(n, n_tokens))
                self._found[n_tokens] = next(tried, 1)
        return self._found[n_tokens]


def is_alike_anywhere(call: Layer, states: Tensor, made: Tensor | None = None) -> bool:
    """Return whether a row keeps its bits in another place of a block.

    Parameters
    ----------
    call : callable
        States (n_rows, …) → results (n_rows, …).
    states : (n_rows, …)
        Random ones.
    made : (n_rows, …), optional
        What `call` makes of them.
    """
    if len(states) == 1:
        return True
    made = call(states) if made is None else made
    return torch.equal(call(states.roll(1, 0)), made.roll(1, 0))


def _in_blocks_of(n_rows: int, call: Layer, states: Tensor) -> Tensor:
    """Return what a layer makes of all states, of which the first two blocks may share rows."""
    starts = [max(0, stop - n_rows) for stop in range(len(states), 0, -n_rows)][::-1]
    parts = [call(states[start : start + n_rows]) for start in starts]
    n_shared = len(parts) * n_rows - len(states)
    return torch.cat([parts[0][: n_rows - n_shared], *parts[1:]])


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
def product(rows: NDArray[np.float32], matrix: NDArray[np.float32]) -> NDArray[np.float32]:
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


def is_mixture(block: nn.Module) -> bool:
    """Return whether a block is a mixture of experts, which only one text may enter at a time.

    How many tokens an expert multiplies, and with it their last bits, depends on all tokens of
    a call.
    """
    return any(name.endswith("experts") for name, _ in block.named_modules())


def _cut(n_rows: int, counts: Sequence[int]) -> list[tuple[slice, int]]:
    """Return the places of blocks of rows, and how many rows each is to have."""
    n_whole, n_left = divmod(n_rows, counts[0])
    sizes = [counts[0]] * n_whole + [*_cheapest(n_left, tuple(counts))]
    places = []
    start = 0
    for size in sizes:
        places.append((slice(start, min(start + size, n_rows)), size))
        start += size
    return places


@functools.cache
def _cheapest(n_rows: int, counts: tuple[int, ...]) -> tuple[int, ...]:
    """Return the numbers of rows of blocks that hold so many, whose calls take least time."""
    if n_rows <= 0:
        return ()
    ways = [(n, *_cheapest(n_rows - n, counts)) for n in counts]
    return min(ways, key=lambda sizes: sum(sizes) + len(sizes) * counts[0] / _CALLS_OF_A_BLOCK)


def _kind_of(block: nn.Module) -> tuple[object, ...]:
    """Return what blocks have in common that multiply matrices of the same sizes."""
    return type(block), *((name, part.shape) for name, part in block.named_parameters())


def _sizes(device: torch.device) -> tuple[int, ...]:
    return _BLOCK_TOKENS if device.type == "cpu" else _GPU_BLOCK_TOKENS


def _base(sizes: tuple[int, ...], dtype: torch.dtype) -> int:
    """Return how many tokens a block has whose bits all others must give, or they are not used.

    Blocks filled up to it take least time where it is the only one: products in float32 take so
    long that few rows fill the time.
    """
    return sizes[-1] if dtype == torch.float32 else sizes[0]


def _rows(size: int, n_tokens: int) -> int:
    return max(1, size // n_tokens)
