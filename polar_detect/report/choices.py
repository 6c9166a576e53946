"""What may be asked for by name: languages and formats. Imports nothing, as options need both."""

from typing import Literal, get_args

Tongue = Literal["en", "ja"]
TONGUES: tuple[Tongue, ...] = get_args(Tongue)
Format = Literal["html", "pdf", "png", "json", "md"]
FORMATS: tuple[Format, ...] = get_args(Format)
