"""What a service accepts, and how long it waits; checked once, before a model is loaded."""

import codecs
import os
import re
from dataclasses import dataclass
from pathlib import Path

from polar_detect.errors import InputError, InputNotFoundError

TOKEN_VARIABLE = "POLAR_DETECT_TOKEN"
_MIN_TOKEN_CHARS = 16
# On any system, and in any of its shells.
_MAKING = 'python -c "import secrets; print(secrets.token_hex())"'
_ROOT_PATH = re.compile(r"(/[\w.~-]+)*", re.ASCII)


@dataclass(frozen=True)
class ServeSettings:
    """Limits of a service.

    Parameters
    ----------
    max_queue_texts : int
        Texts that may wait for the model; requests beyond are refused with 429.
    max_batch_texts : int
        Texts that the model reads at a time; requests are not split, so one may be larger.
    max_texts : int
        Texts in one request.
    max_chars : int
        Characters in one text.
    max_body_bytes : int
        Bytes in one request, refused with 413 before they are parsed.
    timeout_s : float
        A request that has not been answered by then gets 504, and is dropped if it still waits.
    batch_wait_s : float
        How long the first request of a batch waits for company.
    token : str or None
        Bearer token that requests must carry.
    root_path : str
        Path under which a proxy serves it, such as "/polar"; "" for none.
    """

    max_queue_texts: int = 1024
    max_batch_texts: int = 64
    max_texts: int = 256
    max_chars: int = 20_000
    max_body_bytes: int = 4_000_000
    timeout_s: float = 60.0
    batch_wait_s: float = 0.005
    token: str | None = None
    root_path: str = ""

    def __post_init__(self) -> None:
        """Refuse limits under which nothing could be answered."""
        for name in ("max_batch_texts", "max_texts", "max_chars", "max_body_bytes", "timeout_s"):
            if not getattr(self, name) > 0:  # nor what is no number
                raise InputError(
                    f"Got {name} {getattr(self, name)}; expected more than 0; choose a larger one."
                )
        if self.max_queue_texts < self.max_texts:
            raise InputError(
                f"Got room for {self.max_queue_texts} waiting texts and requests of up to "
                f"{self.max_texts}; expected room for one request at least; pass a larger "
                "--max-queue, or a smaller --max-texts."
            )
        if not _ROOT_PATH.fullmatch(self.root_path):
            raise InputError(
                f"Got root path '{self.root_path}'; expected what a proxy puts in front of /score, "
                "with a slash before it and none behind; pass for instance --root-path /polar."
            )


def read_token(file: Path | None) -> str | None:
    """Return the bearer token from `file`, else from the environment, else None.

    A token on the command line could be read by every user of the machine.

    Raises
    ------
    InputNotFoundError
        When the file cannot be read.
    InputError
        When the token is short, or no visible ASCII.
    """
    if file is None:
        token, source = os.environ.get(TOKEN_VARIABLE), TOKEN_VARIABLE
    else:
        token, source = _read(file), str(file)
    if token is None:
        return None
    is_visible = token.isascii() and token.isprintable() and " " not in token
    if len(token) < _MIN_TOKEN_CHARS or not is_visible:
        raise InputError(
            f"Got a token of {len(token)} characters in {source}; expected at least "
            f"{_MIN_TOKEN_CHARS} visible ASCII characters without blanks; make one with: {_MAKING}"
        )
    return token


def _read(file: Path) -> str:
    try:
        content = file.read_bytes()
        # As Windows PowerShell puts into a file what a command prints.
        is_utf16 = content.startswith(codecs.BOM_UTF16_LE) and b"\0" in content
        return content.decode("utf-16" if is_utf16 else "utf-8-sig").strip()
    except OSError as error:
        raise InputNotFoundError(
            f"Got token file '{file}', which cannot be read ({error.strerror}); expected a file "
            "that holds the token; check --token-file."
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"Got token file '{file}', which is not UTF-8; expected visible ASCII characters; "
            f"make one with: {_MAKING}"
        ) from error
