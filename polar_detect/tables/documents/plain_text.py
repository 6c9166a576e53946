"""Bytes of a text as text, in the encoding that somebody names, or in the one they look like."""

import io
from typing import NamedTuple

from polar_detect.errors import InputError
from polar_detect.tables.input.encodings import detect_encoding, given_encoding


class Decoded(NamedTuple):
    """A text, and the encoding that was guessed, as people know it; None where it shows."""

    text: str
    guess: str | None


def decoded(content: bytes, name: str, *, said: str | None, given: str | None = None) -> Decoded:
    r"""Return a text; bytes that are none become U+FFFD.

    Parameters
    ----------
    content : bytes
    name : str
        Of the file, for messages.
    said : str or None
        Encoding that the text says to have, which counts where it fits.
    given : str, optional
        The one that somebody named, which always counts.

    Raises
    ------
    EmptyInputError, InputError
        There is no text, or it is binary, or the encoding that is given is unknown.

    >>> decoded("割れ".encode("cp932"), "a.txt", said="shift_jis").text
    '割れ'
    """
    if given is not None:
        return Decoded(content.decode(given_encoding(given).codec, "replace"), None)
    if said is not None:
        try:
            return Decoded(content.decode(given_encoding(said).codec), None)
        except (InputError, UnicodeDecodeError):
            pass  # a name that nobody knows, or the wrong one
    encoding = detect_encoding(io.BytesIO(content), name)
    guess = encoding.title if encoding.origin == "guessed" else None
    return Decoded(content.decode(encoding.codec, "replace"), guess)
