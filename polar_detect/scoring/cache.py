"""Identical texts are computed once: a bounded memory of the latest results."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence

from polar_detect.scoring.results import Result

_MAX_RESULTS = 100_000  # about 60 MB


class ResultCache:
    """Remembers the results of the texts used last, by hash; texts themselves are not kept.

    Parameters
    ----------
    max_results : int
    """

    def __init__(self, max_results: int = _MAX_RESULTS) -> None:
        self._max_results = max_results
        self._results: OrderedDict[bytes, Result] = OrderedDict()

    def results(
        self, texts: Sequence[str], compute: Callable[[list[str]], Sequence[Result]]
    ) -> list[Result]:
        """Return the result of each text, computing each distinct one that is not remembered.

        What is asked of `compute` depends on the earlier calls alone. A resumed run can thus
        replay finished chunks, and from there on computes what an undisturbed run computes,
        in the same batches.
        """
        keys = [_key(text) for text in texts]
        by_key = dict(zip(keys, texts, strict=True))
        missing = [key for key in by_key if key not in self._results]
        computed = compute([by_key[key] for key in missing]) if missing else []
        known = dict(zip(missing, computed, strict=True))
        for key in by_key:
            known[key] = self._results[key] = known.get(key) or self._results[key]
            self._results.move_to_end(key)
        while len(self._results) > self._max_results:
            self._results.popitem(last=False)
        return [known[key] for key in keys]


def _key(text: str) -> bytes:
    # Not Python's own hash, under which an attacker could make two texts collide.
    return hashlib.blake2b(text.encode("utf-8"), digest_size=16).digest()
