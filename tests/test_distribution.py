"""What the archives hold that pip installs from."""

import os
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hatchling import build

ROOT = Path(__file__).parents[1]


@pytest.fixture
def files_of(monkeypatch) -> Callable[..., set[str]]:
    """Return what lists files as git does; archives are made from the folder of this process."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is no clone, so nothing says which files belong to it")
    monkeypatch.chdir(ROOT)

    def listed(*options: str) -> set[str]:
        command = ["git", "-c", "safe.directory=*", "ls-files", "-z", *options]
        found = subprocess.run(command, capture_output=True, check=True).stdout
        return {file for file in os.fsdecode(found).split("\0") if Path(file).is_file()}

    return listed


def test_the_source_archive_is_the_repository(files_of, tmp_path):
    with tarfile.open(tmp_path / build.build_sdist(str(tmp_path))) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    not_yet_added = files_of("--others", "--exclude-standard")
    assert held - not_yet_added == files_of() | {"PKG-INFO"}


def test_the_wheel_is_the_package(files_of, tmp_path):
    with zipfile.ZipFile(tmp_path / build.build_wheel(str(tmp_path))) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    package = {file for file in files_of() if file.startswith("polar_detect/")}
    assert held - files_of("--others", "--exclude-standard") == package
    assert "polar_detect/py.typed" in package
