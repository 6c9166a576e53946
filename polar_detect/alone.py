"""Whose turn it is: threads that share models, or a detector, take turns."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from polar_detect.numerics.blas import one_thread

# To be held while models run: a pass through them is recorded by replacing parts of them, which
# other threads would meet. One for all of them, as engines share models.
_ALONE = threading.RLock()


@contextmanager
def alone() -> Iterator[None]:
    """Let no other run, and give BLAS one thread, but for that of the models.

    Small numbers become 0 meanwhile, whatever `numpy.seterr` asks for.
    """
    with _ALONE, one_thread(beside_models=True), np.errstate(under="ignore"):
        yield
