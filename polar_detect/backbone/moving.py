"""States moved through a layer in blocks whose company and number of threads change no bit.

Short texts of different lengths share blocks where the layer was seen to take packed texts; others
run in blocks of one length.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from polar_detect.backbone.forms import LayerForms, PackedLayer
from polar_detect.backbone.packing import TRIED_TOKENS, Packing, packings, padded_lengths
from polar_detect.numerics.blocks import Form, RowCounts, each_block, in_blocks
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
    precise, rough : bool
        As in `Backbone.apply`.
    """

    layer: int
    given: Tensor
    made: Tensor
    sources: Tensor
    targets: Tensor
    precise: bool = False
    rough: bool = False


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
        self._row_counts = RowCounts(blocks, device)
        with torch.no_grad():
            self.packs = max_positions >= TRIED_TOKENS and any(
                forms.packs(layer, TRIED_TOKENS) for layer in range(len(blocks))
            )

    def padded_lengths(self, lengths: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return what rows of so many tokens are padded to where they are called on alone."""
        return np.minimum(padded_lengths(lengths), self._max_positions)

    def whole(
        self, layer: int, hidden: Tensor, out: Tensor | None, *, precise: bool, rough: bool
    ) -> Tensor:
        """Return what a layer makes of rows that are full, in `out` if it is given."""
        call, form = self._forms.call(layer, hidden.shape[1], precise=precise, rough=rough)
        return in_blocks(call, hidden, self._row_counts.of(layer, call, hidden, form), out)

    def move(self, move: Move, lengths: NDArray[np.int64] | None) -> None:
        """Call a layer on rows, of which `lengths` tokens count, or all.

        What stands behind these in the targets is left as it is.
        """
        if lengths is None:
            self._move_alike(move, np.arange(len(move.sources)), move.given.shape[1])
            return
        padded = self.padded_lengths(lengths)
        are_packed = np.zeros(len(padded), bool)
        for n_tokens in np.unique(padded).tolist():
            rows = padded == n_tokens
            if self.packs and self._packs(move, n_tokens):
                are_packed |= rows
            else:
                self._move_alike(move, np.flatnonzero(rows), n_tokens)
        if are_packed.any():
            rows = np.flatnonzero(are_packed)
            self._move_packed(move, rows, lengths[rows], padded[rows])

    def _packs(self, move: Move, n_tokens: int) -> bool:
        return self._forms.packs(move.layer, n_tokens, precise=move.precise, rough=move.rough)

    def _move_alike(self, move: Move, rows: NDArray[np.int64], n_tokens: int) -> None:
        """Call a layer on rows of one length."""
        call, form = self._forms.call(move.layer, n_tokens, precise=move.precise, rough=move.rough)
        counts = self._row_counts.of(move.layer, call, move.given[:1, :n_tokens], form)
        sources, targets = move.sources[rows], move.targets[rows]

        def take(place: slice) -> Tensor:
            return move.given[sources[place], :n_tokens]

        def keep(place: slice, made: Tensor) -> None:
            move.made[targets[place], :n_tokens] = made

        each_block(call, take, len(sources), keep, counts)

    def _move_packed(
        self,
        move: Move,
        rows: NDArray[np.int64],
        lengths: NDArray[np.int64],
        padded: NDArray[np.int64],
    ) -> None:
        """Call a layer on the tokens of rows, one row behind the other."""
        call, form = self._forms.packed_call(move.layer, rough=move.rough)
        given, made = (states.view(-1, states.shape[-1]) for states in (move.given, move.made))
        n_places = move.given.shape[1]
        sources, targets = n_places * move.sources[rows], n_places * move.targets[rows]

        def one(block: tuple[slice, Packing]) -> None:
            place, packing = block
            owners, places = packing.owners, packing.places
            own = given.index_select(0, sources[place].index_select(0, owners) + places)
            found = call(own, packing)[: packing.n_held]
            where = targets[place].index_select(0, owners) + places
            made.index_copy_(0, where[: packing.n_held], found)

        sizes = self._packed_sizes(move.layer, call, form, given.shape[-1])
        blocks = packings(tuple(lengths.tolist()), tuple(padded.tolist()), sizes, n_lanes())
        spread(one, blocks)

    def _packed_sizes(
        self, layer: int, call: PackedLayer, form: Form, hidden_size: int
    ) -> tuple[int, ...]:
        """Return how many tokens a block of packed texts may have, descending."""

        def of_alike(rows: Tensor) -> Tensor:
            n_rows, n_tokens, _ = rows.shape
            lengths = (n_tokens,) * n_rows
            packing = Packing(lengths, lengths, n_rows * n_tokens)
            return call(rows.flatten(0, 1), packing).view_as(rows)

        like = torch.empty(1, TRIED_TOKENS, hidden_size)
        counts = self._row_counts.of(layer, of_alike, like, form)
        return tuple(TRIED_TOKENS * n for n in counts)
