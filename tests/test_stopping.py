"""How a command ends that is stopped, which only a process of its own can show."""

import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from heeding import HEEDING

from polar_detect.stopping import Stoppable

CODES = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
if hasattr(signal, "SIGHUP"):  # Windows has none
    CODES.append((signal.SIGHUP, 129))
SCORE = ["score", __file__, "--detector", "nowhere", "--out", "scored.csv"]
# Extensions make such errors of what a signal raises while they are imported.
BROKEN_IMPORT = """
import importlib.abc, runpy, signal, sys
class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == {module!r}:
            try:
                signal.raise_signal({number})
            except KeyboardInterrupt:
                raise AttributeError("partially initialized module") from None
sys.meta_path.insert(0, Finder())
sys.argv = ["polar-detect", *{arguments!r}]
runpy.run_module("polar_detect", run_name="__main__", alter_sys=True)
"""
WITH_BARS = """
import signal
from rich.console import Console
from polar_detect.cli.progress import progress_bars
from polar_detect.stopping import Stoppable, heed_signals
heed_signals()
with Stoppable("stopped") as stoppable:
    stoppable.begin()
    with progress_bars(Console(stderr=True, force_terminal=True)) as report:
        report("score", 1, 10)
        signal.raise_signal({number})
"""


def ended(code, **values):
    """Return exit code, stdout and stderr of a process of Python, which minds signals."""
    code = HEEDING + code
    done = subprocess.run(
        [sys.executable, "-c", code.format(**values)], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="it stands for Ctrl-Break")
def test_ctrl_break_stops_a_command_as_ctrl_c_does():
    number, windows = int(signal.SIGUSR1), "import signal\nsignal.SIGBREAK = signal.SIGUSR1\n"
    code, _, said = ended(windows + BROKEN_IMPORT, module="pandas", number=number, arguments=SCORE)
    assert (code, said.startswith("polar-detect: stopped; ")) == (128 + number, True)


@pytest.mark.parametrize(("number", "code"), CODES)
def test_a_command_that_is_stopped_among_its_imports_ends_in_words(number, code):
    result = ended(BROKEN_IMPORT, module="pandas", number=int(number), arguments=SCORE)
    said = "polar-detect: stopped; the same command, without --restart, goes on where it stopped\n"
    assert result == (code, "", said)


@pytest.mark.parametrize(("number", "code"), CODES)
def test_a_command_that_is_stopped_before_it_knows_what_to_do_ends_without_a_word(number, code):
    assert ended(BROKEN_IMPORT, module="typer", number=int(number), arguments=SCORE) == (
        code, "", "",
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), CODES)
def test_a_stopped_command_shows_the_cursor_that_its_bars_hid(number, code):
    found, _, err = ended(WITH_BARS, number=int(number))
    assert found == code
    assert 0 <= err.find("\x1b[?25l") < err.rfind("\x1b[?25h")
    assert err.endswith("stopped\n")
    assert "Traceback" not in err


def test_a_signal_that_whoever_started_the_process_has_ignored_stays_so():
    code = """
import signal
from polar_detect.stopping import heed_signals
signal.signal(signal.SIGINT, signal.SIG_IGN)  # as shells do behind &
heed_signals()
signal.raise_signal(signal.SIGINT)
print("goes on")
"""
    assert ended(code) == (0, "goes on\n", "")


def interrupted(words, number):
    """Run what makes an error of its own of a signal, or fails without one."""
    with Stoppable(words) as stoppable:
        stoppable.begin()
        try:
            if number is not None:
                stoppable.stop(number)
        finally:
            raise RuntimeError("of a library")


@pytest.mark.parametrize(("number", "code"), CODES)
def test_whatever_error_comes_of_a_signal_it_was_the_signal_that_stopped_the_command(
    capsys, number, code
):
    with pytest.raises(SystemExit) as end:
        interrupted("stopped", number)
    assert (end.value.code, capsys.readouterr().err) == (code, "stopped\n")
    with pytest.raises(RuntimeError, match="of a library"):  # control
        interrupted("stopped", None)
    assert capsys.readouterr().err == ""


def stopped(put_away, *numbers):
    """Stop by each signal in turn, the later ones while what was begun is put away."""
    with Stoppable("") as stoppable:
        stoppable.begin()
        try:
            stoppable.stop(numbers[0])
        finally:
            for number in numbers[1:]:
                stoppable.stop(number)
            put_away.append("a folder")


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has none")
@pytest.mark.parametrize(("number", "code"), CODES)
def test_a_terminal_that_hangs_up_once_more_lets_a_command_put_away_what_it_began(number, code):
    put_away = []
    with pytest.raises(SystemExit) as end:
        stopped(put_away, number, signal.SIGHUP)
    assert (end.value.code, put_away) == (code, ["a folder"])
    with pytest.raises(SystemExit):  # control: whoever asks twice is in a hurry
        stopped(put_away, number, signal.SIGINT)
    assert put_away == ["a folder"]


def test_the_script_heeds_signals_as_the_module_does():
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text("utf-8"))
    assert project["project"]["scripts"] == {"polar-detect": "polar_detect.__main__:main"}
