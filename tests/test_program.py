import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polar_detect.errors import PolarError, ProgramError
from polar_detect.program import Program
from polar_detect.search.space import Space

layers = st.lists(st.integers(0, 12), max_size=24).map(tuple)
# Ascending runs with repeated parts, which random layers seldom contain.
segments = st.lists(
    st.tuples(st.integers(0, 9), st.integers(1, 5), st.integers(1, 3)), max_size=6
).map(lambda parts: tuple(i for a, width, runs in parts for i in [*range(a, a + width)] * runs))


@given(layers | segments)
def test_a_printed_program_is_read_back_unchanged(sequence):
    assert Program.parse(str(Program(sequence))).layers == sequence


@given(layers | segments)
def test_a_program_is_shown_as_the_call_that_builds_it(sequence):
    own = Program(sequence)
    assert repr(own) == f"Program.parse('{own}')"
    assert eval(repr(own)) == own


@given(layers | segments, layers | segments)
def test_different_programs_are_printed_differently(one, other):
    assert (str(Program(one)) == str(Program(other))) == (one == other)


@pytest.mark.parametrize(
    ("sequence", "printed"),
    [
        ((), "-"),
        ((4,), "4"),
        ((0, 1, 2, 3, 4, 5, 4, 5, 8, 9), "0-3 [4-5]x2 8-9"),
        ((0, 1, 1, 1, 2), "0 [1]x3 2"),
        ((3, 2, 1), "3 2 1"),
        ((0, 1, 2, 0, 1, 2), "[0-2]x2"),
    ],
)
def test_programs_are_printed_in_the_form_of_the_command_line(sequence, printed):
    assert str(Program(sequence)) == printed
    assert Program.parse(printed).layers == sequence


def test_blanks_between_and_around_the_parts_of_a_program_do_not_matter():
    assert Program.parse("  0-1\t[2]x2 \n") == Program((0, 1, 2, 2))


@given(st.integers(1, 12), st.data())
def test_length_is_layers_minus_skips_plus_loops(n_layers, data):
    program = Program(tuple(data.draw(st.lists(st.integers(0, n_layers - 1), max_size=24))))
    assert len(program) == n_layers - program.n_skips(n_layers) + program.n_loops
    assert len(program) == len(list(program))


def test_counts_tell_skipped_kept_and_looped_layers():
    program = Program.parse("0 [2]x3 1")
    assert program.counts(5) == (1, 1, 3, 0, 0)
    assert (program.n_skips(5), program.n_loops) == (2, 2)


def test_the_full_program_calls_every_layer_once_in_order():
    assert Program.full(4).layers == (0, 1, 2, 3)
    assert Program.full(4).counts(4) == (1, 1, 1, 1)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=12), st.data())
def test_edits_touch_only_their_segment(sequence, data):
    program = Program(tuple(sequence))
    position = data.draw(st.integers(0, len(sequence) - 1))
    n_calls = data.draw(st.integers(1, len(sequence) - position))
    runs = data.draw(st.integers(1, 4))
    before = sequence[:position]
    segment = sequence[position : position + n_calls]
    after = sequence[position + n_calls :]
    assert list(program.skip(position, n_calls)) == before + after
    assert list(program.repeat(position, n_calls, runs)) == before + segment * runs + after
    assert list(program) == sequence


def test_looping_a_layer_twice_equals_listing_it_twice():
    assert Program.full(3).repeat(1) == Program((0, 1, 1, 2))
    assert hash(Program.full(3).repeat(1)) == hash(Program((0, 1, 1, 2)))
    assert Program.full(3).repeat(1) != Program.full(3)


def test_running_a_segment_once_changes_nothing():
    assert Program.full(5).repeat(1, 3, runs=1) == Program.full(5)


@pytest.mark.parametrize(
    "text",
    [
        "\u0663",
        "\uff13",
        "a",
        "-1",
        "1-",
        "[1-2]",
        "[1-2]x",
        "1-2x2",
        "1,2",
        "[1 2]x2",
        "1]x2",
        "1.5",
        "0-3;",
        "--",
    ],
)
def test_what_is_no_program_is_refused_with_an_example(text):
    with pytest.raises(ProgramError, match=r"in a program; expected a layer .* write e\.g\."):
        Program.parse(text)


@pytest.mark.parametrize("text", ["3-1", "[3-1]x2", "[1-2]x0"])
def test_descending_ranges_and_no_runs_are_refused(text):
    with pytest.raises(ProgramError, match="expected an ascending range and at least one run"):
        Program.parse(text)


