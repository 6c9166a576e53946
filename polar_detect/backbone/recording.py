"""Calling single blocks of a model with the arguments that its own forward gives them.

The model's own forward runs; its blocks are watched by hooks, or stand still. No forward is
copied. Nothing else may run a block meanwhile.
"""

import copy
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
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
    way_out : tuple of nn.Module
        What the last block's output goes through, one after the other, before the head gets it.
    multiplies_first : bool
        Whether something is multiplied by a matrix before the first block gets it.
    shape : tuple of int
        Of the states that the last block returned.
    """

    blocks: list[nn.Module]
    extras: list[tuple[Any, ...] | None]
    final_norm: nn.Module
    way_out: tuple[nn.Module, ...] = ()
    multiplies_first: bool = False
    shape: tuple[int, ...] = ()

    @property
    def has_extras(self) -> bool:
        """Whether later blocks may be given what earlier ones made of the texts that were run."""
        return any(value is not None for extra in self.extras for value in extra or ())

    def fault(self, tokens: tuple[int, ...]) -> str | None:
        """Return why the blocks are no stack over the states of so many rows of tokens, if so."""
        n_calls, n_blocks = len(self.extras), len(self.blocks)
        if n_calls != n_blocks:
            return f"it makes {n_calls} calls of its {n_blocks} layers"
        if self.shape[:-1] != tokens:  # of prompts too, of windows, of several streams
            return f"states of {tokens} tokens have the shape {self.shape}"
        return None


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


def of_any_rows(record: Callable[[int], list[Call]], *, repeats: bool) -> list[Call]:
    """Return the calls of blocks for any number of rows.

    Parameters
    ----------
    record : callable
        From a number of rows to the calls that these get.
    repeats : bool
        Whether some arguments are of each row, which was seen where those of one did not broadcast
        over others: what two rows get twice as long is repeated for each.
    """
    one = record(1)
    if not repeats:
        return one
    return [own.repeated_as(others) for own, others in zip(one, record(2), strict=True)]


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


def first_input_in_blocks(
    blocks: Sequence[nn.Module], forward: Callable[[Tensor], Any], ids: Tensor, size: int
) -> Tensor:
    """Return what the first block gets of token ids (n_rows, n_tokens), of `size` rows at once.

    So the products that some models make before their first block have a row's bits in any company.
    """
    filling = ids[:1].expand(-len(ids) % size, -1)  # zeros would be taken for padding
    pieces = torch.split(torch.cat([ids, filling]), size)
    found = [first_input(blocks, partial(forward, own)) for own in pieces]
    return torch.cat(found)[: len(ids)]


def has_matrix(module: nn.Module) -> bool:
    """Say whether a module itself has a matrix that is no table to look up rows in."""
    own = module.parameters(recurse=False)
    return not isinstance(module, nn.Embedding) and any(weight.ndim > 1 for weight in own)


def examine(
    model: nn.Module,
    blocks: Sequence[nn.Module],
    forward: Callable[[], Any],
    head: nn.Module | None = None,
) -> tuple[Anatomy, Any]:
    """Run `forward` once, as it is; return what that shows, and what the model returned.

    Parameters
    ----------
    model : nn.Module
    blocks : sequence of nn.Module
    forward : callable
    head : nn.Module, optional
        A part of the model that makes logits of states.
    """
    watch = _Watch(len(blocks))
    inside = {id(module) for block in blocks for module in block.modules()}
    hooks = [block.register_forward_hook(watch.remember) for block in blocks]
    for module in model.modules():
        if id(module) not in inside:
            hooks.append(module.register_forward_pre_hook(watch.enter, with_kwargs=True))
            hooks.append(module.register_forward_hook(watch.leave))
    try:
        with torch.no_grad():
            output = forward()
    finally:
        for hook in hooks:
            hook.remove()
    last = _hidden_of(watch.outputs[-1]) if watch.outputs else None
    norms = (own.module for own in watch.behind if own.given is last and _is_norm(own.module))
    norm = next(norms, nn.Identity())
    way = None if head is None else _way(watch.behind, last, head)
    anatomy = Anatomy(
        list(blocks),
        [tuple(o[1:]) if isinstance(o, tuple | list) else None for o in watch.outputs],
        norm,
        # Where something that is no module does its part, the norm alone is tried.
        way_out=(norm,) if way is None else way,
        multiplies_first=any(map(has_matrix, watch.before)),
        shape=tuple(last.shape) if isinstance(last, Tensor) else (),
    )
    return anatomy, output


@dataclass(eq=False)
class _Visit:
    """A call of a module, what it was given first, and what it returned."""

    module: nn.Module
    given: Any
    made: Any = None


class _Watch:
    """What hooks see while a model's forward runs.

    Attributes
    ----------
    outputs : list
        Of the blocks.
    before : list of nn.Module
        That are called before the first block is done, but for parts of blocks.
    behind : list of _Visit
        Calls from the last block on, each in front of those that it makes itself.
    """

    def __init__(self, n_blocks: int) -> None:
        self.outputs: list[Any] = []
        self.before: list[nn.Module] = []
        self.behind: list[_Visit] = []
        self._n_blocks = n_blocks
        self._open: list[_Visit] = []

    def remember(self, _: nn.Module, __: Any, output: Any) -> None:
        """Keep what a block returns."""
        self.outputs.append(output)

    def enter(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Note that another module is called."""
        if not self.outputs:
            self.before.append(module)
        elif len(self.outputs) == self._n_blocks:
            visit = _Visit(module, next(iter((*args, *kwargs.values())), None))
            self.behind.append(visit)
            self._open.append(visit)

    def leave(self, module: nn.Module, _: Any, output: Any) -> None:
        """Keep what it returns, if it was not called before the last block was done."""
        if self._open and self._open[-1].module is module:
            self._open.pop().made = output


def _way(visits: Sequence[_Visit], state: Any, head: nn.Module) -> tuple[nn.Module, ...] | None:
    """Return the modules that lead from a state to the head, without it; None where none do."""
    for i, visit in enumerate(visits):
        if not _is_view(visit.given, state):
            continue
        if visit.module is head:
            return ()
        if any(module is head for module in visit.module.modules()):
            return (_without(visit.module, head),)
        rest = _way(visits[i + 1 :], visit.made, head)
        if rest is not None:
            return (visit.module, *rest)
    return None


def _is_view(value: Any, state: Any) -> bool:
    """Say whether a value is the very numbers of a state: models slice what they read out."""
    return isinstance(value, Tensor) and isinstance(state, Tensor) and value.is_set_to(state)


def _without(module: nn.Module, head: nn.Module) -> nn.Module:
    """Return a copy of a module, with its own weights, that hands on what its head would get."""
    memo: dict[int, Any] = {id(parameter): parameter for parameter in module.parameters()}
    return copy.deepcopy(module, memo | {id(head): nn.Identity()})


def _is_norm(module: nn.Module) -> bool:
    return "norm" in type(module).__name__.lower()


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
