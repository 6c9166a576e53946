import json
import sys

import pytest

from polar_detect import cli
from polar_detect.program import Program

TEXT = "How do I transfer money to my savings account?"


@pytest.fixture
def search(minilm, monkeypatch, capsys):
    def search(*arguments):
        command = ["polar-detect", "search", "--model", minilm.name, *map(str, arguments)]
        monkeypatch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit) as stop:
            cli.main()
        assert not stop.value.code
        return capsys.readouterr().out

    return search


def test_search_with_an_encoder_prints_one_record_per_text(search, tmp_path):
    (tmp_path / "lines.txt").write_text(f"{TEXT}\nok\n")
    out = search("--file", tmp_path / "lines.txt", "--json", "--tolerance", 0.2)
    records = [json.loads(line) for line in out.splitlines()]
    assert [record["text"] for record in records] == [TEXT, "ok"]
    for record in records:
        assert record["criterion"] == "cosine"
        assert Program.parse(record["program"]).layers == tuple(record["layers"])
        assert record["length"] == len(record["layers"]) <= record["n_layers"] == 6
        assert record["distance"] <= record["tolerance"] == 0.2
        assert len(record["skip_curve"]) == len(record["loop_curve"]) == 6
        assert record["layer_calls"] > 63
    assert records[0]["length"] < 6
    assert records[0]["distance"] > 0.01


def test_search_with_an_encoder_prints_its_program_for_people(search):
    out = search(TEXT, "--tolerance", 0.0)
    assert "program 0-5" in out
    assert "6 of 6 layers, embedding 0.000 from that of the full program (1 − cosine)" in out
