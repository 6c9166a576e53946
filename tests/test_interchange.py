import json
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polar_detect.errors import InputError, InputNotFoundError, OutputError, ProgramError
from polar_detect.program import Program
from polar_detect.programs.interchange import PolarFile, PolarSample, read, write

programs = st.lists(st.lists(st.integers(0, 35), max_size=9).map(lambda p: Program(tuple(p))))
texts = st.text(st.characters(exclude_categories=["Cs"]))
samples = st.builds(
    PolarSample,
    question=texts,
    answer=texts,
    initial_score=st.sampled_from([None, 0.0, 1.0]),
    valid=programs.map(tuple),
    invalid=programs.map(tuple),
    extra=st.dictionaries(st.sampled_from(["query_id", "sample_id"]), st.integers() | texts),
)
numbers = count()


@given(st.lists(samples, max_size=3), st.dictionaries(st.sampled_from(["BASE_MODEL"]), texts))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_is_read_back_unchanged(tmp_path, samples, header):
    path, file = tmp_path / f"{next(numbers)}.json", PolarFile(tuple(samples), header)
    write(path, file)
    assert read(path) == file


# As PoLar's own search and merge write it.
SAMPLE = {
    "sample_id": 0,
    "global_idx": 0,
    "query_id": "q7",
    "question": "What is 1 + 1?",
    "gt_ans": "2",
    "initial_score": 1.0,
    "final_valid_transitions": [[0, 1, 2, 3], [0, 1, 1, 3]],
    "final_invalid_transitions": [[0, 3]],
    "sample_info": {"question": "What is 1 + 1?", "ground_truth": "2", "prompt_text": ""},
}


def stored(tmp_path, *samples, **header):
    path = tmp_path / "merged_mcts_samples.json"
    path.write_text(json.dumps({"BASE_MODEL": "x", "samples": list(samples), **header}))
    return path


def test_a_file_of_the_polar_project_is_read_and_written_back_without_loss(tmp_path):
    path = stored(tmp_path, SAMPLE)
    file = read(path)
    (sample,) = file.samples
    assert (sample.question, sample.answer, sample.initial_score) == ("What is 1 + 1?", "2", 1.0)
    assert sample.valid == (Program.full(4), Program((0, 1, 1, 3)))
    assert sample.invalid == (Program((0, 3)),)
    write(tmp_path / "again.json", file)
    assert json.loads((tmp_path / "again.json").read_text()) == json.loads(path.read_text())


def test_programs_that_stand_as_objects_with_a_path_are_read(tmp_path):
    scored = {**SAMPLE, "final_valid_transitions": [{"path": [0, 2], "score": 1.0}]}
    assert read(stored(tmp_path, scored)).samples[0].valid == (Program((0, 2)),)


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("question", None, "question"),
        ("question", 3, "question"),
        ("gt_ans", ["2"], "gt_ans"),
        ("gt_ans", float("nan"), "gt_ans"),
        ("gt_ans", float("-inf"), "gt_ans"),
        ("initial_score", "high", "initial_score"),
        ("initial_score", True, "initial_score"),
        ("initial_score", 10**400, "initial_score"),
        ("initial_score", float("nan"), "initial_score"),
        ("initial_score", float("inf"), "initial_score"),
        ("final_valid_transitions", None, "final_valid_transitions"),
        ("final_valid_transitions", [[0], "0-3"], r"final_valid_transitions\[1\]"),
        ("final_invalid_transitions", [[0, -1]], r"final_invalid_transitions\[0\]"),
        ("final_invalid_transitions", [[0, 1.5]], r"final_invalid_transitions\[0\]"),
        ("final_invalid_transitions", [{"score": 1}], r"final_invalid_transitions\[0\]"),
    ],
)
def test_a_malformed_sample_is_refused_with_its_number_and_field(tmp_path, name, value, shown):
    path = stored(tmp_path, SAMPLE, {**SAMPLE, name: value})
    with pytest.raises(
        InputError, match=rf"^Got .* in field '{shown}' of sample 1 of .*; expected"
    ):
        read(path)


def test_of_a_long_value_the_beginning_is_shown(tmp_path):
    path = stored(tmp_path, {**SAMPLE, "initial_score": "x" * 59})
    with pytest.raises(InputError, match=r'^Got "x{56}\.\.\. in field'):
        read(path)
    with pytest.raises(InputError, match=r'^Got "x{58}" in field'):
        read(stored(tmp_path, {**SAMPLE, "initial_score": "x" * 58}))


def test_a_sample_that_is_no_object_is_refused_with_its_number(tmp_path):
    with pytest.raises(InputError, match="sample 1 of"):
        read(stored(tmp_path, SAMPLE, [0, 1]))


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"samples": {}}', "\udcff", "[" * 200_000], ids=range(6)
)
def test_a_file_that_is_no_list_of_samples_is_refused(tmp_path, content):
    path = tmp_path / "in.json"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match=r"^Got '.*in.json'.*; expected"):
        read(path)


def test_a_missing_file_and_a_folder_in_its_place_or_missing_are_named(tmp_path):
    with pytest.raises(InputNotFoundError, match=r"no\.json"):
        read(tmp_path / "no.json")
    with pytest.raises(InputError, match=r"^Got the folder '.*'; expected .*; name a file inside"):
        read(tmp_path)
    with pytest.raises(OutputError, match=r"is in no folder; expected .*; create '.*none' first"):
        write(tmp_path / "none" / "out.json", PolarFile(()))
    with pytest.raises(OutputError, match=r"is a folder; expected a file"):
        write(tmp_path, PolarFile(()))
    with pytest.raises(OutputError, match=r"^Got '\.' to write to"):
        write(Path(), PolarFile(()))


def test_a_byte_order_mark_is_read_over(tmp_path):
    path = stored(tmp_path, SAMPLE)
    expected = read(path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read(path) == expected


@pytest.mark.parametrize("name", ["question", "gt_ans"])
def test_half_a_character_is_refused_where_the_model_reads_and_kept_elsewhere(tmp_path, name):
    with pytest.raises(InputError, match=rf"in field '{name}' of sample 0 .* half characters"):
        read(stored(tmp_path, {**SAMPLE, name: "oil \ud800"}))
    file = read(stored(tmp_path, {**SAMPLE, "query_id": "\ud800"}))
    write(tmp_path / "again.json", file)
    assert read(tmp_path / "again.json") == file


def test_programs_of_a_larger_model_are_refused_with_their_place(tmp_path):
    (sample,) = read(stored(tmp_path, SAMPLE)).samples
    sample.check(4, "sample 0")
    with pytest.raises(ProgramError, match=r"^sample 0: Got layer 3 .* layers 0 to 2"):
        sample.check(3, "sample 0")


def test_a_sample_with_other_programs_keeps_its_question_answer_and_further_fields():
    old = PolarSample("1 + 1?", "2", None, (Program((0,)),), (), {"query_id": "q7"})
    programs = [Program.full(3), Program((0,)), Program((2,))]
    new = old.with_programs(programs, [True, False, True])
    assert (new.question, new.answer, new.extra) == ("1 + 1?", "2", {"query_id": "q7"})
    assert (new.valid, new.invalid) == ((programs[0], programs[2]), (programs[1],))
    assert new.initial_score == 1.0
    # Of a shard of the project's search, whose training reads the full program's score there.
    shard = replace(old, extra={"query_id": "q7", "initial_transition_metric": 0.0})
    assert shard.with_programs(programs, [True] * 3).extra == {"query_id": "q7"}
    assert old.with_programs(programs, [False] * 3).initial_score == 0.0
