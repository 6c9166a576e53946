"""Products and decompositions of NumPy, SciPy and scikit-learn, on one thread."""

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits


@contextmanager
def one_thread() -> Iterator[None]:
    """Let BLAS have one thread, in the whole process.

    With more the last bits of a result depend on how many there are, as of what is fitted on 60
    columns. And these matrices are small: threads that wait for each other at each of them take
    ten to thirty times as long where other work runs beside (a ridge regression of 800 rows, .56 s
    of two busy cores in place of .02; the principal directions of 450 texts, .5 s in place of .03).
    """
    with threadpool_limits(1, user_api="blas"):
        yield
