"""The bench of searches takes any model, criterion and texts."""

import json
import sys

import bench_search
import pytest
from tiny_encoders import save_tiny_encoder

TEXTS = "bearing hot\npump leaks\nfan loud\nbelt torn\nvalve stuck\nseal worn\n"
ANSWERS = {
    "samples": [
        {
            "question": question,
            "gt_ans": answer,
            "initial_score": None,
            "final_valid_transitions": [],
            "final_invalid_transitions": [],
        }
        for question, answer in [("pump", " leaks"), ("fan", " loud"), ("belt", " torn")]
    ]
}


@pytest.fixture
def rows_of(monkeypatch, capsys):
    """Run the script and return the cells of its table's rows, and what stands above them."""

    def run(*options):
        monkeypatch.setattr(sys, "argv", ["x", "--repeats", "1", *map(str, options)])
        bench_search.main()
        head, table = capsys.readouterr().out.split("\n\n")
        lines = table.strip().split("\n")[2:]
        return {c[0]: c for c in ([x.strip() for x in y.split("|")[1:-1]] for y in lines)}, head

    return run


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--tolerance", 0.3), "tolerance 0.3"),
        (("--criterion", "prediction", "--agreement", 0.5), "0.5 of the predictions"),
    ],
)
def test_a_file_of_texts_is_searched_and_what_is_left_of_it_serves_a_menu(
    rows_of, tiny_folder, save, monkeypatch, options, said
):
    drawn = []
    tokens = bench_search.Decoder._tokens

    def recorded(decoder, samples):
        drawn.append({sample.text for sample in samples})
        return tokens(decoder, samples)

    monkeypatch.setattr(bench_search.Decoder, "_tokens", recorded)
    texts = ("--texts", save(TEXTS, "texts.txt"), "--n", 2)
    rows, head = rows_of("--model", tiny_folder, *texts, "--methods", "quick,menu", *options)
    assert f"2 texts of 1 lines of texts.txt, seed 0, {said}" in head
    assert [rows[name][5] for name in ("quick", "menu")] == ["0", "0"]
    train, *searched = drawn
    assert len(train) == 4
    assert all(len(test) == 2 and not test & train for test in searched)


def test_answers_are_searched_behind_their_prompts(rows_of, tiny_folder, save):
    samples = save(json.dumps(ANSWERS), "merged_mcts_samples.json")
    options = ("--criterion", "answer", "--texts", samples, "--n", 3, "--methods", "quick")
    rows, head = rows_of("--model", tiny_folder, *options)
    assert "same answer" in head
    assert rows["quick"][5] == "0"  # a full program that answers otherwise promised nothing


def test_encoders_are_searched_by_the_methods_that_they_have(rows_of, save, tmp_path, monkeypatch):
    folder = save_tiny_encoder("bert", tmp_path / "bert")
    options = ("--model", folder, "--texts", save(TEXTS, "texts.txt"), "--n", 2)
    rows, _ = rows_of(*options, "--methods", "exhaustive,greedy")
    assert float(rows["exhaustive"][1]) <= float(rows["greedy"][1])
    with pytest.raises(SystemExit, match=r"Got method 'quick' .*; expected some of exhaustive"):
        rows_of(*options, "--methods", "quick")
    monkeypatch.setattr(sys, "argv", ["x"])
    asked = bench_search._options()
    assert bench_search._chosen(asked, bench_search.Encoder.methods) == bench_search.ENCODER_METHODS
    assert "quick" in bench_search._chosen(asked, bench_search.Decoder.methods)  # control
    with pytest.raises(SystemExit, match="Got --criterion prediction and an encoder"):
        rows_of(*options, "--criterion", "prediction")


def test_answers_without_a_file_of_them_are_refused(rows_of, tiny_folder):
    with pytest.raises(SystemExit, match=r"Got --criterion answer without --texts; expected"):
        rows_of("--model", tiny_folder, "--criterion", "answer")


def test_texts_are_prompts_of_which_the_model_gives_the_answers(rows_of, tiny_folder, save):
    texts = ("--texts", save(TEXTS, "texts.txt"), "--n", 2, "--join", 2, "--methods", "greedy")
    asked = ("--criterion", "answer", "--answer-tokens", 2)
    rows, head = rows_of("--model", tiny_folder, *texts, *asked)
    assert "2 texts of 2 lines of texts.txt, seed 0, same answer of 2 tokens" in head
    assert float(rows["greedy"][1]) > 0  # its own answer behind both lines of the prompt
    assert rows["greedy"][5] == "0"


def test_the_models_own_answer_is_one_that_the_full_program_gives(tiny_folder, monkeypatch):
    options = ["x", "--model", str(tiny_folder), "--criterion", "answer", "--answer-tokens", "3"]
    monkeypatch.setattr(sys, "argv", options)
    decoder = bench_search.Decoder(tiny_folder, bench_search._options())
    samples = decoder.asked([bench_search.Sample(line) for line in TEXTS.splitlines()])
    assert samples
    assert all(sample.prompt in TEXTS and sample.text for sample in samples)
    assert all(minimal.is_valid for minimal in decoder.run("greedy")(samples))


def test_answers_of_a_file_are_not_joined(rows_of, tiny_folder, save):
    samples = save(json.dumps(ANSWERS), "merged_mcts_samples.json")
    options = ("--model", tiny_folder, "--criterion", "answer", "--texts", samples, "--join", 2)
    with pytest.raises(SystemExit, match=r"Got --join 2 and answers of a file; expected 1"):
        rows_of(*options)
    with pytest.raises(SystemExit, match=r"Got --answer-tokens 2 and --criterion loss"):
        rows_of("--model", tiny_folder, "--answer-tokens", 2)
