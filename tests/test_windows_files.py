"""What other programs do to our files on Windows: scanners, Excel, folders that are protected."""

import errno
import os
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from windows_files import hold_open_files, refusal, refused

from polar_detect import atomic, tables
from polar_detect.cli.commands import output
from polar_detect.errors import OutputError
from polar_detect.messages.language import Language


def test_a_file_takes_its_place_once_a_scanner_has_looked_at_it(tmp_path, monkeypatch):
    path = tmp_path / "result.csv"
    path.write_text("earlier")
    for write, content in (
        (lambda: atomic.write_file(path, b"later"), "later"),
        (lambda: output.write_text(path, "last"), "last"),
    ):
        monkeypatch.setattr(Path, "replace", refused(Path.replace, 3))
        write()
        assert path.read_text() == content
    assert [*tmp_path.iterdir()] == [path]


def test_a_file_that_stays_open_elsewhere_is_an_error_that_says_to_close_it(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic, "_PATIENCE_S", 0.1)
    monkeypatch.setattr(Path, "replace", refused(Path.replace, 10**6))
    with pytest.raises(
        OutputError, match=r"\(The process cannot access.*close it where it is open"
    ):
        output.write_text(tmp_path / "report.html", "text")
    assert [*tmp_path.iterdir()] == []


def test_an_error_that_no_other_program_makes_is_told_at_once():
    calls = []

    def refuse():
        calls.append(1)
        raise PermissionError(errno.EACCES, "Permission denied")

    with pytest.raises(PermissionError):
        atomic.insist(refuse)
    assert len(calls) == 1


def test_a_folder_takes_its_place_once_a_scanner_has_looked_into_it(tmp_path, monkeypatch):
    folder = tmp_path / "detector"
    folder.mkdir()
    rename, rmtree = Path.rename, shutil.rmtree
    monkeypatch.setattr(Path, "rename", refused(rename, 3, 5))
    monkeypatch.setattr(shutil, "rmtree", refused(rmtree, 3))
    with atomic.replaced(folder) as own:
        (own / "new").touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["detector", "new"]


@pytest.mark.slow
def test_who_reads_a_folder_leaves_its_replacement_the_time_that_a_scanner_takes(
    tmp_path, monkeypatch
):
    folder = tmp_path / "detector"
    folder.mkdir()
    monkeypatch.setattr(atomic, "fcntl", None)
    rename, refused_until = Path.rename, []

    def scanned(path, target):
        if path.name.endswith(".staged"):
            refused_until.append(time.monotonic() + 1.3)
            if time.monotonic() < refused_until[0]:
                raise refusal(5, "Access is denied", path)
        return rename(path, target)

    def read():
        while not refused_until:
            time.sleep(0.01)
        with atomic.settled(folder):
            return [path.name for path in folder.iterdir()]

    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(read)
        monkeypatch.setattr(Path, "rename", scanned)
        with atomic.replaced(folder) as own:
            (own / "new").touch()
        assert found.result() == ["new"]


def test_what_a_kill_left_is_removed_though_nothing_is_locked(tmp_path, monkeypatch):
    path = tmp_path / "result.csv"
    hold_open_files(monkeypatch)  # as on Windows
    with atomic.staged(path) as living, atomic.staged(path) as late:
        left = living.with_name(f"{living.name[:-13]}00000000.part")
        for own in (living, left):  # as long ago as a large file takes to write
            own.write_text("earlier")
            os.utime(own, (time.time() - 120,) * 2)
        fresh = left.with_name(f"{living.name[:-13]}11111111.part")
        fresh.touch()  # control: who has closed it is about to rename it
        atomic.remove_abandoned(path)
        assert {*tmp_path.iterdir()} == {living, late, fresh}
        late.write_text("later")
    assert path.read_text() == "earlier"
    assert {*tmp_path.iterdir()} == {path, fresh}


@pytest.mark.parametrize(
    ("n_chars", "error", "reason"),
    [
        (10, PermissionError(errno.EACCES, "Permission denied"), "Permission denied"),
        # So answer folders that Windows Defender protects,
        (10, FileNotFoundError(errno.ENOENT, "No such file or directory"), "Permission denied"),
        # and paths that are too long.
        (200, FileNotFoundError(errno.ENOENT, "No such file or directory"), "File name too long"),
    ],
)
def test_a_folder_that_only_trying_tells_from_others_is_refused_before_the_work(
    tmp_path, monkeypatch, n_chars, error, reason
):
    folder = tmp_path / ("a" * max(200 - len(str(tmp_path)), 1))
    folder.mkdir()

    def refuse(*_):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refuse)
        atomic.check_writable(folder, n_chars)  # control: elsewhere the system has told
        patch.setattr(sys, "platform", "win32")
        with pytest.raises(OSError, match=reason):
            atomic.check_writable(folder, n_chars)
        with pytest.raises(OutputError, match=r"out.csv, which cannot be written \("):
            tables.check_output(folder / "out.csv")
    monkeypatch.setattr(sys, "platform", "win32")
    atomic.check_writable(folder, 50)
    tables.check_output(folder / "out.csv")
    assert [*folder.iterdir()] == []


def test_earlier_rejected_rows_that_somebody_has_open_are_named(tmp_path, monkeypatch):
    path = tmp_path / "out.rejected.csv"
    path.touch()

    def held(*_, **__):
        raise refusal(32, "in use", path)

    monkeypatch.setattr(atomic, "_PATIENCE_S", 0.1)
    monkeypatch.setattr(Path, "unlink", held)
    with pytest.raises(OutputError, match=r"out\.rejected\.csv, which cannot.*Excel for example"):
        tables.write_rejected((), path)


def test_files_of_a_drive_that_numbers_none_are_told_apart(tmp_path, monkeypatch):
    source, other, stat = tmp_path / "a.csv", tmp_path / "b.csv", Path.stat
    for path in (source, other):
        path.touch()

    def unnumbered(path, **options):
        found = [*stat(path, **options)]
        found[1] = 0
        return os.stat_result(found)

    monkeypatch.setattr(Path, "stat", unnumbered)
    output.check_not_input(other, source)
    with pytest.raises(OutputError, match="is the input"):
        output.check_not_input(tmp_path / "." / "a.csv", source)


def test_a_detector_that_somebody_has_open_is_told_to_be_closed(
    tmp_path, monkeypatch, fitted_on_tiny
):
    folder, detector = tmp_path / "detector", fitted_on_tiny
    detector.save(folder)
    monkeypatch.setattr(atomic, "_PATIENCE_S", 0.1)
    monkeypatch.setattr(Path, "rename", refused(Path.rename, 10**6))
    with pytest.raises(OutputError) as told:
        detector.save(folder)
    assert str(told.value).endswith("free space; close it where it is open, or choose another.")
    japanese = Language("ja").error(str(told.value))
    assert "他のソフトで開いている場合は閉じるか、空き容量" in japanese
    assert {path.name for path in tmp_path.iterdir()} == {"detector"}
