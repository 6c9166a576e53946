"""Products and decompositions of NumPy, SciPy and scikit-learn, on one thread."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from threadpoolctl import ThreadpoolController


@contextmanager
def one_thread(*, beside_models: bool = False) -> Iterator[None]:
    """Let BLAS have one thread, in the whole process.

    With more the last bits of a result depend on how many there are, as of what is fitted on 60
    columns. And these matrices are small: threads that wait for each other at each of them take
    ten to thirty times as long where other work runs beside (a ridge regression of 800 rows, .56 s
    of two busy cores in place of .02; the principal directions of 450 texts, .5 s in place of .03).

    `beside_models`: but for a BLAS that torch may multiply large matrices with: MKL, which conda's
    shares with NumPy, and what its wheels for ARM bring.
    """
    with _pools(len(sys.modules), beside_models).limit(limits=1):
        yield


@lru_cache(maxsize=2)
def _pools(n_modules: int, beside_models: bool) -> ThreadpoolController:  # noqa: ARG001
    """Return the pools of threads that get one thread, of the libraries that are loaded.

    To look for these takes 3 to 12 ms, as long as to score a row; what loads another one imports a
    module with it, so that there are more of them.
    """
    found = ThreadpoolController()
    own: ThreadpoolController = found.select(
        filepath=_limited(found.info(), beside_models=beside_models)
    )
    return own


def _limited(pools: Iterable[Mapping[str, Any]], *, beside_models: bool) -> list[str]:
    """Return the files of those pools of threads that get one thread."""
    return [
        pool["filepath"]
        for pool in pools
        if pool["user_api"] == "blas" and not (beside_models and _may_be_torchs(pool))
    ]


def _may_be_torchs(pool: Mapping[str, Any]) -> bool:
    is_inside = not {"torch", "torch.libs"}.isdisjoint(Path(pool["filepath"]).parts)
    return pool["internal_api"] == "mkl" or is_inside
