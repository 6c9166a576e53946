"""The program spaces of the papers: canonical form, count, uniform samples, neighbours.

A program of a space cuts the layers into contiguous segments, and skips, keeps or repeats
each. Many cuts write the same program, but what is *repeated* can be read off it in one way
only: a layer that is called again tells the width of its segment by the calls in between.
So programs are counted and drawn as single skips, single keeps and repeated segments.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import groupby, permutations, product
from math import factorial

import numpy as np

from polar_detect.errors import ProgramError
from polar_detect.program import Program, shown
from polar_detect.search.protocol import check_counts


@dataclass(frozen=True, slots=True)
class Segment:
    """Consecutive layers and how often they run: 0 skips, 1 keeps, 2 or more repeat them."""

    first: int
    n_layers: int
    runs: int

    @property
    def calls(self) -> tuple[int, ...]:
        """The layer calls that the segment makes."""
        return tuple(range(self.first, self.first + self.n_layers)) * self.runs


@dataclass(frozen=True, slots=True)
class Space:
    """Programs made of contiguous segments, each skipped, kept or repeated.

    Parameters
    ----------
    n_layers : int
    max_segment : int
        Longest segment, in layers.
    max_runs : int
        Most runs of a repeated segment: 2 in PoLar, 4 in CoLa.
    any_order : bool
        Whether the segments may run in any order, instead of ascending.

    Raises
    ------
    InputError
        Fewer than no layers, or segments or runs below one.

    Examples
    --------
    >>> space = Space(30)
    >>> Program.parse("0-3 [4-5]x2 8-29") in space, Program.parse("0 [1]x3") in space
    (True, False)
    >>> f"{space.count():.2e}", f"{Space(30, max_runs=4).count():.2e}"
    ('7.95e+15', '3.08e+22')

    Source: PoLar, arXiv 2606.06574, section 3; CoLa, arXiv 2507.07996.
    """

    n_layers: int
    max_segment: int = 4
    max_runs: int = 2
    any_order: bool = False

    def __post_init__(self) -> None:
        check_counts(self, n_layers=0, max_segment=1, max_runs=1)

    def check(self, n_layers: int) -> None:
        """Raise `ProgramError` unless its programs are of a model of `n_layers` layers."""
        if self.n_layers != n_layers:
            raise ProgramError(
                f"Got a space of programs of {self.n_layers} layers; expected the {n_layers} of "
                f"the model; search Space({n_layers}) or one like it."
            )

    def __contains__(self, program: Program) -> bool:
        return self._called(program) is not None

    def segments(self, program: Program) -> tuple[Segment, ...]:
        """Return the canonical form: the fewest segments, the longest first where there is choice.

        Skipped segments stand before the segment of the next layer, or in ascending order at
        the end where segments run in any order.

        Raises
        ------
        ProgramError
            If the program is not in the space.
        """
        called = self._called(program)
        if called is None:
            order = "any" if self.any_order else "ascending"
            raise ProgramError(
                f"Got program '{shown(program)}'; expected segments of at most "
                f"{self.max_segment} of {self.n_layers} layers in {order} order, each run at most "
                f"{self.max_runs} times; use such a program."
            )
        met = set(program.layers)
        skipped = [Segment(i, 1, 0) for i in range(self.n_layers) if i not in met]
        singles = [*called, *skipped]
        if not self.any_order:
            singles.sort(key=lambda segment: segment.first)
        return tuple(_packed(singles, self.max_segment))

    def count(self) -> int:
        """Return the number of distinct programs, exactly."""
        return sum(self._weights())

    def sample(self, rng: np.random.Generator) -> Program:
        """Draw a program; all distinct programs of the space are equally likely."""
        n_called = _drawn(rng, self._weights())
        blocks: list[Segment] = []
        first = 0
        while first < self.n_layers:
            moves = self._moves()
            weights = [self._ways(first + w, n_called - (r > 0)) for w, r in moves]
            n_layers, runs = moves[_drawn(rng, weights)]
            if runs:
                blocks.append(Segment(first, n_layers, runs))
                n_called -= 1
            first += n_layers
        if self.any_order:
            blocks = [blocks[i] for i in rng.permutation(len(blocks))]
        return Program(tuple(call for block in blocks for call in block.calls))

    def __iter__(self) -> Iterator[Program]:
        """Yield every distinct program, fewest called segments first; for small spaces."""
        for n_called in range(self.n_layers + 1):
            for blocks in self._filled(0, n_called):
                orders = permutations(blocks) if self.any_order else (blocks,)
                for order in orders:
                    yield Program(tuple(call for block in order for call in block.calls))

    def _filled(self, first: int, n_called: int) -> Iterator[tuple[Segment, ...]]:
        """Yield the called segments of every way to fill the layers from `first` on."""
        if first == self.n_layers and n_called == 0:
            yield ()
        for n_layers, runs in self._moves():
            if self._ways(first + n_layers, n_called - (runs > 0)):
                own = (Segment(first, n_layers, runs),) if runs else ()
                for rest in self._filled(first + n_layers, n_called - (runs > 0)):
                    yield (*own, *rest)

    def _moves(self) -> list[tuple[int, int]]:
        """Return what can stand next, as (layers, runs)."""
        repeats = product(range(1, self.max_segment + 1), range(2, self.max_runs + 1))
        return [(1, 0), (1, 1), *repeats]

    def _weights(self) -> list[int]:
        """Return the number of programs by the number of segments that are called."""
        counts = _counts(self.n_layers, self.max_segment, self.max_runs)
        return [n * (factorial(m) if self.any_order else 1) for m, n in enumerate(counts)]

    def _ways(self, first: int, n_called: int) -> int:
        """Return in how many ways the layers from `first` on hold `n_called` called segments."""
        if first > self.n_layers or n_called < 0:
            return 0
        counts = _counts(self.n_layers - first, self.max_segment, self.max_runs)
        return counts[n_called] if n_called < len(counts) else 0

    def _called(self, program: Program) -> list[Segment] | None:
        """Return single keeps and repeated segments in the order of the calls."""
        blocks = list(_blocks(program.layers))
        layers = [
            layer for block in blocks for layer in range(block.first, block.first + block.n_layers)
        ]
        fits = all(
            block.runs <= self.max_runs and (block.runs == 1 or block.n_layers <= self.max_segment)
            for block in blocks
        )
        is_new = len(set(layers)) == len(layers) and all(i < self.n_layers for i in layers)
        is_ordered = self.any_order or layers == sorted(layers)
        rebuilt = tuple(call for block in blocks for call in block.calls)
        return blocks if fits and is_new and is_ordered and rebuilt == program.layers else None


def neighbours(program: Program, *, max_calls: int, max_runs: int = 2) -> Iterator[Program]:
    """Yield every program that skips or repeats up to `max_calls` calls in a row.

    Nothing is yielded twice. The Monte Carlo tree search of PoLar uses up to 4 calls at the
    root, 1 below.

    Parameters
    ----------
    program : Program
    max_calls : int
    max_runs : int
        Nothing is repeated so that a layer is called more often: 2 in PoLar, 4 in CoLa.

    Source: PoLar, arXiv 2606.06574, section 4; mcts_discovery/run_mcts.py of its code.
    """
    met = {program, Program(())}
    calls = Counter(program.layers)
    n = len(program)
    for position in range(n):
        widths = range(1, min(max_calls, n - position) + 1)
        edits = [program.skip(position, width) for width in widths]
        for width in widths:
            again = calls + Counter(program.layers[position : position + width])
            if max(again.values()) <= max_runs:
                edits.append(program.repeat(position, width))
        for edit in edits:
            if edit not in met:
                met.add(edit)
                yield edit


@cache
def _counts(n_layers: int, max_segment: int, max_runs: int) -> tuple[int, ...]:
    """Return, by the number of called segments, the ways to fill `n_layers` layers."""
    table = [[1, *([0] * n_layers)]]
    for n in range(1, n_layers + 1):
        # A single skip, a single keep, or a repeated segment comes last.
        row = list(table[n - 1])
        for width in range(1, min(max_segment, n) + 1):
            kinds = max_runs - 1 + (width == 1)
            for m in range(1, n_layers + 1):
                row[m] += kinds * table[n - width][m - 1]
        table.append(row)
    return tuple(table[n_layers])


def _blocks(layers: tuple[int, ...]) -> Iterator[Segment]:
    """Read single keeps and repeated segments off the calls, left to right."""
    start = 0
    while start < len(layers):
        again = next((i for i in range(start + 1, len(layers)) if layers[i] == layers[start]), None)
        if again is None:
            yield Segment(layers[start], 1, 1)
            start += 1
            continue
        width, runs = again - start, 1
        unit = layers[start:again]
        while layers[start + runs * width : start + (runs + 1) * width] == unit:
            runs += 1
        yield Segment(layers[start], width, max(runs, 2))
        start += width * max(runs, 2)


def _packed(singles: list[Segment], max_segment: int) -> Iterator[Segment]:
    """Join consecutive single skips and single keeps to segments as long as possible."""
    runs = (s.first if s.runs < 2 else -1 for s in singles)
    places = [(s.runs, first - i) for i, (s, first) in enumerate(zip(singles, runs, strict=True))]
    for (n_runs, _), group in groupby(zip(places, singles, strict=True), key=lambda pair: pair[0]):
        members = [segment for _, segment in group]
        if n_runs >= 2:
            yield from members
            continue
        for start in range(0, len(members), max_segment):
            yield Segment(members[start].first, len(members[start : start + max_segment]), n_runs)


def _drawn(rng: np.random.Generator, weights: list[int]) -> int:
    """Draw an index in proportion to weights of any size, without rounding."""
    total = sum(weights)
    n_bytes = -(-total.bit_length() // 8) + 1
    limit = (256**n_bytes // total) * total
    while (drawn := int.from_bytes(rng.bytes(n_bytes), "big")) >= limit:
        continue
    drawn %= total
    for i, weight in enumerate(weights):
        if drawn < weight:
            return i
        drawn -= weight
    raise AssertionError("a draw below the total falls into one of the weights")
