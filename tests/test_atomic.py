import errno
import os
import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from polar_detect import atomic
from polar_detect.cli.commands.output import write_text
from polar_detect.errors import OutputError


class Killed(BaseException):
    """Ends a write where a kill might, but lets it clean up."""


@pytest.mark.parametrize("sync", [False, True])
def test_a_written_file_replaces_the_earlier_one_and_leaves_nothing_beside_it(tmp_path, sync):
    for content in (b"earlier", b"a\r\nb\n"):
        atomic.write_file(tmp_path / "file", content, sync=sync)
        assert (tmp_path / "file").read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "full"), Killed()])
def test_a_write_that_fails_leaves_the_earlier_file_and_nothing_else(
    tmp_path, monkeypatch, failure
):
    def fail(*_):
        assert (tmp_path / ".file.part").read_bytes() == b"later"  # control: it had begun
        raise failure

    atomic.write_file(tmp_path / "file", b"earlier")
    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(type(failure)):
        atomic.write_file(tmp_path / "file", b"later")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"earlier"


def test_an_error_on_the_way_is_not_hidden_by_one_while_cleaning_up(tmp_path, monkeypatch):
    def fail(number):
        def failing(*_, **__):
            raise OSError(number, os.strerror(number))

        return failing

    monkeypatch.setattr(Path, "replace", fail(errno.ENOSPC))
    monkeypatch.setattr(Path, "unlink", fail(errno.EIO))
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        atomic.write_file(tmp_path / "file", b"")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such files")
def test_what_is_neither_file_nor_folder_is_not_replaced(tmp_path):
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    for path in (pipe, link):
        with pytest.raises(OSError, match="a device or a pipe is no file"):
            atomic.check_place(path)
        with pytest.raises(OutputError, match=r"\(a device or a pipe is no file\); expected a"):
            write_text(path, "text")
    assert pipe.is_fifo()
    assert sorted(tmp_path.iterdir()) == [link, pipe]


@pytest.mark.skipif(os.name == "nt", reason="the folder says who may read")
def test_what_is_replaced_is_open_to_no_more_users_than_before(tmp_path):
    file, folder = tmp_path / "file", tmp_path / "folder"
    with atomic.staged(file) as partial:
        partial.write_text("1")
    with atomic.replaced(folder) as own:
        (own / "a").touch()
    usual = [stat.S_IMODE(path.stat().st_mode) for path in (file, folder)]
    assert [mode & 0o077 for mode in usual] != [0, 0]  # control: new ones are as any other
    file.chmod(0o600)
    folder.chmod(0o700)
    with atomic.staged(file) as partial, atomic.replaced(folder) as own:
        for path in (partial, own):
            assert not stat.S_IMODE(path.stat().st_mode) & 0o077
        partial.write_text("2")
    assert [stat.S_IMODE(path.stat().st_mode) for path in (file, folder)] == [0o600, 0o700]
    assert (file.read_text(), [*folder.iterdir()]) == ("2", [])


@pytest.mark.skipif(os.name == "nt", reason="the folder says who may read")
def test_what_another_group_could_read_is_not_opened_to_ones_own(tmp_path, monkeypatch):
    file, real = tmp_path / "file", Path.stat
    file.touch()

    def of_another_group(path, **options):
        found = [*real(path, **options)]
        found[5] += path == file
        return os.stat_result(found)

    modes = {}
    for mode in (0o640, 0o664):
        file.chmod(mode)
        for is_other in (False, True):
            with monkeypatch.context() as patch:
                if is_other:
                    patch.setattr(Path, "stat", of_another_group)
                with atomic.staged(file) as partial:
                    modes[mode, is_other] = stat.S_IMODE(real(partial).st_mode)
            file.chmod(mode)
    usual = 0o666 & ~_umask()
    assert modes == {
        (0o640, False): usual & 0o640,
        (0o640, True): usual & 0o600,
        (0o664, False): usual & 0o664,
        (0o664, True): usual & 0o644,
    }


def _umask():
    own = os.umask(0o022)
    os.umask(own)
    return own


@pytest.mark.skipif(os.name == "nt", reason="the folder says who may read")
def test_a_drive_that_knows_no_permissions_takes_what_replaces_a_read_only_file(
    tmp_path, monkeypatch
):
    file = tmp_path / "file"
    file.touch()
    file.chmod(0o400)

    def refused(*_, **__):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(Path, "chmod", refused)
    with atomic.staged(file) as partial:
        partial.write_text("2")
    assert file.read_text() == "2"


