import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from some_by_default import some_by_default
from test_cli import assert_one_line_error
from tiny_models import CONFIGS, tiny_model, tiny_tokenizer
from work_orders import NEW, STRANGE

import polar_detect
from polar_detect.backbone.decoder import Backbone
from polar_detect.cli.commands.search_output import length_line
from polar_detect.executor.batches import batches
from polar_detect.executor.decoder import Executor
from polar_detect.executor.schedule import Job
from polar_detect.program import Program
from polar_detect.programs import interchange
from polar_detect.programs import menu as menus
from polar_detect.programs.predictor import ProgramPredictor
from polar_detect.search import METHODS, Candidate
from polar_detect.search.space import Space
from polar_detect.signature.reading.tracer import Tracer

TEXTS = [NEW[0], "", STRANGE[0]]


@pytest.fixture
def lines(tmp_path):
    path = tmp_path / "lines.txt"
    path.write_text("\n".join(TEXTS) + "\n")
    return path


def records(result):
    code, out, _ = result
    assert code == 0
    return [json.loads(line) for line in out.splitlines()]


@pytest.mark.parametrize(
    "method",
    some_by_default([*(m for m in METHODS if m != "mcts"), "menu"], "quick", "guided", "menu"),
)
def test_every_method_finds_valid_programs(run, tiny_folder, lines, method):
    options = ("--model", tiny_folder, "--json", "--tolerance", 0.3, "--method", method)
    found = records(run("search", "--file", lines, *options))
    assert [record["text"] for record in found] == TEXTS
    for record in (found[0], found[2]):
        assert record["loss"] <= record["full_loss"] + 0.3
        assert record["layer_calls"] >= record["n_layers"]


def test_prediction_and_answer_are_criteria_and_say_whether_they_are_met(run, tiny_folder):
    model = ("--model", tiny_folder, "--json")
    options = ("--criterion", "prediction", "--agreement", 0.5)
    (record,) = records(run("search", NEW[0], *model, *options))
    assert record["is_valid"]
    options = ("--criterion", "answer", "--answer", "zzzz")
    (record,) = records(run("search", NEW[0], *model, *options))
    assert not record["is_valid"]
    assert record["length"] == 5


