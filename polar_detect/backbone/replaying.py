"""The blocks of one model called alone, and what must hold for that to be faithful.

What decoders and encoders have in common: the model's own forward runs once per token count, and
the arguments that its blocks get are kept, to be replayed with other hidden states.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from polar_detect.backbone.recording import (
    FAILURES,
    Anatomy,
    Call,
    examine,
    first_input_in_blocks,
    of_any_rows,
    record_calls,
)
from polar_detect.errors import ModelError, reason_of
from polar_detect.numerics.block_sizes import RowsAlike, is_alike_anywhere

Found = TypeVar("Found")


class Replay:
    """The arguments of a model's blocks for texts of any number and length.

    Parameters
    ----------
    model : nn.Module
    blocks : list of nn.Module
    forward : callable
        Runs the model on token ids (n_rows, n_tokens).
    probe : callable
        Makes some such ids of a number of rows and one of tokens, the same ones each time.
    expected : str
        What errors say was expected of the model.
    """

    def __init__(
        self,
        model: nn.Module,
        blocks: list[nn.Module],
        forward: Callable[[Tensor], Any],
        probe: Callable[[int, int], Tensor],
        expected: str,
    ) -> None:
        self.blocks = blocks
        self.probe = probe
        self._model = model
        self.forward = forward
        self._expected = expected
        self._calls: dict[int, list[Call]] = {}
        self._repeats = False

        def is_alike(n_rows: int, n_tokens: int) -> bool:
            def first(ids: Tensor) -> Tensor:
                return first_input_in_blocks(blocks, forward, ids, n_rows)

            return is_alike_anywhere(first, probe(n_rows, n_tokens))

        self._rows_alike = RowsAlike(next(model.parameters()).device, is_alike)

    def examine(self, ids: Tensor, head: nn.Module | None = None) -> tuple[Anatomy, Any]:
        """Run the model once; return what that shows of it, and what the model returned.

        Comes before all else, as some models exchange parts of their blocks then (BigBird).

        Raises
        ------
        ModelError
            It fails on two texts at once, or its blocks are no stack.
        """
        try:
            anatomy, output = examine(self._model, self.blocks, lambda: self.forward(ids), head)
        except FAILURES as error:
            raise self.unfaithful(f"two texts at once fail: {reason_of(error)}") from error
        if fault := anatomy.fault(tuple(ids.shape)):
            raise self.unfaithful(fault)
        self._anatomy = anatomy
        return anatomy, output

    def calls(self, n_tokens: int) -> list[Call]:
        """Return each block's arguments for texts of so many tokens, however many."""
        if n_tokens not in self._calls:
            self._calls[n_tokens] = of_any_rows(
                lambda n_rows: self._recorded(self.probe(n_rows, n_tokens)), repeats=self._repeats
            )
        return self._calls[n_tokens]

    def first_states(self, ids: Tensor) -> Tensor:
        """Return what the first block gets of token ids, (n_rows, n_tokens, hidden).

        A row has the same bits in any company. Watches the model, so it must not run beside other
        calls; for the same reason the arguments of the blocks are recorded now and not later.
        """
        self.calls(ids.shape[1])
        n_together = len(ids)
        if self._anatomy.multiplies_first:  # a look-up is the same in any company
            n_together = self._rows_alike.of(ids.shape[1])
        return first_input_in_blocks(self.blocks, self.forward, ids, n_together)

    def adapted(self, attempt: Callable[[], Found]) -> Found:
        """Return what an attempt at replaying returns.

        Where it fails at first, it is made with arguments for each row in place of one for all.
        """
        try:
            return attempt()
        except ModelError:
            self._repeats = True
            self._calls.clear()
            return attempt()

    @torch.no_grad()
    def check_that_nothing_is_left_behind(self, states: Sequence[Tensor]) -> None:
        """Raise `ModelError` where a layer reads what a call of another one has left.

        So do those of Gemma 4 that share keys and values. Called from the last to the first, for
        the texts in another order than before, it is what was left of another text.

        Parameters
        ----------
        states : sequence of (n_rows, n_tokens, hidden)
            At each depth, as the blocks called in their order made them.
        """
        calls = self.calls(states[0].shape[1])
        if not any(call.can_be_written_to for call in calls):  # .1 s for SmolLM2
            return
        for layer in reversed(range(len(self.blocks))):
            before, after = states[layer : layer + 2]
            if difference(calls[layer].of(self.blocks[layer], before.flip(0)), after.flip(0)):
                raise self.unfaithful(f"layer {layer} reads what another one has left behind")

    def check_that_nothing_of_a_text_is_given(self) -> None:
        """Raise `ModelError` where a layer is given what hangs on the text, beside its states.

        So Zamba's are given the embeddings. How little that may change the probe's logits says
        nothing of other programs.
        """
        one, other = (self._recorded(ids[None]) for ids in self.probe(2, 6))
        for layer, (call, as_well) in enumerate(zip(one, other, strict=True)):
            if not call.is_as(as_well):
                raise self.unfaithful(f"layer {layer} is given more of a text than its states")

    def unfaithful(self, what: str) -> ModelError:
        """Return the error of a model that is not what its blocks called alone are."""
        return ModelError(
            f"Got a {type(self._model).__name__} whose layers cannot be called alone ({what}); "
            f"expected {self._expected}; choose another model."
        )

    @torch.no_grad()
    def _recorded(self, ids: Tensor) -> list[Call]:
        return record_calls(self._anatomy, lambda: self.forward(ids))


def find_blocks(
    model: nn.Module, roots: Iterable[nn.Module], n_layers: int, expected: str
) -> list[nn.Module]:
    """Return the first list of so many modules, in the first part of a model that has one.

    Raises
    ------
    ModelError
        No part has.
    """
    for root in roots:
        for module in root.modules():
            if isinstance(module, nn.ModuleList) and len(module) == n_layers:
                return list(module)
    raise ModelError(
        f"Got a {type(model).__name__} without a list of {n_layers} blocks; expected {expected}; "
        "choose another model."
    )


def difference(found: Tensor, expected: Tensor, *, tolerance: float = 1e-3) -> float:
    """Return the largest difference; 0 where rounding alone explains it, NaN for states of NaN.

    Rounding explains one of `tolerance`, and of as much of the largest value expected.
    """
    largest = (found - expected).abs().max().item()
    return 0.0 if largest <= tolerance + tolerance * expected.abs().max().item() else largest
