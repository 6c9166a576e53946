import errno
import io
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from windows_files import LikeSys

from polar_detect import cli
from polar_detect.cli import lost_streams
from polar_detect.cli.commands import inspect, search_output
from polar_detect.cli.commands.output import say
from polar_detect.cli.streams import write_anything
from polar_detect.messages.language import Language
from polar_detect.report.formats import terminal

CODE_PAGES = ("cp932", "cp1252", "ascii", "utf-8")


def stream(encoding, errors="strict"):
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors=errors, newline="")


def written(text, encoding, errors="strict"):
    out = stream(encoding, errors)
    write_anything(out)
    out.write(text)
    out.flush()
    return out.buffer.getvalue().decode(encoding)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("R² 0.9 – at 5 µm, p ≤ 0.05 — · ok", "R2 0.9 - at 5 μm, p <= 0.05 - . ok"),
        ("██·█ ▁▅█", "##.# 15#"),
        ("漏れ －2.5 → 油圧 ①", "漏れ －2.5 → 油圧 ①"),
        ("Öl läuft 😀", "Ol lauft ?"),
        ("␛[31m", "^[[31m"),
    ],
)
def test_a_japanese_code_page_gets_what_looks_alike(text, expected):
    with pytest.raises(UnicodeEncodeError):  # control: what Python does by itself
        (text + "–").encode("cp932")
    assert written(text, "cp932") == expected


def test_a_western_code_page_gets_what_looks_alike():
    assert written("−2.5 → ≥ 3 ℃ – läuft", "cp1252") == "-2.5 -> >= 3 °C – läuft"
    assert written("漏れ", "cp1252") == "??"


@pytest.mark.parametrize("errors", ["strict", "backslashreplace"])
def test_what_the_encoding_has_stays_as_it_is(errors):
    assert written("漏れ ▁▅█ – ²", "utf-8", errors) == "漏れ ▁▅█ – ²"
    assert written("läuft", "ascii", errors) == "lauft"  # and stderr needs no escapes


def test_a_path_that_is_no_utf8_is_printed():
    path = os.fsdecode(b"\xff.csv")
    assert written(path, "utf-8") == "?.csv"
    kept = stream("utf-8", "surrogateescape")  # as in the C locale
    write_anything(kept)
    assert kept.errors == "surrogateescape"


def test_a_name_of_a_file_is_written_whole_in_the_c_locale():
    path = "結果.csv".encode().decode("ascii", "surrogateescape")  # as Python reads it there
    for errors, expected in (
        ("surrogateescape", "結果.csv"),
        ("backslashreplace", "?" * 6 + ".csv"),
    ):
        out = stream("ascii", errors)
        write_anything(out)
        out.write(f"µ{path} – ä{path}")
        out.flush()
        assert out.buffer.getvalue().decode("utf-8") == f"?{expected} - a{expected}"


def test_the_path_of_a_result_goes_nowhere_where_stdout_was_closed(monkeypatch, capsys):
    say(Path("out.csv"))
    assert capsys.readouterr().out == "out.csv\n"  # control
    monkeypatch.setattr(sys, "stdout", None)
    say(Path("out.csv"))


def test_a_program_without_a_console_has_no_stream_to_change():
    write_anything(None, io.StringIO())


@pytest.mark.parametrize("encoding", CODE_PAGES)
@pytest.mark.parametrize("tongue", ["en", "ja"])
def test_every_phrase_of_the_terminal_can_be_written(encoding, tongue):
    found = terminal.score_summary(9, 2, rate=0.05, n_empty=1, language=Language(tongue))
    text = f"{found.plain} {terminal.sparkline(range(8))} R² µ – — … ≥ ≤ − ·"
    assert written(text, encoding)


@pytest.mark.parametrize("encoding", CODE_PAGES)
def test_json_says_the_same_in_every_code_page(encoding, monkeypatch):
    out = stream(encoding)
    write_anything(out)
    monkeypatch.setattr(sys, "stdout", out)
    record = {"text": "漏れ – 5 µm² 😀"}
    search_output.print_record(record)
    line = out.buffer.getvalue().decode("utf-8")  # as whoever reads JSON takes it
    assert json.loads(line) == record
    assert line.isascii() == (encoding != "utf-8")


def test_listed_texts_are_readable_where_the_code_page_has_them_and_whole_elsewhere(monkeypatch):
    texts = ("漏れ", "漏れ –", "−1")
    out = stream("cp932")
    write_anything(out)
    monkeypatch.setattr(sys, "stdout", out)
    inspect._list_texts(texts)
    out.flush()
    lines = out.buffer.getvalue().decode("cp932").splitlines()
    assert lines[0] == '"漏れ"'
    assert [json.loads(line) for line in lines] == [*texts]


