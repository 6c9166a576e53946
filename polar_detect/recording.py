"""Calling single blocks of a model with the arguments that its own forward gives them.

Works by watching: hooks on the blocks, no copy of a forward and no patch. Nothing else may
run a block meanwhile.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Call:
    """The arguments that a model's forward gives one block, but for the hidden states."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def of(self, block: Callable[..., Any], hidden: Tensor) -> Tensor:
        """Call a block on hidden states with these arguments."""
        return hidden_of(block(hidden, *self.args, **self.kwargs))


class _Reached(Exception):
    """Carries a module's input out of the model's own forward, whose rest does not run."""

    def __init__(self, hidden: Tensor) -> None:
        super().__init__()
        self.hidden = hidden


def record_calls(blocks: Sequence[nn.Module], forward: Callable[[], Any]) -> list[Call]:
    """Return the arguments that each block gets while `forward` runs the model once.

    The last block and the head do not run: of a small model they are a quarter of the work.
    """
    calls: list[Call] = []

    def record(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        kept = {name: value for name, value in kwargs.items() if name != "hidden_states"}
        calls.append(Call(args[1:], kept))
        if len(calls) == len(blocks):
            raise _Reached(args[0] if args else kwargs["hidden_states"])

    hooks = [block.register_forward_pre_hook(record, with_kwargs=True) for block in blocks]
    try:
        forward()
    except _Reached:
        return calls
    finally:
        for hook in hooks:
            hook.remove()
    raise AssertionError("the model's forward never called its last block")


def first_input(blocks: Sequence[nn.Module], forward: Callable[[], Any]) -> Tensor:
    """Return what the first block gets as hidden states; the rest of `forward` does not run."""

    def stop(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        raise _Reached(args[0] if args else kwargs["hidden_states"])

    hook = blocks[0].register_forward_pre_hook(stop, with_kwargs=True)
    try:
        forward()
    except _Reached as reached:
        return reached.hidden
    finally:
        hook.remove()
    raise AssertionError("the model's forward never called its first block")


def find_final_norm(
    model: nn.Module, blocks: Sequence[nn.Module], forward: Callable[[], Any]
) -> nn.Module:
    """Return the norm that gets the last block's output; the identity where there is none."""
    last: list[Tensor] = []
    found: list[nn.Module] = []

    def remember(_: nn.Module, __: Any, output: Any) -> None:
        last.append(hidden_of(output))

    def compare(module: nn.Module, args: tuple[Any, ...]) -> None:
        if last and args and args[0] is last[-1]:
            found.append(module)
            raise _Reached(args[0])

    inside = {id(module) for block in blocks for module in block.modules()}
    norms = [
        module
        for module in model.modules()
        if id(module) not in inside and "norm" in type(module).__name__.lower()
    ]
    hooks = [blocks[-1].register_forward_hook(remember)]
    hooks += [norm.register_forward_pre_hook(compare) for norm in norms]
    try:
        with torch.no_grad(), suppress(_Reached):
            forward()
    finally:
        for hook in hooks:
            hook.remove()
    return found[0] if found else nn.Identity()


def hidden_of(output: Any) -> Tensor:
    """Return the hidden states of a block's output: some blocks return a tuple."""
    hidden: Tensor = output[0] if isinstance(output, tuple) else output
    return hidden