def test_the_reference_names_the_keys_of_a_record_and_no_others(run, tiny_folder):
    page = (Path(polar_detect.__file__).parent / "README.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"(?m)^\| (`.*?) \|", page.split("Keys of `search --json`")[1].split("## ")[0]
    )
    named = set(re.findall(r"`(\w+)`", "".join(rows)))
    model = ("--model", tiny_folder, "--json")
    written = set()
    for options in ((), ("--criterion", "prediction"), ("--criterion", "answer", "--answer", "z")):
        (record,) = records(run("search", NEW[0], *model, *options))
        written |= {*record}
        assert record["curve_kind"] == "exact"
    # What an encoder's records have beside these, as another test of theirs says.
    assert named == written | {"criterion", "distance"}


def test_what_is_exported_is_true_and_can_be_imported(run, tiny_folder, lines, tmp_path):
    options = ("--model", tiny_folder, "--json", "--tolerance", 0.3)
    path = tmp_path / "merged_mcts_samples.json"
    found = records(run("search", "--file", lines, *options, "--export", path))
    samples = interchange.read(path).samples
    assert [sample.question for sample in samples] == TEXTS
    backbone = Backbone.load(tiny_folder)
    for sample, record in zip(samples, found, strict=True):
        rows = backbone.tokenize([sample.question], 64)
        if not rows[0]:
            assert sample.valid == ()
            continue
        assert Program(tuple(record["layers"])) in sample.valid
        assert Program.full(5) in sample.valid
        assert sample.initial_score == 1.0
        (batch,) = batches(rows, backbone)
        jobs = [Job(0, p) for p in (Program.full(5), *sample.valid, *sample.invalid)]
        full, *losses = Executor(backbone).losses(batch, jobs, precise=True)
        is_valid = [loss <= full + 0.3 for loss in losses]
        assert is_valid == [True] * len(sample.valid) + [False] * len(sample.invalid)
    assert any(sample.invalid for sample in samples)  # control
    again = records(run("search", "--import", path, *options))
    assert [r["program"] for r in again] == [r["program"] for r in found]


def test_imported_answers_are_the_answers_to_reproduce(run, tiny_folder, tmp_path):
    sample = interchange.PolarSample(NEW[0], "zzzz", None, (Program((0, 1)),), ())
    path = tmp_path / "in.json"
    interchange.write(path, interchange.PolarFile((sample,)))
    options = ("--model", tiny_folder, "--json", "--criterion", "answer")
    (record,) = records(run("search", "--import", path, *options))
    assert (record["text"], record["is_valid"]) == (NEW[0], False)


def test_a_menu_is_found_on_answers_behind_their_prompts(run, tiny_folder, monkeypatch):
    measured, measure = [], menus._harms
    monkeypatch.setattr(
        menus,
        "_harms",
        lambda executor, batch, own: measured.append(batch) or measure(executor, batch, own),
    )
    options = ("--model", tiny_folder, "--criterion", "answer", "--answer", "z", "--method", "menu")
    code, _, _ = run("search", "oil leaks", *options)
    assert code == 0
    (batch,) = measured
    first = int(batch.is_target[0].nonzero()[0])
    assert int(batch.is_target.sum()) == 1
    assert first > 0  # behind the prompt, whose tokens are not scored


def test_every_length_that_a_menu_tells_of_has_its_loss(run, tiny_folder, monkeypatch):
    monkeypatch.setattr("polar_detect.backbone.read_out._COMMON", 80)
    monkeypatch.setattr("polar_detect.backbone.read_out._PIECE", 40)
    monkeypatch.setattr(menus, "_doubt", lambda *_: -5.0)  # all would be turned away
    options = ("--model", tiny_folder, "--method", "menu", "--tolerance", 0.02, "--json")
    (record,) = records(run("search", NEW[0], *options))
    losses = [point["loss"] for point in record["length_curve"]]
    assert np.isfinite(losses).all()
    assert len(losses) > 2


@pytest.mark.slow
def test_a_prompt_or_an_answer_that_would_be_cut_is_refused(run, tiny_folder):
    def search(n_prompt, n_answer, max_tokens, mark="~"):
        options = ("--json", "--criterion", "answer", "--max-tokens", max_tokens)
        answer = ("--answer", mark * n_answer)
        return run("search", mark * n_prompt, *answer, "--model", tiny_folder, *options)

    for fitting in ((40, 40, 40), (60, 35, 80), (1, 94, 94)):
        (record,) = records(search(*fitting))
        assert record["loss"] > 0
    for n_prompt, n_answer, max_tokens in ((41, 1, 40), (1, 41, 40), (1, 95, 94)):
        what = "a prompt" if n_prompt > 1 else "an answer"
        result = search(n_prompt, n_answer, max_tokens)
        expected = (f"Got {what} of more than {max_tokens} tokens", "--max-tokens")
        assert_one_line_error(result, *expected)
    result = search(60, 36, 80)
    assert_one_line_error(result, "a prompt of 60 and an answer of 36 tokens", "95 together")
    result = search(41 * 64 + 1, 1, 40, mark="油")  # too long to look at, though without tokens
    assert_one_line_error(result, "Got a prompt of more than 40 tokens")


def test_a_text_that_is_cut_is_said_to_be(run, tiny_folder, tmp_path):
    (tmp_path / "two.txt").write_text("~~~~~~~\n~~~~~~\n")
    options = ("--json", "--model", tiny_folder, "--max-tokens")
    _, _, said = run("search", "--file", tmp_path / "two.txt", *options, 6)
    assert "1 of 2 texts are longer than the 6 tokens that are read" in said
    assert run("search", "--file", tmp_path / "two.txt", *options, 7)[2] == ""  # the control


def test_what_is_guessed_and_what_is_broken_in_a_file_is_said(run, tiny_folder, tmp_path):
    options = ("--json", "--model", tiny_folder, "--max-tokens", 8)
    path = tmp_path / "lines.txt"
    path.write_bytes("Замена подшипника\nНасос течёт\n".encode("cp1251"))
    result = run("search", "--file", path, *options)
    assert [record["text"] for record in records(result)] == ["Замена подшипника", "Насос течёт"]
    assert f"{path}: read as CP1251 (Windows Cyrillic); pass" in " ".join(result[2].split())
    given = run("search", "--file", path, *options, "--encoding", "koi8-r")
    assert records(given)[0]["text"] == "Замена подшипника".encode("cp1251").decode("koi8-r")
    assert "read as" not in given[2]
    assert_one_line_error(
        run("search", "pump", *options, "--encoding", "koi8-r"), "without --file; expected both"
    )
    path.write_bytes("pump\nнасос\n".encode() + b"\xff\xfe\n" + "fuse\nнасос\n".encode())
    result = run("search", "--file", path, *options)
    assert len(records(result)) == 4
    said = "lines that could not be read are left out: 1; the first is line 3 (bytes that are not"
    assert f"{path}: {said}" in result[2]


def test_an_answer_without_tokens_is_refused(run, tiny_folder):
    options = ("--model", tiny_folder, "--criterion", "answer", "--answer")
    assert records(run("search", "油", *options, "~", "--json"))  # control
    assert_one_line_error(
        run("search", "oil", *options, "油"), "Got an answer without tokens, '油'"
    )


def test_the_curves_of_an_answer_are_of_its_tokens_alone(run, tiny_folder):
    model = ("--model", tiny_folder, "--json")
    prompt, answer = "the pump leaks", " oil again"
    (record,) = records(run("search", prompt, *model, "--criterion", "answer", "--answer", answer))
    backbone, full = Backbone.load(tiny_folder), Program.full(5)
    prefix, row = backbone.tokenize([prompt, answer], 64)
    (batch,) = batches([row], backbone, prefixes=[prefix])
    edits = [full, *(full.skip(i) for i in range(5)), *(full.repeat(i) for i in range(5))]
    losses = Executor(backbone).losses(batch, [Job(0, edit) for edit in edits], precise=True)
    curves = record["skip_curve"] + record["loop_curve"]
    assert losses[0] == pytest.approx(record["full_loss"], abs=1e-5)
    assert (losses[1:] - losses[0]).tolist() == pytest.approx(curves, abs=1e-5)
    (whole,) = records(run("search", prompt + answer, *model))  # control
    assert whole["skip_curve"] != pytest.approx(record["skip_curve"], abs=0.01)


def test_a_text_without_tokens_is_valid_nowhere(run, tiny_folder, tmp_path):
    path = tmp_path / "out.json"
    options = ("--criterion", "prediction", "--json", "--export", path)
    (record,) = records(run("search", "油", "--model", tiny_folder, *options))
    assert (record["loss"], record["is_valid"]) == (None, False)
    (sample,) = interchange.read(path).samples
    assert (sample.initial_score, sample.valid) == (0.0, ())
    (record,) = records(run("search", "oil", "--model", tiny_folder, *options))
    assert record["is_valid"]  # control


def test_a_text_of_which_the_model_makes_no_number_is_told_from_an_empty_one(run, tmp_path):
    model = tiny_model(CONFIGS["llama"])
    model.model.embed_tokens.weight.data[tiny_tokenizer().convert_tokens_to_ids("z")] = torch.nan
    model.save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path)
    code, out, _ = run("search", "a zz", "--model", tmp_path)
    assert code == 0
    assert "\n5 layer calls, full program 5; found with" in out
    assert "loss nan nats" in out
    assert "no valid program" in out
    assert "empty text" not in out
    export = tmp_path / "samples.json"
    (record,) = records(run("search", "a zz", "--model", tmp_path, "--json", "--export", export))
    assert (record["program"], record["loss"], record["full_loss"]) == ("0-4", None, None)
    assert not interchange.read(export).samples[0].valid


def test_a_text_of_white_space_is_as_empty_as_its_curves(run, tiny_folder, save):
    path = save("oil leaks\n \u3000\n", "lines.txt")
    options = ("--file", path, "--model", tiny_folder)
    full, empty = records(run("search", *options, "--json"))
    assert (empty["loss"], empty["layer_calls"], empty["length_curve"]) == (None, 0, [])
    assert set(empty["skip_curve"]) == {None}
    assert full["loss"] > 0  # control
    code, out, _ = run("search", *options)
    assert code == 0
    assert "nan" not in out
    assert out.splitlines()[-2].startswith("empty text")
    for text in ("", "  "):
        assert_one_line_error(run("search", text, "--model", tiny_folder), "TEXT without a word")


def test_an_export_is_refused_before_the_search_and_keeps_what_was_imported(
    run, tiny_folder, tmp_path, monkeypatch
):
    sample = interchange.PolarSample("oil", "", None, (Program((0, 1)),), (), {"query_id": "q7"})
    path, out = tmp_path / "in.json", tmp_path / "out.json"
    header = {"BASE_MODEL": "x", "dataset": "pumps"}
    interchange.write(path, interchange.PolarFile((sample,), header))
    options = ("--import", path, "--model", tiny_folder, "--json")
    records(run("search", *options, "--export", out))
    written = interchange.read(out)
    assert written.header == {"BASE_MODEL": str(tiny_folder), "dataset": "pumps"}
    assert written.samples[0].extra == {"query_id": "q7"}
    monkeypatch.setattr("polar_detect.models.resolve", lambda _: pytest.fail("searched first"))
    for target in (".", tmp_path, tmp_path / "none" / "out.json", path / "out.json"):
        result = run("search", *options, "--export", target)
        assert_one_line_error(result, f"Got '{target}' to write to")


def test_an_export_that_is_an_input_is_refused_and_the_input_kept(run, tiny_folder, save, tmp_path):
    lines, samples = save("oil leaks\n", "lines.txt"), tmp_path / "in.json"
    sample = interchange.PolarSample("oil", "", None, (Program((0, 1)),), ())
    interchange.write(samples, interchange.PolarFile((sample,)))
    for option, path in (("--file", lines), ("--import", samples)):
        before = path.read_bytes()
        result = run("search", option, path, "--model", tiny_folder, "--export", path)
        assert_one_line_error(result, f"Got --export {path}, which is the input; expected another")
        assert path.read_bytes() == before


@pytest.mark.slow
def test_an_export_holds_every_program_that_was_imported_or_met(run, tiny_folder, tmp_path):
    path, out = tmp_path / "in.json", tmp_path / "out.json"
    programs = [Program.full(5).skip(i) for i in range(5)]
    samples = [
        interchange.PolarSample(text, "", None, tuple(programs[:2]), tuple(programs[2:]))
        for text in ("the pump leaks oil", "")
    ]
    interchange.write(path, interchange.PolarFile(tuple(samples)))
    options = ("--model", tiny_folder, "--json", "--tolerance", 0.3, "--export", out)
    records(run("search", "--import", path, *options))
    measured, empty = interchange.read(out).samples
    for sample in (measured, empty):
        assert {*sample.valid, *sample.invalid} == {Program.full(5), *programs}
    assert measured.valid[0] == Program.full(5)
    assert measured.invalid  # control
    assert empty.valid == ()
    for method, n_programs in (("exhaustive", 32), ("mcts", 60)):
        records(run("search", "the pump leaks oil", *options, "--method", method))
        (sample,) = interchange.read(out).samples
        assert len({*sample.valid, *sample.invalid}) >= n_programs


def test_a_tolerance_without_end_is_refused(run, tiny_folder):
    result = run("search", "oil", "--model", tiny_folder, "--tolerance", "inf")
    assert_one_line_error(result, "Got tolerance inf; expected a finite number")


@pytest.mark.parametrize(
    ("criterion", "judged_by"),
    [
        (("loss",), {"tolerance": 0.1}),
        (("prediction", "--agreement", 0.5), {"agreement": 0.5}),
        (("prediction",), {"agreement": 1.0}),
        (("answer", "--answer", "oil"), {}),
    ],
)
def test_a_record_says_by_what_its_program_was_judged_and_by_nothing_else(
    run, tiny_folder, criterion, judged_by
):
    options = ("--model", tiny_folder, "--json", "--criterion", *criterion)
    (record,) = records(run("search", NEW[0], *options))
    assert {name: record[name] for name in ("tolerance", "agreement") if name in record} == (
        judged_by
    )


@pytest.mark.parametrize("criterion", ["prediction", "answer"])
def test_a_tolerance_is_refused_where_it_judges_nothing(run, tiny_folder, criterion):
    options = ("--model", tiny_folder, "--criterion", criterion, "--tolerance", 0.2)
    message = f"Got --tolerance 0.2 and --criterion {criterion}; expected --tolerance with "
    assert_one_line_error(run("search", "oil", *options), message + "--criterion loss; leave it")


def test_the_loss_against_length_curve_is_in_the_record_and_drawn(run, tiny_folder):
    options = ("--model", tiny_folder, "--tolerance", 0.3)
    (record,) = records(run("search", NEW[0], *options, "--json"))
    curve = record["length_curve"]
    assert [point["length"] for point in curve] == list(range(6))
    assert Program.parse(curve[-1]["program"]) == Program.full(5)
    own = curve[record["length"]]
    assert (own["program"], own["loss"]) == (record["program"], record["loss"])
    assert curve[-1]["loss"] == record["full_loss"]
    assert record["length"] < 5  # control
    _, out, _ = run("search", NEW[0], *options)
    (line,) = [line for line in out.splitlines() if line.startswith("best ")]
    assert len(line.removeprefix("best ").split("  ")[0]) == 5
    assert line.endswith("with 1, +0.00 with 5 calls")
    (record,) = records(run("search", NEW[0], *options[:2], "--json", "--criterion", "prediction"))
    assert {"length", "program", "margin"} == set(record["length_curve"][0])


def test_calls_and_curves_stand_below_the_numbers_of_their_layers(run, tiny_folder, monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")  # fewer than they take
    _, out, _ = run("search", NEW[0], "--model", tiny_folder)
    lines = out.splitlines()
    ruler = lines.index("     0")
    for name, line in zip(("call", "skip", "loop"), lines[ruler + 1 : ruler + 4], strict=True):
        drawn, said = re.fullmatch(f"{name} (.{{5}})  (.*)", line).groups()
        assert not re.search("[a-z ]", drawn)
        assert said.endswith(("left out", "if called twice"))
    assert len(lines[ruler + 2]) > 30  # control


def test_the_drawn_curve_is_the_change_from_the_full_program_where_another_as_long_is_better():
    full, better = Candidate(Program.full(2), 5.0), Candidate(Program((0, 0)), 4.5)
    curve = [Candidate(Program((1,)), 5.25), better]
    assert length_line(curve, full.loss, 2).endswith("  at best +0.25 with 1, -0.50 with 2 calls")
    curve[1] = full  # control
    assert length_line(curve, full.loss, 2).endswith("  at best +0.25 with 1, +0.00 with 2 calls")


@pytest.mark.slow
def test_a_space_with_loops_is_searched_where_it_is_asked_for(run, tiny_folder):
    options = ("--model", tiny_folder, "--json", "--tolerance", 0.3, "--method", "exhaustive")
    calls, lengths = [], []
    for space in (("--space", "skips"), ("--space", "polar"), ("--space", "cola"), ()):
        (record,) = records(run("search", "oil leaks", *options, *space))
        calls.append(record["layer_calls"])
        lengths.append(record["length"])
    assert calls[3] == calls[0] < calls[1] < calls[2]
    assert lengths[0] >= lengths[1] >= lengths[2]


@pytest.mark.slow
def test_a_tree_search_exports_no_program_outside_its_space(run, tiny_folder, tmp_path):
    options = ("--model", tiny_folder, "--json", "--tolerance", 0.1, "--method", "mcts")
    path = tmp_path / "out.json"
    outside = []
    for space in ((), ("--space", "polar")):
        (record,) = records(run("search", NEW[1], *options, *space, "--export", path))
        (sample,) = interchange.read(path).samples
        met = [*sample.valid, *sample.invalid, Program.parse(record["program"])]
        met += [Program.parse(point["program"]) for point in record["length_curve"]]
        outside.append(sum(program not in Space(5) for program in met))
    assert outside[0] > outside[1] == 0


@pytest.mark.slow
def test_proposals_of_a_saved_predictor_are_measured(run, tiny_folder, lines, tmp_path):
    backbone = Backbone.load(tiny_folder)
    tracer = Tracer(backbone, curves="none")
    programs = [Program((0, 1, 4)), Program((0, 2, 3, 4))] * 6
    traces = tracer.trace([f"{text} {i}" for i, text in enumerate(NEW[:1] * 12)])
    ProgramPredictor.fit(traces.trajectory, programs).save(tmp_path / "predictor")
    options = ("--model", tiny_folder, "--json", "--tolerance", 50)
    found = records(run("search", "--file", lines, *options, "--predictor", tmp_path / "predictor"))
    proposed = ProgramPredictor.load(tmp_path / "predictor").propose(tracer.trace(TEXTS).trajectory)
    for record, own in zip(found, proposed, strict=True):
        if record["text"]:  # anything is valid, so the shortest proposal is taken
            assert record["length"] == min(map(len, own))
            assert Program(tuple(record["layers"])) in own


def test_mistakes_are_one_line_on_stderr(run, tiny_folder, tmp_path):
    model = ("search", "oil", "--model", tiny_folder)
    assert_one_line_error(run(*model, "--method", "best"), "'best'", "thorough", "menu")
    assert_one_line_error(run(*model, "--criterion", "truth"), "'truth'", "prediction")
    assert_one_line_error(run(*model, "--criterion", "answer"), "without answer", "--answer")
    assert_one_line_error(run(*model, "--answer", "x"), "--answer", "--criterion answer")
    assert_one_line_error(
        run(*model, "--criterion", "prediction", "--agreement", 2), "agreement 2.0"
    )
    for criterion in ((), ("--criterion", "answer", "--answer", "x")):
        result = run(*model, *criterion, "--agreement", 0.5)
        name = criterion[1] if criterion else "loss"
        assert_one_line_error(result, f"Got --agreement 0.5 and --criterion {name}; expected")
    assert_one_line_error(run("search", "--import", tmp_path / "no.json"), "no.json")
    empty = tmp_path / "empty.json"
    interchange.write(empty, interchange.PolarFile(()))
    assert_one_line_error(run("search", "--import", empty), "empty.json' without a sample")
    assert_one_line_error(run(*model, "--space", "all"), "'all'", "skips", "any-order")
    assert_one_line_error(run(*model, "--space", "cola"), "--space cola and no --method;")
    own = ("--predictor", tmp_path)
    assert_one_line_error(run(*model, *own, "--method", "mcts"), "--predictor and --method mcts;")
    # Not "choose such a method", which the predictor forbids.
    assert_one_line_error(run(*model, *own, "--space", "cola"), "--predictor and --space cola;")
    assert_one_line_error(run(*model, *own), "no readable predictor", "train one anew")
    path = tmp_path / "deep.json"
    deep = interchange.PolarSample("oil", "", None, (Program.full(9),), ())
    interchange.write(path, interchange.PolarFile((deep,)))
    result = run("search", "--import", path, "--model", tiny_folder)
    assert_one_line_error(result, "sample 0", "layer 5")


def test_advice_on_answers_can_be_followed_where_texts_come_from_a_file(run, tiny_folder, lines):
    from_file = ("search", "--file", lines, "--model", tiny_folder, "--criterion", "answer")
    for given, said in (((), "every text; --import a file"), (("--answer", "x"), "or --import a")):
        code, _, err = run(*from_file, *given)
        assert (code, said in err, "pass --answer" in err) == (1, True, False), err


def test_another_way_to_search_beside_imported_programs_is_refused(run, tiny_folder, tmp_path):
    path = tmp_path / "in.json"
    imported = ("search", "--import", path, "--model", tiny_folder)
    for programs in ((), (Program.full(5),)):
        sample = interchange.PolarSample("oil", "", None, (), programs)
        interchange.write(path, interchange.PolarFile((sample,)))
        by_method, by_predictor = (
            run(*imported, *option) for option in (("--method", "quick"), ("--predictor", tmp_path))
        )
        if programs:
            own = ("in.json' with programs", "leave one out")
            assert_one_line_error(by_method, "Got --method quick and", *own)
            assert_one_line_error(by_predictor, "Got --predictor and", *own)
            both = run(*imported, "--method", "exhaustive", "--space", "cola")
            assert_one_line_error(both, "Got --method exhaustive and --space cola and", *own)
        else:
            assert by_method[0] == 0
            assert_one_line_error(by_predictor, "no readable predictor")


def test_a_text_and_an_import_are_a_usage_error(run, tmp_path):
    assert run("search", "oil", "--import", tmp_path / "in.json")[0] == 2
