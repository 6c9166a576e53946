import math
from collections import Counter
from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polar_detect.errors import InputError, ProgramError
from polar_detect.program import Program
from polar_detect.search.space import Segment, Space, neighbours


def cuts(n_layers, max_segment):
    """Yield every way to cut the layers into segments, as (first, width) pairs."""
    if n_layers == 0:
        yield ()
    for width in range(1, min(max_segment, n_layers) + 1):
        for rest in cuts(n_layers - width, max_segment):
            yield (*rest, (n_layers - width, width))


def written(space):
    """Return every program that some cut writes: the definition, by brute force."""
    programs = set()
    for cut in cuts(space.n_layers, space.max_segment):
        for runs in product(range(space.max_runs + 1), repeat=len(cut)):
            parts = [tuple(range(a, a + w)) * r for (a, w), r in zip(cut, runs, strict=True)]
            orders = permutations(parts) if space.any_order else [parts]
            programs |= {Program(sum(order, ())) for order in orders}
    return programs


SPACES = [
    *(Space(n, max_runs=r) for n in range(7) for r in (1, 2, 4) if (n, r) != (6, 4)),
    pytest.param(Space(6, max_runs=4), marks=pytest.mark.slow),  # half the time of all
    Space(5, max_segment=2),
    *(Space(n, max_runs=r, any_order=True) for n in range(5) for r in (2, 3)),
]
each_space = pytest.mark.parametrize("space", SPACES, ids=str)


@each_space
def test_the_count_is_that_of_enumeration(space):
    assert space.count() == len(written(space))


@each_space
def test_iterating_yields_every_program_once(space):
    programs = list(space)
    assert len(programs) == len(set(programs))
    assert set(programs) == written(space)


@each_space
def test_exactly_the_programs_that_some_cut_writes_are_in_the_space(space):
    members = written(space)
    assert all(program in space for program in members)
    n = space.n_layers
    others = {Program(p) for k in range(min(n + 2, 5)) for p in product(range(n + 1), repeat=k)}
    assert not any(program in space for program in others - members)


@each_space
def test_the_canonical_form_writes_its_program_with_fewest_segments_and_covers_all_layers(space):
    fewest = fewest_segments(space)
    for program in written(space):
        segments = space.segments(program)
        assert sum((s.calls for s in segments), ()) == program.layers
        layers = sorted(i for s in segments for i in range(s.first, s.first + s.n_layers))
        assert layers == list(range(space.n_layers))
        assert all(1 <= s.n_layers <= space.max_segment for s in segments)
        if not space.any_order:
            assert len(segments) == fewest[program]


def fewest_segments(space):
    """Return the least number of segments that write each program, by brute force."""
    fewest = {}
    for cut in cuts(space.n_layers, space.max_segment):
        for runs in product(range(space.max_runs + 1), repeat=len(cut)):
            parts = [tuple(range(a, a + w)) * r for (a, w), r in zip(cut, runs, strict=True)]
            program = Program(sum(parts, ()))
            fewest[program] = min(len(cut), fewest.get(program, len(cut)))
    return fewest


def test_the_canonical_form_packs_from_the_left():
    program = Program.parse("0-5 [6-7]x2 12")
    assert Space(13).segments(program) == (
        Segment(0, 4, 1),
        Segment(4, 2, 1),
        Segment(6, 2, 2),
        Segment(8, 4, 0),
        Segment(12, 1, 1),
    )


@pytest.mark.parametrize(
    "text", ["0-1 [2]x3", "1 0", "[0-4]x2", "0-3 0", "0-8", "0 1 0 1 2 1", "0 2 0 2"]
)
def test_a_program_outside_the_space_is_refused_with_its_name(text):
    space, program = Space(8), Program.parse(text)
    assert program not in space
    with pytest.raises(
        ProgramError, match=r"^Got program '.*'; expected segments of at most 4 .* asc"
    ):
        space.segments(program)


@pytest.mark.parametrize("options", [{"n_layers": -1}, {"max_segment": 0}, {"max_runs": 0}])
def test_a_space_of_no_segments_or_runs_is_refused(options):
    with pytest.raises(InputError, match=rf"^Got Space with {next(iter(options))} -?\d;"):
        Space(**{"n_layers": 3, **options})


@pytest.mark.slow
@pytest.mark.parametrize(
    "space", [Space(3), Space(3, any_order=True), Space(3, max_runs=4)], ids=str
)
def test_samples_are_uniform_over_distinct_programs(space):
    rng = np.random.default_rng(0)
    n = 100 * space.count()
    drawn = Counter(space.sample(rng) for _ in range(n))
    assert set(drawn) == written(space)
    # Each count is binomial with mean 100; six standard deviations.
    assert max(abs(count - 100) for count in drawn.values()) < 60


@given(st.integers(0, 40), st.sampled_from([1, 2, 4]), st.booleans(), st.integers(0, 10_000))
def test_samples_are_in_the_space(n_layers, max_runs, any_order, seed):
    space = Space(n_layers, max_runs=max_runs, any_order=any_order)
    assert space.sample(np.random.default_rng(seed)) in space


def test_neighbours_skip_or_repeat_up_to_so_many_calls_in_a_row():
    full = Program.full(6)
    for max_calls in (1, 4):
        met = list(neighbours(full, max_calls=max_calls))
        widths = range(1, max_calls + 1)
        expected = {full.skip(i, w) for w in widths for i in range(7 - w)}
        expected |= {full.repeat(i, w) for w in widths for i in range(7 - w)}
        assert set(met) == expected
        assert len(met) == len(expected)
    assert all(program in Space(6) for program in neighbours(full, max_calls=4))


def test_neighbours_call_no_layer_three_times_and_are_never_empty():
    looped = Program.parse("[0]x2 1")
    assert Program.parse("[0]x3 1") not in neighbours(looped, max_calls=1)
    assert set(neighbours(looped, max_calls=1)) == {
        Program((0, 1)),
        Program((0, 0, 1, 1)),
        Program((0, 0)),
    }
    assert list(neighbours(Program((0, 0)), max_calls=2)) == [Program((0,))]


def test_neighbours_in_the_space_of_cola_call_a_layer_up_to_four_times():
    looped = Program.parse("[0]x3 1")
    assert Program.parse("[0]x4 1") in set(neighbours(looped, max_calls=1, max_runs=4))
    assert Program.parse("[0]x4 1") not in set(neighbours(looped, max_calls=1, max_runs=3))
    full = Program.full(5)
    assert set(neighbours(full, max_calls=4, max_runs=4)) == set(neighbours(full, max_calls=4))


def test_every_ordered_space_is_part_of_the_unordered_one():
    ordered, unordered = Space(4), Space(4, any_order=True)
    assert written(ordered) < written(unordered)
    assert unordered.count() <= ordered.count() * math.factorial(4)
