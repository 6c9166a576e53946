"""Command lines that are said, as they are taken apart again where they are pasted."""

import re
import shlex
import sys
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polar_detect import shell
from polar_detect.cli.commands.fit import said_of_texts
from polar_detect.messages.language import Language
from polar_detect.tables.columns.labels import warn_of_judged

NAMES = [
    "内容",
    "温度 [℃]",
    "a,b",
    "C:\\Users\\山田 太郎\\検出器",
    "D:\\a b\\",
    'the "best"',
    "",
    "50%",
]


def taken_apart(line):
    """Return the arguments of a command line, as the C library of Windows does.

    Source: Microsoft, "Parsing C command-line arguments".
    """
    arguments, own, is_quoted, is_begun = [], "", False, False
    for backslashes, quote, other in re.findall(r'(\\*)(?:(")|([^\\"])|\Z)', line):
        own += backslashes[: len(backslashes) // 2] if quote else backslashes
        is_begun = is_begun or bool(backslashes + quote) or (other not in ("", " ") or is_quoted)
        if quote and len(backslashes) % 2:
            own += quote
        elif quote:
            is_quoted = not is_quoted
        elif other == " " and not is_quoted:
            arguments += [own] if is_begun or own else []
            own, is_begun = "", False
        else:
            own += other
    return arguments + ([own] if is_begun or own else [])


@given(st.lists(st.text(st.characters(exclude_categories=("C", "Zl", "Zp")))))
def test_arguments_for_windows_come_back_as_they_were(texts):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "platform", "win32")
        assert taken_apart(shell.as_arguments(texts)) == texts


@pytest.mark.parametrize("name", NAMES)
def test_names_of_columns_and_folders_are_quoted_for_the_shells_of_the_system(name, monkeypatch):
    assert shlex.split(shell.as_argument(name)) == [name]
    monkeypatch.setattr(sys, "platform", "win32")
    assert taken_apart(shell.as_argument(name)) == [name]
    assert not shell.as_argument(name).startswith("'")  # which cmd takes for a letter


def test_a_command_that_a_warning_names_can_be_pasted_into_cmd(monkeypatch):
    frame = pd.DataFrame({"検査 結果": ["OK"] * 20 + ["NG"] * 4})
    assert "pass --label-column '検査 結果' if" in warn_of_judged(frame)[0]  # control
    monkeypatch.setattr(sys, "platform", "win32")
    assert 'pass --label-column "検査 結果" if' in warn_of_judged(frame)[0]


def test_the_command_that_lists_what_a_detector_keeps_can_be_pasted(fitted_on_tiny):
    said = said_of_texts(fitted_on_tiny, Path("OneDrive - 会社") / "検出器", Language("en"))
    assert "(polar-detect inspect 'OneDrive - 会社/検出器' --texts lists them;" in said
