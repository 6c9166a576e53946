"""The tutorials' commands are ones that the command line takes, and their pictures are there."""

import re
import shlex
from pathlib import Path

import tutorial_run
import typer

from polar_detect.cli import app

PAGE = Path(tutorial_run.__file__).with_name("tutorials.md")


def test_commands_stand_behind_a_prompt_and_may_go_on_in_the_next_line():
    block = "$ polar-detect fit a.csv \\\n    --out a\nsaid $ no\n"
    page = f"$ no\n```console\n{block}```\n```\n$ no\n```\n"
    assert list(tutorial_run.commands(page)) == ["polar-detect fit a.csv --out a"]


def test_every_command_of_the_tutorials_has_options_that_exist():
    known = typer.main.get_command(app).commands
    lines = list(tutorial_run.commands(PAGE.read_text(encoding="utf-8")))
    assert {shlex.split(line)[1] for line in lines} == {"fit", "score", "report", "compare"}
    for line in lines:
        program, command, *words = shlex.split(line)
        options = {option for own in known[command].params for option in own.opts}
        assert program == "polar-detect"
        assert {word for word in words if word.startswith("--")} <= options, line


def test_every_picture_of_the_tutorials_is_there():
    names = re.findall(r"!\[[^]]*\]\(([^)]+)\)", PAGE.read_text(encoding="utf-8"))
    assert len(names) >= 4
    assert [name for name in names if not (PAGE.parent / name).is_file()] == []
