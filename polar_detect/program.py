"""A layer program as an immutable value: build, parse, print, edit.

A program is nothing but the sequence of layers that are called, so any order can be
written; how many layers the model has is the caller's to say where it matters.
"""

import re
import reprlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import index
from typing import Any, Literal, Self

from polar_detect.errors import ProgramError

_EMPTY = "-"
_INT = frozenset({int})
_NUMBER = "[0-9]{1,18}"  # Python reads no number of thousands of digits
_TOKEN = re.compile(
    rf"(?P<open>\[)?(?P<first>{_NUMBER})(?:-(?P<last>{_NUMBER}))?(?(open)\]x(?P<runs>{_NUMBER}))$"
)
_MAX_SHOWN = 40  # characters of what cannot be read or run
MAX_CALLS = 4096  # a typing slip such as [0-29]x99999 must not exhaust memory

# Which texts of a batch get their minimal program: all or the flagged ones from the detector's
# menu, none, or all by a search for each.
ProgramsOf = Literal["all", "flagged", "none", "searched"]


@dataclass(frozen=True, slots=True)
class Program:
    """The sequence of layers that a forward pass calls.

    Parameters
    ----------
    layers : tuple of int
        Layer indices in the order of the calls; may be empty, may revisit layers. Any other
        iterable of integers becomes a tuple.

    Raises
    ------
    ProgramError
        What is no iterable of integers from 0, truth values among them.

    Examples
    --------
    >>> from polar_detect import Program
    >>> program = Program.full(8).skip(6, 2).repeat(4, 2)
    >>> print(program, len(program))
    0-3 [4-5]x2 8
    >>> Program.parse("0-3 [4-5]x2") == program
    True

    Source: PoLar, arXiv 2606.06574, section 3 (program of layers).
    """

    layers: tuple[int, ...]

    def __post_init__(self) -> None:
        # Searches make programs by the thousand: what is as it should be is seen in .7 µs.
        if type(self.layers) is not tuple or not _INT.issuperset(map(type, self.layers)):
            object.__setattr__(self, "layers", _as_layers(self.layers))
        if self.layers and min(self.layers) < 0:
            raise _wrong_layers(self.layers)

    @classmethod
    def full(cls, n_layers: int) -> Self:
        """Return the program that calls each of `n_layers` layers once, in order."""
        if n_layers < 0:
            raise ProgramError(
                f"Got {n_layers} layers; expected 0 or more; count those of the model."
            )
        return cls(tuple(range(n_layers)))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the printed form, e.g. ``0-3 [4-5]x2 8-29``; raise `ProgramError` otherwise."""
        if not isinstance(text, str):
            raise ProgramError(
                f"Got a {type(text).__name__} for a program; expected text such as '0-3 8'; build "
                "one of layers by Program(layers)."
            )
        layers: list[int] = []
        tokens = text.split()
        for token in tokens if tokens != [_EMPTY] else []:
            layers.extend(_parse_token(token))
            if len(layers) > MAX_CALLS:
                raise ProgramError(
                    f"Got a program of more than {MAX_CALLS} layer calls at '{token}'; "
                    "expected a shorter one; lower the number of runs."
                )
        return cls(tuple(layers))

    def __str__(self) -> str:
        return " ".join(_printed_pieces(self.layers)) or _EMPTY

    def __repr__(self) -> str:
        """Return the call that builds it: thirty layers one by one are hard to read."""
        return f"Program.parse({str(self)!r})"

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[int]:
        return iter(self.layers)

    def skip(self, position: int, n_calls: int = 1) -> Self:
        """Return the program without the `n_calls` calls that start at `position`."""
        self._check_segment(position, n_calls)
        return type(self)(self.layers[:position] + self.layers[position + n_calls :])

    def repeat(self, position: int, n_calls: int = 1, runs: int = 2) -> Self:
        """Return the program in which the segment at `position` runs `runs` times in a row."""
        self._check_segment(position, n_calls)
        if runs < 1:
            raise ProgramError(f"Got {runs} runs; expected at least 1; use skip to remove calls.")
        if len(self.layers) + n_calls * (runs - 1) > MAX_CALLS:
            raise ProgramError(
                f"Got {runs} runs of {n_calls} calls; expected a program of at most {MAX_CALLS} "
                "layer calls; lower the number of runs."
            )
        segment = self.layers[position : position + n_calls]
        return type(self)(
            self.layers[:position] + segment * runs + self.layers[position + n_calls :]
        )

    def counts(self, n_layers: int) -> tuple[int, ...]:
        """Return how often each of `n_layers` layers is called (0 skipped, 1 kept, 2+ looped)."""
        self.check(n_layers)
        calls = Counter(self.layers)
        return tuple(calls[layer] for layer in range(n_layers))

    def n_skips(self, n_layers: int) -> int:
        """Return how many of `n_layers` layers are never called."""
        return self.counts(n_layers).count(0)

    @property
    def n_loops(self) -> int:
        """Layer calls beyond the first of each layer; length = layers - skips + loops."""
        return len(self.layers) - len(set(self.layers))

    def check(self, n_layers: int) -> None:
        """Raise `ProgramError` unless every layer exists in a model of `n_layers` layers."""
        outside = [layer for layer in self.layers if layer >= n_layers]
        if outside:
            raise ProgramError(
                f"Got layer {outside[0]} in program '{shown(self)}'; the model has layers 0 to "
                f"{n_layers - 1}; use those."
            )

    def _check_segment(self, position: int, n_calls: int) -> None:
        if position < 0 or n_calls < 1 or position + n_calls > len(self.layers):
            raise ProgramError(
                f"Got a segment of {n_calls} calls at position {position}; expected it inside "
                f"the {len(self.layers)} calls of '{shown(self)}'; choose a position and length "
                "there."
            )


def one_edit_programs(n_layers: int) -> list[Program]:
    """Return the programs that skip one of the layers, in their order, then those that loop one.

    >>> [str(program) for program in one_edit_programs(2)]
    ['1', '0', '[0]x2 1', '0 [1]x2']
    """
    full, layers = Program.full(n_layers), range(n_layers)
    return [*(full.skip(layer) for layer in layers), *(full.repeat(layer) for layer in layers)]


def shown(program: object) -> str:
    """Return a program, or what stands in its place, as an error shows it: its beginning."""
    text = str(program)
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "…"


def _as_layers(layers: Any) -> tuple[int, ...]:
    try:
        indices = tuple(layers)
        if not any(isinstance(layer, bool) for layer in indices):
            return tuple(index(layer) for layer in indices)
    except TypeError as error:
        raise _wrong_layers(layers) from error
    raise _wrong_layers(layers)


def _wrong_layers(layers: object) -> ProgramError:
    return ProgramError(
        f"Got layers {reprlib.repr(layers)}; expected indices from 0; write layers as 0, 1, 2, …"
    )


def _parse_token(token: str) -> Iterable[int]:
    match = _TOKEN.match(token)
    if match is None:
        raise ProgramError(
            f"Got '{shown(token)}' in a program; expected a layer (4), a range (0-3) or a repeated "
            "segment ([4-5]x2); write e.g. '0-3 [4-5]x2 8-29'."
        )
    first = int(match["first"])
    last = int(match["last"] or first)
    runs = int(match["runs"] or 1)
    if last < first or runs < 1:
        raise ProgramError(
            f"Got '{token}' in a program; expected an ascending range and at least one run; "
            "write descending layers one by one."
        )
    if (last - first + 1) * runs > MAX_CALLS:
        raise ProgramError(
            f"Got '{token}'; expected at most {MAX_CALLS} layer calls; lower the number of runs."
        )
    return list(range(first, last + 1)) * runs


def _printed_pieces(layers: tuple[int, ...]) -> Iterator[str]:
    start = 0
    while start < len(layers):
        stop = _ascending_until(layers, start)
        segment = _repeated_segment(layers, start, stop)
        if segment is None:
            yield _range(layers[start], layers[stop - 1])
            start = stop
            continue
        if segment > start:
            yield _range(layers[start], layers[segment - 1])
        width = stop - segment
        runs = 1
        while layers[stop : stop + width] == layers[segment : segment + width]:
            stop += width
            runs += 1
        yield f"[{_range(layers[segment], layers[segment + width - 1])}]x{runs}"
        start = stop


def _ascending_until(layers: tuple[int, ...], start: int) -> int:
    stop = start + 1
    while stop < len(layers) and layers[stop] == layers[stop - 1] + 1:
        stop += 1
    return stop


def _repeated_segment(layers: tuple[int, ...], start: int, stop: int) -> int | None:
    """Return where in the ascending run [start, stop) a segment starts that runs again."""
    if stop == len(layers) or not layers[start] <= layers[stop] < layers[stop - 1] + 1:
        return None
    segment = start + layers[stop] - layers[start]
    width = stop - segment
    return segment if layers[stop : stop + width] == layers[segment:stop] else None


def _range(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"
