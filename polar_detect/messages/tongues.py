"""Which languages people are told in. Imports nothing, as options need it."""

from typing import Literal, get_args

Tongue = Literal["en", "ja"]
TONGUES: tuple[Tongue, ...] = get_args(Tongue)
