"""Which formats a report may be asked for in. Imports nothing, as options need it."""

from typing import Literal, get_args

Format = Literal["html", "pdf", "png", "json", "md"]
FORMATS: tuple[Format, ...] = get_args(Format)
