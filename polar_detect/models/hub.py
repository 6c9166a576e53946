"""Hugging Face ids: the local snapshot when it is complete, the network only otherwise."""

from pathlib import Path
from typing import cast

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError

from polar_detect.announcement import announce
from polar_detect.errors import ModelError, ModelNotFoundError, reason_of
from polar_detect.models.catalogue import EMBEDDED
from polar_detect.models.folder import weights_files

# What transformers needs to load weights and tokenizer. No Python: code that a repository brings
# along is never run. Nothing in subfolders, and no second copy of the weights.
_WANTED = ["*.safetensors", "*.json", "*.txt", "*.model", "*.jinja"]
_UNWANTED = ["*/*", "consolidated*"]
# The bases of HfHubHTTPError are OSError and the base error of the HTTP library that this version
# of huggingface_hub uses, which a connection that breaks during a download raises.
_FAILURES = cast(
    "tuple[type[Exception], ...]", (OSError, HFValidationError, *HfHubHTTPError.__bases__)
)


def snapshot(repo_id: str) -> Path:
    """Return the folder of a repository's newest files, or of those that this machine has.

    Parameters
    ----------
    repo_id : str
        ``organisation/model``, or one of the old names without an organisation.

    Raises
    ------
    ModelNotFoundError
        When the repository is not on this machine and cannot be fetched.
    """
    try:
        return _local_snapshot(repo_id) or _fetched(repo_id)
    except _FAILURES as error:
        raise ModelNotFoundError(
            f"Got model '{repo_id}', which is no folder here and was not fetched from Hugging Face "
            f"({reason_of(error).removeprefix('Got: ')}); expected an embedded model "
            f"({', '.join(EMBEDDED)}), a folder or the id of a public repository; check the "
            "spelling and the network, or copy the model here and name its folder."
        ) from error


def _local_snapshot(repo_id: str) -> Path | None:
    try:
        folder = Path(_download(repo_id, local_files_only=True))
        weights_files(folder)
    except (FileNotFoundError, ModelError):  # not here, or only a part of it
        return None
    return folder if (folder / "config.json").is_file() else None


def _fetched(repo_id: str) -> Path:
    # Said, as it may be a saved detector that names it, and not who uses that.
    announce(f"Fetching {repo_id} from Hugging Face …")
    return Path(_download(repo_id, local_files_only=False))


def _download(repo_id: str, *, local_files_only: bool) -> str:
    return snapshot_download(
        repo_id,
        local_files_only=local_files_only,
        allow_patterns=_WANTED,
        ignore_patterns=_UNWANTED,
    )
