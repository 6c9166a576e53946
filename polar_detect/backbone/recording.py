"""Calling single blocks of a model with the arguments that its own forward gives them.

The model's own forward runs; its blocks are watched by hooks, or stand still. No forward is
copied. Nothing else may run a block meanwhile.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from types import NoneType
from typing import Any

import torch
from torch import Tensor, nn

# What a model may raise whose blocks are called in another way than its own forward does.
FAILURES = (RuntimeError, TypeError, ValueError, IndexError, AttributeError)
_VALUES = (Tensor, NoneType, int, float, str)  # to which nobody adds anything


@dataclass(frozen=True)
class Call:
    """The arguments that a model's forward gives one block, but for the hidden states.

    Parameters
    ----------
    args, kwargs
    of_each_row : frozenset of int and str
        Places among `args` and names among `kwargs` of tensors that are of a single row, and that
        a block wants of each row, one behind the other along their first axis.
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    of_each_row: frozenset[int | str] = frozenset()

    def of(self, block: Callable[..., Any], hidden: Tensor) -> Tensor:
        """Call a block on hidden states (n_rows, …) with these arguments."""
        args, kwargs = list(self.args), dict(self.kwargs)
        for place in self.of_each_row:
            if isinstance(place, int):
                args[place] = _repeated(args[place], len(hidden))
            else:
                kwargs[place] = _repeated(kwargs[place], len(hidden))
        return _hidden_of(block(hidden, *args, **kwargs))

    def repeated_as(self, two: "Call") -> "Call":
        """Return the call that repeats what is twice as long in that of two rows."""
        own, others = self._by_place(), two._by_place()
        grown = {place for place, x in own.items() if _is_twice(others.get(place), x)}
        return replace(self, of_each_row=frozenset(grown))

    def is_as(self, other: "Call") -> bool:
        """Say whether the tensors that another call gives are the same to the last bit."""
        own, others = (list(_leaves(call._by_place().values())) for call in (self, other))
        return len(own) == len(others) and all(map(_are_equal, own, others))

    @property
    def can_be_written_to(self) -> bool:
        """Whether a block could leave something for others in what it is given."""
        return not all(isinstance(own, _VALUES) for own in _leaves(self._by_place().values()))

    def _by_place(self) -> dict[int | str, Any]:
        return dict([*enumerate(self.args), *self.kwargs.items()])


@dataclass(frozen=True)
class Anatomy:
    """What one run of a model's forward shows.

    Parameters
    ----------
    blocks : list of nn.Module
    extras : one per call of a block
        What a block returns behind the hidden states; None where it returns nothing else, and
        no tuple.
    final_norm : nn.Module
        That gets the last block's output; the identity where there is none.
    """

    blocks: list[nn.Module]
    extras: list[tuple[Any, ...] | None]
    final_norm: nn.Module

    @property
    def has_extras(self) -> bool:
        """Whether later blocks may be given what earlier ones made of the texts that were run."""
        return any(value is not None for extra in self.extras for value in extra or ())


class _Reached(Exception):
    """Carries a module's input out of the model's own forward, whose rest does not run."""

    def __init__(self, hidden: Tensor) -> None:
        super().__init__()
        self.hidden = hidden


def record_calls(anatomy: Anatomy, forward: Callable[[], Any]) -> list[Call]:
    """Return the arguments that each block gets while `forward` runs the model once.

    The blocks hand on the states that they get, and the head does not run: what is recorded
    must not depend on states, as it is replayed with others. Running the 30 blocks of SmolLM2
    would take .07 s for every length of text (2 cores), and texts have up to 17.
    """
    calls: list[Call] = []
    own = threading.get_ident()

    def stand_in(block: nn.Module, extra: tuple[Any, ...] | None) -> Callable[..., Any]:
        real = block.forward

        def still(*args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() != own:
                return real(*args, **kwargs)
            hidden = args[0] if args else kwargs.pop("hidden_states")
            calls.append(Call(args[1:], kwargs))
            if len(calls) == len(anatomy.blocks):
                raise _Reached(hidden)
            return hidden if extra is None else (hidden, *extra)

        return still

    with ExitStack() as replaced:
        for block, extra in zip(anatomy.blocks, anatomy.extras, strict=True):
            replaced.enter_context(_with_forward(block, stand_in(block, extra)))
        try:
            forward()
        except _Reached:
            return calls
    raise AssertionError("the model's forward never called its last block")


@contextmanager
def _with_forward(block: nn.Module, forward: Callable[..., Any]) -> Iterator[None]:
    """Let a block compute something else for a while."""
    kept = vars(block).get("forward")  # None where it is its class's
    block.forward = forward
    try:
        yield
    finally:
        if kept is None:
            del block.forward
        else:
            block.forward = kept


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


def examine(
    model: nn.Module, blocks: Sequence[nn.Module], forward: Callable[[], Any]
) -> tuple[Anatomy, Any]:
    """Run `forward` once, as it is; return what that shows, and what the model returned."""
    outputs: list[Any] = []
    found: list[nn.Module] = []

    def remember(_: nn.Module, __: Any, output: Any) -> None:
        outputs.append(output)

    def compare(module: nn.Module, args: tuple[Any, ...]) -> None:
        if len(outputs) == len(blocks) and args and args[0] is _hidden_of(outputs[-1]):
            found.append(module)

    inside = {id(module) for block in blocks for module in block.modules()}
    norms = [
        module
        for module in model.modules()
        if id(module) not in inside and "norm" in type(module).__name__.lower()
    ]
    hooks = [block.register_forward_hook(remember) for block in blocks]
    hooks += [norm.register_forward_pre_hook(compare) for norm in norms]
    try:
        with torch.no_grad():
            output = forward()
    finally:
        for hook in hooks:
            hook.remove()
    extras = [tuple(o[1:]) if isinstance(o, tuple | list) else None for o in outputs]
    return Anatomy(list(blocks), extras, found[0] if found else nn.Identity()), output


def _hidden_of(output: Any) -> Tensor:
    """Return the hidden states of a block's output: some blocks return a tuple or a list."""
    hidden: Tensor = output[0] if isinstance(output, tuple | list) else output
    return hidden


def _repeated(value: Tensor, n_rows: int) -> Tensor:
    return value.repeat(n_rows, *[1] * (value.ndim - 1))


def _leaves(values: Iterable[Any]) -> Iterator[Any]:
    """Yield what stands in tuples and lists, however deep."""
    for value in values:
        if isinstance(value, tuple | list):
            yield from _leaves(value)
        else:
            yield value


def _are_equal(one: Any, other: Any) -> bool:
    """Say whether arguments are equal, as far as they are tensors."""
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return torch.equal(one, other)
    return not isinstance(one, Tensor) and not isinstance(other, Tensor)


def _is_twice(longer: Any, value: Any) -> bool:
    """Say whether a tensor is another one, but for a first axis of twice the length."""
    if not (isinstance(longer, Tensor) and isinstance(value, Tensor) and value.ndim):
        return False
    return longer.shape == (2 * value.shape[0], *value.shape[1:])