@pytest.mark.parametrize("encoding", ["cp932", "cp1252"])
def test_the_command_line_writes_into_a_file_in_a_code_page(encoding):
    code = "from polar_detect import cli\ncli.app = lambda **_: print('▁█ R² – – ␛')\ncli.main()\n"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=False,
        env=os.environ | {"PYTHONIOENCODING": encoding},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode(encoding).startswith("1# R")


def run_app(body, *, closed="", **streams):
    """Run the command line with `body` in place of its commands, in a process of its own."""
    code = f"import sys\nfrom polar_detect import cli\ndef app(**_):\n    {body}\ncli.app = app\n"
    command = f'exec "$0" -c "$1" {closed}'
    return subprocess.run(
        ["/bin/sh", "-c", command, sys.executable, f"{code}cli.main()\n"],
        check=False,
        encoding="utf-8",
        **({"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams),
    )


@pytest.fixture
def full():
    with Path("/dev/full").open("w", encoding="utf-8") as file:
        yield file


needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk that is full")
posix = pytest.mark.skipif(os.name == "nt", reason="how a POSIX shell closes streams")


@needs_full
def test_a_log_on_a_full_disk_does_not_keep_a_command_from_its_result(full):
    done = run_app("print('said', file=sys.stderr); print('result')", stderr=full)
    assert (done.returncode, done.stdout) == (0, "result\n")


@needs_full
def test_a_result_that_stdout_cannot_take_is_an_error_of_one_line(full):
    done = run_app("print('result')", stdout=full)
    assert done.returncode == 1
    assert done.stderr == (
        "polar-detect: Got stdout, which cannot be written (No space left on device); expected a "
        "place with enough space; free some or send it elsewhere.\n"
    )


@posix
@pytest.mark.parametrize("lost", ["stdout", "stderr"])
def test_a_command_ends_in_silence_where_the_reader_of_its_result_has_left(lost):
    reader, writer = os.pipe()
    os.close(reader)  # as `head` does
    done = run_app("print('said', file=sys.stderr); print('result')", **{lost: writer})
    os.close(writer)
    expected = {"stdout": (141, None, "said\n"), "stderr": (0, "result\n", None)}
    assert (done.returncode, done.stdout, done.stderr) == expected[lost]


@posix
@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_pipe_that_does_not_block_gets_all_of_a_long_output(name, monkeypatch):
    reader, writer = os.pipe()
    os.set_blocking(writer, False)  # as other runtimes leave what they share with a child

    def fill():
        while True:
            os.write(writer, b"-" * 4096)

    def read_late():
        time.sleep(0.2)
        with os.fdopen(reader, "rb") as pipe:
            return pipe.read()

    with ThreadPoolExecutor(1) as pool:
        with os.fdopen(writer, "w", encoding="utf-8") as own:
            with pytest.raises(BlockingIOError):  # control: nobody reads yet
                fill()
            read = pool.submit(read_late)
            monkeypatch.setattr(sys, name, own)
            monkeypatch.setattr(cli, "app", lambda **_: getattr(sys, name).write("x" * 999_999))
            cli.main()
        assert read.result().count(b"x") == 999_999


@posix
def test_a_file_does_not_become_the_stream_that_was_closed(tmp_path):
    path = tmp_path / "result"
    body = f"file = open({str(path)!r}, 'w'); print(file.fileno(), file=file); "
    body += "print(sys.stdin.read(), 'a'); print('b', file=sys.stderr)"
    done = run_app(body, closed="<&- >&- 2>&-")
    assert done.returncode == 0
    assert int(path.read_text(encoding="utf-8")) > 2


@pytest.mark.parametrize(("platform", "code"), [("win32", 141), ("linux", 1)])
def test_on_windows_a_reader_that_has_left_is_known_by_another_error(
    platform, code, tmp_path, monkeypatch, capsys
):
    def write(*_):
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(lost_streams._Outlet, "_write_some", write)
    monkeypatch.setattr(lost_streams, "sys", LikeSys(platform))
    monkeypatch.setattr(cli, "app", lambda **_: sys.stdout.write("result\n"))
    with (tmp_path / "out").open("w", encoding="utf-8") as own:
        monkeypatch.setattr(sys, "stdout", own)
        with pytest.raises(SystemExit) as stop:
            cli.main()
    assert stop.value.code == code
    assert ("Got stdout, which cannot be written" in capsys.readouterr().err) == (code == 1)


def test_whoever_calls_the_command_line_gets_his_streams_back(monkeypatch, tmp_path):
    before = sys.stderr
    with (tmp_path / "out").open("w", encoding="utf-8") as own:
        monkeypatch.setattr(sys, "stdout", own)
        monkeypatch.setattr(cli, "app", lambda **_: sys.stdout.write(f"{sys.stdout is own}\n"))
        own.write("before\n")
        cli.main()
        own.write("after\n")
        assert sys.stdout is own
        assert sys.stderr is before
    lines = (tmp_path / "out").read_text(encoding="utf-8").splitlines()
    assert lines == ["before", "False", "after"]