def test_a_folder_that_cannot_take_its_place_loses_no_earlier_one(tmp_path, monkeypatch):
    folder = tmp_path / "detector"
    with atomic.replaced(folder) as own:
        (own / "file").write_text("earlier")
    rename = Path.rename

    def held(path, target):
        if path.name.endswith(".staged"):  # as on Windows while a scanner reads a file in it
            raise PermissionError(errno.EACCES, "Access is denied")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", held)
    with pytest.raises(PermissionError), atomic.replaced(folder) as own:
        (own / "file").write_text("later")
    assert (folder / "file").read_text() == "earlier"
    assert list(tmp_path.iterdir()) == [folder]


def test_a_result_in_a_place_that_is_no_folder_is_an_error_in_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"Got an error while writing '.*inner'.*another --out"):
        write_text(tmp_path / "file" / "inner", "text")


def test_a_result_that_two_runs_write_at_once_is_whole(tmp_path, monkeypatch):
    path, replace, calls = tmp_path / "report.html", Path.replace, []

    def overtaken(own, target):
        calls.append(own)
        if len(calls) == 1:
            write_text(path, "second")
        return replace(own, target)

    monkeypatch.setattr(Path, "replace", overtaken)
    write_text(path, "first")
    assert len(calls) == 2
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_a_result_that_another_program_has_open_can_be_closed(tmp_path, monkeypatch):
    def deny(*_):
        raise PermissionError(errno.EACCES, "Access is denied")

    monkeypatch.setattr(Path, "replace", deny)
    with pytest.raises(OutputError, match=r"be written; close it where it is open, or choose"):
        write_text(tmp_path / "report.pdf", b"text")


@pytest.mark.skipif(os.name == "nt", reason="folders cannot be forced to disk there")
def test_content_and_name_are_forced_to_disk_in_that_order_where_asked_for(tmp_path, monkeypatch):
    forced = []

    def force(handle):
        forced.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        assert (tmp_path / "file").exists() == (len(forced) == 2)

    monkeypatch.setattr(os, "fsync", force)
    atomic.write_file(tmp_path / "file", b"content")
    assert forced == []
    (tmp_path / "file").unlink()
    atomic.write_file(tmp_path / "file", b"content", sync=True)
    assert forced == ["file", "folder"]


def test_where_nothing_is_locked_a_replacement_is_given_time_for_its_second_rename(
    tmp_path, monkeypatch
):
    folder, rename, is_gone = tmp_path / "folder", Path.rename, threading.Event()
    folder.mkdir()

    def slow_rename(path, target):
        moved = rename(path, target)
        if not folder.exists():
            is_gone.set()
            time.sleep(0.1)
        return moved

    def replace():
        with atomic.replaced(folder) as own:
            (own / "new").touch()

    monkeypatch.setattr(atomic, "fcntl", None)  # as on Windows
    monkeypatch.setattr(Path, "rename", slow_rename)
    with ThreadPoolExecutor(1) as writers:
        replacing = writers.submit(replace)
        assert is_gone.wait(timeout=60)
        with atomic.settled(folder):
            assert (folder / "new").exists()
        replacing.result(timeout=60)
    folder.rename(tmp_path / ".folder.former")  # as a kill leaves it between the renames
    (tmp_path / ".folder.staged").mkdir()
    monkeypatch.setattr(atomic, "_GIVEN_S", 0.05)
    with atomic.settled(folder):
        assert (folder / "new").exists()


def test_above_a_folder_of_a_drive_that_is_missing_nothing_stands(tmp_path, monkeypatch):
    new = tmp_path / "a" / "b"
    assert atomic.standing(new) == tmp_path
    monkeypatch.setattr(Path, "exists", lambda _: False)  # as of Z:\\ on Windows
    assert atomic.standing(new) == new


def test_what_is_left_of_a_replaced_folder_does_not_come_back(tmp_path, monkeypatch):
    folder, remove = tmp_path / "detector", atomic.remove_folder
    with atomic.replaced(folder) as own:
        (own / "earlier").touch()

    def stopped(left):
        if left.name.endswith(".former") and left.exists():
            raise KeyboardInterrupt
        remove(left)

    with monkeypatch.context() as beside:
        beside.setattr(atomic, "remove_folder", stopped)
        with pytest.raises(KeyboardInterrupt), atomic.replaced(folder) as own:
            (own / "later").touch()
    assert [path.name for path in folder.iterdir()] == ["later"]
    folder.rename(tmp_path / "elsewhere")
    assert (tmp_path / ".detector.former").exists()  # control
    with atomic.settled(folder):
        assert not folder.exists()
    with atomic.replaced(folder) as own:
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["detector", "elsewhere"]
