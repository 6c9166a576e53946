"""States moved through a layer in blocks whose company and number of threads change no bit.

Short texts of different lengths share blocks where the layer was seen to take packed texts; others
run in blocks of one length.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.functional import vjp

from polar_detect.arrays import IntArray
from polar_detect.backbone.forms import LayerForm, LayerForms, PackedLayer
from polar_detect.backbone.packing import TRIED_TOKENS, Packing, packings, padded_lengths
from polar_detect.numerics.block_sizes import Form, RowCounts
from polar_detect.numerics.blocks import by_blocks, each_block, in_blocks
from polar_detect.numerics.lanes import n_lanes, spread


@dataclass(frozen=True, eq=False)
class Move:
    """Which rows a layer is called on, and where what it makes of them goes.

    Parameters
    ----------
    layer : int
    given, made : (n_slots, n_tokens, hidden)
        May be the same tensor.
    sources, targets : (n_rows,) int64
        Places among `given` and `made`. A target may be its own row's source, and no other's.
    form : LayerForm
    """

    layer: int
    given: Tensor
    made: Tensor
    sources: Tensor
    targets: Tensor
    form: LayerForm


class Mover:
    """Calls a decoder's layers on rows of states.

    Parameters
    ----------
    forms : LayerForms
    blocks : sequence of nn.Module
        The layers themselves.
    device : torch.device
    max_positions : int
        Longest row that the model was made for.

    Attributes
    ----------
    packs : bool
        Whether any layer takes packed texts.
    """

    def __init__(
        self,
        forms: LayerForms,
        blocks: Sequence[nn.Module],
        device: torch.device,
        max_positions: int,
    ) -> None:
        self._forms, self._max_positions = forms, max_positions
        self._row_counts, self._pull_counts = RowCounts(blocks, device), RowCounts(blocks, device)
        self.packs = max_positions >= TRIED_TOKENS and any(
            forms.packs(layer, TRIED_TOKENS, "quick") for layer in range(len(blocks))
        )

    def padded_lengths(self, lengths: IntArray) -> IntArray:
        """Return what rows of so many tokens are padded to where they are called on alone."""
        return np.minimum(padded_lengths(lengths), self._max_positions)

    def whole(self, layer: int, hidden: Tensor, out: Tensor | None, form: LayerForm) -> Tensor:
        """Return what a layer makes of rows that are full, in `out` if it is given."""
        call, found = self._forms.call(layer, hidden.shape[1], form)
        return in_blocks(call, hidden, self._row_counts.of(layer, call, hidden, found), out)

    def move(self, move: Move, lengths: IntArray | None) -> None:
        """Call a layer on rows, of which `lengths` tokens count, or all."""
        if lengths is None:
            self._move_alike(move, np.arange(len(move.sources)), move.given.shape[1], None)
            return
        padded = self.padded_lengths(lengths)
        packed, others = self._parted(move.layer, padded, move.form)
        for n_tokens, rows in others.items():
            self._move_alike(move, rows, n_tokens, lengths[rows])
        if len(packed):
            self._move_packed(move, packed, lengths[packed], padded[packed])

    def pull_back(
        self, layer: int, hidden: Tensor, gradient: Tensor, lengths: IntArray | None
    ) -> Tensor:
        """Return a gradient by what a layer gets, as `Backbone.pull_back` does."""
        if lengths is None:
            return self._pulled(layer, hidden, gradient)
        found = torch.zeros_like(gradient)
        padded = self.padded_lengths(lengths)
        packed, others = self._parted(layer, padded, "rough")
        for n, rows in others.items():
            own = _clean(hidden[rows, :n], lengths[rows]), _clean(gradient[rows, :n], lengths[rows])
            found[rows, :n] = self._pulled(layer, *own)
        if len(packed):
            places = torch.from_numpy(packed)
            move = Move(layer, hidden, found, places, places, "rough")
            self._pull_packed(move, gradient, lengths[packed], padded[packed])
        return found

    def _parted(
        self, layer: int, padded: IntArray, form: LayerForm
    ) -> tuple[IntArray, dict[int, IntArray]]:
        """Return which rows a layer takes packed, and the others by the length of each."""
        are_packed = np.zeros(len(padded), bool)
        others = {}
        for n in np.unique(padded).tolist():
            if self.packs and self._forms.packs(layer, n, form):
                are_packed |= padded == n
            else:
                others[n] = np.flatnonzero(padded == n)
        return np.flatnonzero(are_packed), others

    def _move_alike(
        self, move: Move, rows: IntArray, n_tokens: int, lengths: IntArray | None
    ) -> None:
        """Call a layer on rows that are padded to one length."""
        call, form = self._forms.call(move.layer, n_tokens, move.form)
        counts = self._row_counts.of(move.layer, call, move.given[:1, :n_tokens], form)
        sources, targets = move.sources[rows], move.targets[rows]

        def take(place: slice) -> Tensor:
            taken = move.given[sources[place], :n_tokens]
            return taken if lengths is None else _clean(taken, lengths[place])

        def keep(place: slice, made: Tensor) -> None:
            move.made[targets[place], :n_tokens] = made

        each_block(call, take, len(sources), keep, counts)

    def _move_packed(
        self,
        move: Move,
        rows: IntArray,
        lengths: IntArray,
        padded: IntArray,
    ) -> None:
        """Call a layer on the tokens of rows, one row behind the other."""
        call, form = self._forms.packed_call(move.layer, move.form)
        given, made = (states.view(-1, states.shape[-1]) for states in (move.given, move.made))
        n_places = move.given.shape[1]
        sources, targets = n_places * move.sources[rows], n_places * move.targets[rows]

        def one(block: tuple[slice, Packing]) -> None:
            place, packing = block
            found = call(given.index_select(0, _tokens(packing, sources[place])), packing)
            where = _tokens(packing, targets[place])[: packing.n_held]
            made.index_copy_(0, where, found[: packing.n_held])

        sizes = _packed_sizes(self._row_counts, move.layer, call, form, given.shape[-1])
        spread(one, _blocks(lengths, padded, sizes))

    def _pulled(self, layer: int, hidden: Tensor, gradient: Tensor) -> Tensor:
        """Return a gradient by what a layer gets of rows of one length."""
        call, form = self._forms.call(layer, hidden.shape[1], "rough", for_gradient=True)

        def pull(rows: Tensor, own: Tensor) -> tuple[Tensor]:
            return (vjp(call, rows, own)[1],)

        counts = self._pull_counts.of(layer, lambda rows: pull(rows, rows)[0], hidden, form)
        return by_blocks(pull, hidden, gradient, counts=counts)[0]

    def _pull_packed(
        self,
        move: Move,
        gradient: Tensor,
        lengths: IntArray,
        padded: IntArray,
    ) -> None:
        """Put a gradient by what a layer gets of packed rows where the move says."""
        call, form = self._forms.packed_call(move.layer, move.form, for_gradient=True)
        hidden, own, made = (
            states.reshape(-1, states.shape[-1]) for states in (move.given, gradient, move.made)
        )
        sources = move.given.shape[1] * move.sources

        def pull(rows: Tensor, slopes: Tensor, packing: Packing) -> Tensor:
            found: Tensor = vjp(lambda given: call(given, packing), rows, slopes)[1]
            return found

        def one(block: tuple[slice, Packing]) -> None:
            place, packing = block
            where, n_held = _tokens(packing, sources[place]), packing.n_held
            slopes = own.index_select(0, where)
            slopes[n_held:] = 0
            found = pull(hidden.index_select(0, where), slopes, packing)
            made.index_copy_(0, where[:n_held], found[:n_held])

        sizes = _packed_sizes(
            self._pull_counts,
            move.layer,
            lambda rows, packing: pull(rows, rows, packing),
            form,
            hidden.shape[-1],
        )
        spread(one, _blocks(lengths, padded, sizes))


def _clean(states: Tensor, lengths: IntArray) -> Tensor:
    """Return states (n_rows, n_tokens, …) with zeros behind as many tokens as count.

    What a mixture of experts makes of a text hangs on all tokens of a call, in its last bits, and
    what stands behind a text on which programs led there.
    """
    ends = torch.from_numpy(lengths).to(states.device)
    is_behind = torch.arange(states.shape[1], device=states.device) >= ends[:, None]
    return states.masked_fill(is_behind.unsqueeze(-1), 0)


def _tokens(packing: Packing, starts: Tensor) -> Tensor:
    """Return the places of a block's tokens, given those of its texts' first ones."""
    return starts.index_select(0, packing.owners) + packing.places


def _blocks(
    lengths: IntArray, padded: IntArray, sizes: tuple[int, ...]
) -> tuple[tuple[slice, Packing], ...]:
    return packings(tuple(lengths.tolist()), tuple(padded.tolist()), sizes, n_lanes())


def _packed_sizes(
    counts: RowCounts, layer: int, call: PackedLayer, form: Form, hidden_size: int
) -> tuple[int, ...]:
    """Return how many tokens a block of packed texts may have, descending."""

    def of_alike(rows: Tensor) -> Tensor:
        n_rows, n_tokens, _ = rows.shape
        lengths = (n_tokens,) * n_rows
        packing = Packing(lengths, lengths, n_rows * n_tokens)
        return call(rows.flatten(0, 1), packing).view_as(rows)

    like = torch.empty(1, TRIED_TOKENS, hidden_size)
    return tuple(TRIED_TOKENS * n for n in counts.of(layer, of_alike, like, form))
