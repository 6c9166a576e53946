import json

import pytest
from test_cli import assert_one_line_error
from tiny_encoders import save_tiny_encoder

from polar_detect.program import Program
from polar_detect.programs import interchange

TEXT = "How do I transfer money to my savings account?"


@pytest.fixture
def search(minilm, run):
    def search(*arguments):
        code, out, _ = run("search", "--model", minilm.name, *arguments)
        assert code == 0
        return out

    return search


def test_search_with_an_encoder_prints_one_record_per_text(search, tmp_path):
    (tmp_path / "lines.txt").write_text(f"{TEXT}\nok\n")
    out = search("--file", tmp_path / "lines.txt", "--json", "--tolerance", 0.2)
    records = [json.loads(line) for line in out.splitlines()]
    assert [record["text"] for record in records] == [TEXT, "ok"]
    for record in records:
        assert record["criterion"] == "cosine"
        assert not {"loss", "full_loss"} & {*record}
        assert Program.parse(record["program"]).layers == tuple(record["layers"])
        assert record["length"] == len(record["layers"]) <= record["n_layers"] == 6
        assert record["distance"] <= record["tolerance"] == 0.2
        assert len(record["skip_curve"]) == len(record["loop_curve"]) == 6
        assert record["layer_calls"] > 63
        lengths = [point["length"] for point in record["length_curve"]]
        assert lengths == list(range(7))
        assert record["length_curve"][record["length"]]["distance"] == record["distance"]
        assert record["length_curve"][6] == {
            "length": 6, "program": "0-5", "distance": pytest.approx(0, abs=1e-6)
        }  # fmt: skip
    assert records[0]["length"] < 6
    assert records[0]["distance"] > 0.01


def test_search_with_an_encoder_prints_its_program_for_people(search):
    out = search(TEXT, "--tolerance", 0.0)
    assert "program 0-5" in out
    assert "\n6 layer calls, full program 6; found with " in out
    said = "embedding 0.000 from that of the full program (1 − cosine), valid up to 0.000"
    assert said in out


@pytest.mark.slow
def test_search_with_an_encoder_says_how_many_texts_are_longer_than_what_is_read(
    minilm, run, tmp_path
):
    given = ("search", "--model", minilm.name, "--method", "greedy", "--max-tokens", 4)
    (tmp_path / "lines.txt").write_text("ok ok\nok ok ok\n")  # with both special tokens 4 and 5
    said = "1 of 2 texts are longer than the 4 tokens that are read"
    assert said in run(*given, "--file", tmp_path / "lines.txt")[2]
    assert "longer" not in run(*given, "ok ok")[2]


@pytest.mark.slow
def test_methods_that_only_measure_programs_work_with_an_encoder(search):
    option = ("--json", "--tolerance", 0.2, "--method")
    greedy, default = (
        json.loads(search(TEXT, *option, method)) for method in ("greedy", "exhaustive")
    )
    assert default["length"] <= greedy["length"] < 6
    assert greedy["layer_calls"] != default["layer_calls"]


@pytest.mark.slow
def test_an_encoder_exports_what_it_met_and_measures_what_is_imported(search, tmp_path):
    path = tmp_path / "merged_mcts_samples.json"
    options = ("--json", "--tolerance", 0.2, "--export", path)
    record = json.loads(search(TEXT, *options))
    (sample,) = interchange.read(path).samples
    assert sample.question == TEXT
    assert sample.initial_score == 1.0
    assert Program(tuple(record["layers"])) in sample.valid
    assert len({*sample.valid, *sample.invalid}) == 64  # all ways to skip some of six layers
    assert sample.invalid  # control
    shorter = interchange.PolarSample(TEXT, "", None, (Program((0, 1, 2, 3, 4)),), ())
    interchange.write(path, interchange.PolarFile((shorter,)))
    (again,) = (json.loads(line) for line in search("--import", path, "--json").splitlines())
    assert again["layers"] in ([0, 1, 2, 3, 4], [0, 1, 2, 3, 4, 5])
    assert [point["length"] for point in again["length_curve"]] == [5, 6]


def test_a_text_without_tokens_is_as_empty_with_an_encoder(run, tmp_path):
    folder, path = save_tiny_encoder("bert", tmp_path / "bert"), tmp_path / "out.json"
    (tmp_path / "lines.txt").write_text("the pump leaks\n油\n")
    options = ("search", "--file", tmp_path / "lines.txt", "--model", folder)
    code, out, _ = run(*options, "--json", "--export", path)
    assert code == 0
    full, empty = (json.loads(line) for line in out.splitlines())
    assert (empty["distance"], empty["length"], empty["length_curve"]) == (None, 5, [])
    assert set(empty["skip_curve"] + empty["loop_curve"]) == {None}
    assert min(full["skip_curve"]) > 0  # control
    samples = interchange.read(path).samples
    assert [sample.initial_score for sample in samples] == [1.0, 0.0]
    assert samples[1].valid == ()
    code, out, _ = run(*options)
    assert code == 0
    assert "nan" not in out
    assert out.splitlines()[-2].startswith("empty text")


def test_what_an_encoder_cannot_do_is_said_in_one_line(run, minilm):
    encoder = ("search", "oil", "--model", minilm.name)
    assert_one_line_error(run(*encoder, "--method", "guided"), "'guided'", "encoder", "greedy")
    assert_one_line_error(run(*encoder, "--criterion", "prediction"), "--criterion", "cosine")
    assert_one_line_error(run(*encoder, "--predictor", "x"), "--predictor", "causal")