@pytest.mark.parametrize("text", ["[0-29]x99999", "0-99999999999", "[0]x999999999999999"])
def test_a_part_of_very_many_calls_is_refused_before_it_is_built(text):
    with pytest.raises(ProgramError, match="expected at most 4096 layer calls"):
        Program.parse(text)


def test_parts_that_add_up_to_very_many_calls_are_refused():
    assert len(Program.parse("[0]x4000")) == 4000
    with pytest.raises(ProgramError, match="more than 4096 layer calls"):
        Program.parse("[0]x4000 " * 2)


@pytest.mark.parametrize(
    "layers",
    [(0, -1), [0, -1], (1.5,), (True,), [False], ("0",), "012", None, 5, (None,), (np.True_,)],
    ids=repr,
)
def test_what_is_no_sequence_of_indices_is_refused(layers):
    with pytest.raises(ProgramError, match="expected indices from 0"):
        Program(layers)


@pytest.mark.parametrize(
    "layers", [[0, 1, 2], range(3), np.arange(3), (np.int64(0), 1, 2)], ids=repr
)
def test_any_iterable_of_integers_becomes_a_tuple(layers):
    program = Program(layers)
    assert program == Program((0, 1, 2))
    assert hash(program) == hash(Program((0, 1, 2)))
    assert {type(layer) for layer in program.layers} == {int}


@pytest.mark.parametrize("text", [None, 5, b"0-3", ["0"]], ids=repr)
def test_only_text_is_parsed(text):
    with pytest.raises(ProgramError, match=r"^Got a .* for a program; expected text"):
        Program.parse(text)


def test_a_dash_alone_is_the_empty_program_and_no_part_of_another():
    assert Program.parse(" - ") == Program.parse("") == Program(())
    for text in ("0 - 3", "0 -", "- 3", "- -"):
        with pytest.raises(ProgramError, match="Got '-' in a program"):
            Program.parse(text)


def test_a_number_of_very_many_digits_is_refused_and_not_shown_whole():
    with pytest.raises(ProgramError, match=r"^Got '9{40}…' in a program"):
        Program.parse("9" * 5000)


@pytest.mark.parametrize(
    "use",
    [lambda p: p.check(4), lambda p: p.skip(9000), Space(4).segments],
    ids=["check", "skip", "segments"],
)
def test_a_long_program_that_cannot_be_used_is_not_shown_whole(use):
    with pytest.raises(ProgramError, match=r"'4 2 0 4 2 .{30}…'") as raised:
        use(Program((4, 2, 0) * 1000))
    assert len(str(raised.value)) < 200


def test_a_model_of_less_than_no_layers_is_refused():
    assert Program.full(0) == Program(())
    with pytest.raises(ProgramError, match="Got -1 layers; expected 0 or more"):
        Program.full(-1)


def test_repeating_into_very_many_calls_is_refused():
    assert len(Program.full(4).repeat(0, 4, runs=1024)) == 4096
    with pytest.raises(ProgramError, match=r"Got 1025 runs of 4 calls; expected .* 4096"):
        Program.full(4).repeat(0, 4, runs=1025)


@pytest.mark.parametrize(("position", "n_calls"), [(-1, 1), (0, 0), (0, 4), (2, 2), (3, 1)])
@pytest.mark.parametrize("edit", [Program.skip, Program.repeat])
def test_segments_outside_the_program_are_refused(edit, position, n_calls):
    with pytest.raises(ProgramError, match=r"Got a segment of .* inside the 3 calls of '0-2'"):
        edit(Program.full(3), position, n_calls)


def test_no_runs_are_refused_when_repeating():
    with pytest.raises(ProgramError, match="Got 0 runs; expected at least 1; use skip"):
        Program.full(3).repeat(0, runs=0)


def test_a_layer_that_the_model_does_not_have_is_refused_by_name():
    Program((0, 3)).check(4)
    with pytest.raises(ProgramError, match=r"Got layer 4 in program '0 4'.* layers 0 to 3"):
        Program((0, 4)).check(4)
    with pytest.raises(ProgramError, match="Got layer 4"):
        Program((0, 4)).counts(4)


def test_program_errors_are_both_polar_errors_and_value_errors():
    assert issubclass(ProgramError, PolarError)
    assert issubclass(ProgramError, ValueError)
