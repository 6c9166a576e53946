"""The tutorials' commands are ones that the command line takes, and their pictures are there."""

import re
import shlex

import pytest
import tutorial_run
import typer

from polar_detect.assessment import kinds_of_columns
from polar_detect.cli import app

PAGES = pytest.mark.parametrize("page", tutorial_run.PAGES, ids=lambda page: page.name)


def test_commands_stand_behind_a_prompt_and_may_go_on_in_the_next_line():
    block = "$ polar-detect fit a.csv \\\n    --out a\nsaid $ no\n"
    page = f"$ no\n```console\n{block}```\n```\n$ no\n```\n"
    assert list(tutorial_run.commands(page)) == ["polar-detect fit a.csv --out a"]


@PAGES
def test_every_command_of_the_tutorials_has_options_that_exist(page):
    known = typer.main.get_command(app).commands
    lines = list(tutorial_run.commands(page.read_text(encoding="utf-8")))
    own = {"demo"} if page.stem.endswith("_ja") else set()
    assert {shlex.split(line)[1] for line in lines} == {"fit", "score", "report", "compare"} | own
    for line in lines:
        program, command, *words = shlex.split(line)
        options = {option for own in known[command].params for option in own.opts}
        assert program == "polar-detect"
        assert {word for word in words if word.startswith("--")} <= options, line


@PAGES
def test_every_picture_of_the_tutorials_is_there(page):
    names = re.findall(r"!\[[^]]*\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
    assert len(names) >= (1 if page.stem.endswith("_ja") else 4)
    assert [name for name in names if not (page.parent / name).is_file()] == []


def test_every_column_that_the_japanese_page_explains_is_one_that_a_score_has():
    _, japanese = (page.read_text(encoding="utf-8") for page in tutorial_run.PAGES)
    explained = japanese.split("## 結果の見方")[1].split("## ")[0]
    names = re.findall(r"`(\w+)`", "".join(re.findall(r"(?m)^\| (`.*?) \|", explained)))
    assert {"score", "p_value", "is_anomaly", "reasons"} <= set(names)
    assert set(names) <= {*kinds_of_columns(are_rows=True)}
