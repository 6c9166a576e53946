"""Parameters of which some run by default: a wide list costs more time than it finds faults."""

from collections.abc import Iterable

import pytest


def some_by_default(names: Iterable[object], *chosen: object):
    """Return all as parameters, those that are not chosen marked slow."""
    names = list(names)
    assert set(chosen) <= set(names)
    return [
        name if name in chosen else pytest.param(name, marks=pytest.mark.slow) for name in names
    ]
