"""How many rows may go through a layer together, without a bit of a row depending on it.

How a library cuts a product depends on its number of rows, and with it, at times, the last bits
of the result. So how many rows a block has depends on the length of its texts alone: as many as
one *base* size, or, where trials on this machine show that they give the same bits, as others.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from polar_detect.numerics.lanes import lanes

Layer = Callable[[Tensor], Tensor]

# Tokens of a block on a CPU, whose second-level cache holds the states of so many (2 MB: 1,024 are
# too many). Each size costs every length of texts a compilation and a trial, of 10 to 30 ms.
_BLOCK_TOKENS = (512, 192, 64)
_GPU_BLOCK_TOKENS = (8192,)
_PACKED_TOKENS = (512, 256, 192, 128, 64)  # of packed texts, which are tried once for all lengths


def block_tokens(device: torch.device) -> int:
    """Return how many rows of a product run together at most."""
    return _sizes(device)[0]


def rows_per_block(n_tokens: int, device: torch.device) -> int:
    """Return how many texts of `n_tokens` the base size of a block in float32 holds."""
    return _rows(_base(_sizes(device), torch.float32), n_tokens)


class Form(NamedTuple):
    """Which form of a layer is called, what it multiplies in, and whether texts are packed."""

    is_quick: bool
    dtype: torch.dtype
    is_packed: bool = False


class RowCounts:
    """How many rows blocks of a model's layers may have, found by trial when first asked for."""

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
            sizes = _PACKED_TOKENS if form.is_packed else _sizes(self._device)
            counts = tuple(dict.fromkeys(_rows(size, n_tokens) for size in sizes))
            states = random_states(counts[0], n_tokens, hidden_size).to(self._device)
            base = _rows(_base(sizes, form.dtype), n_tokens)
            self._found[key] = same_bits(call, states, counts, base=base)
        return self._found[key]


class RowsAlike:
    """How many texts run together in blocks of one size, found by trial when first asked for.

    As many as `rows_per_block` says. If a text has other bits in another place of such a block (as
    with MKL on AVX2, the last of up to 55 rows), one text more; if that does not help, one text.

    Parameters
    ----------
    device : torch.device
    is_alike : callable
        Takes numbers of texts and of tokens; says whether each text has the same bits in any place.
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


@torch.no_grad()
def same_bits(
    call: Layer, states: Tensor, counts: Sequence[int], *, base: int | None = None
) -> tuple[int, ...]:
    """Return which of `counts` give a row the same bits as blocks of `base` rows do.

    Some libraries compute the last rows of a product otherwise (MKL with AVX2, up to 55 rows).
    If a row's bits depend on its place in a block of `base` rows, the first of `counts` with which
    they do not is the base instead, if there is one.

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

    Returns
    -------
    tuple of int, descending
        The base among them.
    """
    base = base or counts[0]
    if len(counts) == 1:
        return (base,)
    with lanes():
        known, expected = _alike_anywhere(call, states, (base, *counts))
        return tuple(
            n for n in counts if n == known or torch.equal(call(states[-n:]), expected[-n:])
        )


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


def random_states(*shape: int) -> Tensor:
    """Return the same random numbers for the same shape."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(shape, generator=generator, dtype=torch.float32)


def is_mixture(block: nn.Module) -> bool:
    """Return whether a block is a mixture of experts, which only one text may enter at a time.

    How many tokens an expert multiplies, and with it their last bits, depends on all tokens of
    a call.
    """
    return any(name.endswith("experts") for name, _ in block.named_modules())


def _alike_anywhere(call: Layer, states: Tensor, counts: Sequence[int]) -> tuple[int, Tensor]:
    """Return the first count with whose blocks no place changes a row's bits, else the first.

    And what blocks of so many rows make of all states.
    """
    tried: list[tuple[int, Tensor]] = []
    for n in counts:
        made = _in_blocks_of(n, call, states)
        tried.append((n, made))
        if is_alike_anywhere(call, states[-n:], made[-n:]):
            return tried[-1]
    return tried[0]


def _in_blocks_of(n_rows: int, call: Layer, states: Tensor) -> Tensor:
    """Return what a layer makes of all states, of which the first two blocks may share rows."""
    starts = [max(0, stop - n_rows) for stop in range(len(states), 0, -n_rows)][::-1]
    parts = [call(states[start : start + n_rows]) for start in starts]
    n_shared = len(parts) * n_rows - len(states)
    return torch.cat([parts[0][: n_rows - n_shared], *parts[1:]])


def _kind_of(block: nn.Module) -> tuple[object, ...]:
    """Return what blocks have in common that multiply matrices of the same sizes."""
    return type(block), *((name, part.shape) for name, part in block.named_parameters())


def _sizes(device: torch.device) -> tuple[int, ...]:
    return _BLOCK_TOKENS if device.type == "cpu" else _GPU_BLOCK_TOKENS


def _base(sizes: tuple[int, ...], dtype: torch.dtype) -> int:
    """Return the size, in tokens, whose bits blocks of other sizes have to give to be used.

    The one that costs least where no other gives the same bits, so that every block is filled up
    to it. In float32 that is the smallest: its products take so long that few rows fill the time.
    """
    return sizes[-1] if dtype == torch.float32 else sizes[0]


def _rows(size: int, n_tokens: int) -> int:
    return max(1, size // n_tokens)
