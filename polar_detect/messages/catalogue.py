"""All that is said in English and Japanese, as the TOML files beside this module hold it.

What reports and commands say is looked up by a key. What modules below say in plain English,
errors above all, is looked up by its English; tests/test_report_sentences.py holds both together.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent
_BY_KEY = ("language", "report", "reasons", "commands")
_BY_ENGLISH = ("notices", "errors", "compare", "inspect", "parts")


@cache
def texts() -> Mapping[str, Mapping[str, Any]]:
    """Return each text by its key: ``en`` and ``ja``, and both under ``one`` for a count of one.

    ``{name}`` is a placeholder; see `language.toml` for those that every text has.
    """
    return {key: text for name in _BY_KEY for key, text in _read(name).items()}


@cache
def sentences() -> Mapping[str, Mapping[str, str]]:
    """Return by their kind English sentences, and what may stand in one, with the Japanese.

    ``{name}`` is what may stand there, which is itself looked up among those of the kind `name`.
    """
    found: dict[str, dict[str, str]] = {}
    for name in _BY_ENGLISH:
        for kind, own in _read(name).items():
            found.setdefault(kind, {}).update((pair["en"], pair["ja"]) for pair in own)
    return found


def _read(name: str) -> dict[str, Any]:
    with (_FOLDER / f"{name}.toml").open("rb") as file:
        return tomllib.load(file)
