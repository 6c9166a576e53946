"""Archives of trees, which are untrusted too: how large they are is known before they are read."""

import lzma
import tokenize
import zipfile
import zlib
from pathlib import Path

import numpy as np

from polar_detect.detectors.skops_files import SCHEMA
from polar_detect.errors import ArtifactError

_MAX_UNPACKED_BYTES = 1_000_000_000  # of a forest; one of 200 trees is about 5 MB
_MAX_SCHEMA_BYTES = 100_000_000  # 3 MB of them; as objects 20 times that
_ARRAY, _ARCHIVE = b"\x93NUMPY", b"PK"
# What reading an archive and the heads of its arrays raises where somebody made them to break:
# by compression, encryption and syntax.
_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, RuntimeError),
    *(ValueError, SyntaxError, tokenize.TokenError, TypeError, IndexError, MemoryError),
)


def check_archive(path: Path) -> None:
    """Raise `ArtifactError` for an archive of more than it should hold, or of larger arrays."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            n_bytes = sum(member.file_size for member in members)
            if n_bytes > _MAX_UNPACKED_BYTES:
                raise ArtifactError(
                    f"Got '{path}', which unpacks to {n_bytes} bytes; expected at most "
                    f"{_MAX_UNPACKED_BYTES}; fit the detector again."
                )
            for member in members:
                _check_member(path, archive, member)
    except ArtifactError:
        raise
    except _BROKEN as error:
        raise ArtifactError(
            f"Got '{path}', whose archive is broken ({error}); expected the file that fit "
            "wrote; fit the detector again."
        ) from error


def _check_member(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    if member.filename == SCHEMA and member.file_size > _MAX_SCHEMA_BYTES:
        raise ArtifactError(
            f"Got '{path}' with a {SCHEMA} of {member.file_size} bytes; expected at most "
            f"{_MAX_SCHEMA_BYTES}; fit the detector again."
        )
    with archive.open(member) as file:
        start = file.read(len(_ARRAY))
    # What reads an array goes by how it begins, whatever its name, and unpacks archives too.
    if start.startswith(_ARCHIVE):
        raise ArtifactError(
            f"Got an archive in '{path}' ({member.filename}), of which nobody knows how much it "
            "unpacks to; expected what fit wrote; fit the detector again."
        )
    if start == _ARRAY or member.filename.endswith(".npy"):
        _check_array(path, archive, member)


def _check_array(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        read = {(1, 0): np.lib.format.read_array_header_1_0}.get(
            version, np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = read(file)
        n_bytes = int(np.prod(shape, dtype=object)) * dtype.itemsize
        if dtype.hasobject or file.tell() + n_bytes != member.file_size:
            raise ArtifactError(
                f"Got an array of {n_bytes} bytes in '{path}' ({member.filename}) that is not "
                "what its file holds; expected what fit wrote; fit the detector again."
            )
