"""Whether new texts are those that a detector was fitted on."""

from collections import Counter
from collections.abc import Sequence

from polar_detect.texts.moments import as_read

_MIN_KNOWN, _FEW, _CHANCE = 8, 0.1, 2  # texts; a share; times what repeats itself


class KnownTexts:
    """Counts texts that a detector was fitted on among those that it is asked for.

    Each is its own nearest normal text, so that its p-value promises nothing.

    Parameters
    ----------
    normal : sequence of str
        What it was fitted on; none where it keeps none.

    >>> known = KnownTexts([f"pump {i} checked" for i in range(30)])
    >>> known.add([f"pump {i} checked" for i in range(20, 40)])
    >>> known.n_beyond_chance
    10
    """

    def __init__(self, normal: Sequence[str]) -> None:
        counts = Counter(as_read(normal))
        self._known = {*counts}
        n_repeated = sum(n for n in counts.values() if n > 1)
        # Of messages that come again and again new rows hold as many.
        self._by_chance = _CHANCE * n_repeated / max(len(normal), 1) + _FEW
        self._n_texts = self._n_known = 0

    def add(self, texts: Sequence[str]) -> None:
        """Count some more texts; empty ones are none."""
        filled = [text for text in texts if text.strip()]
        self._n_texts += len(filled)
        if self._known:
            self._n_known += sum(text in self._known for text in as_read(filled))

    @property
    def n_beyond_chance(self) -> int:
        """How many are known, where that is no chance; else 0."""
        is_beyond = self._n_known > self._by_chance * self._n_texts
        return self._n_known if is_beyond and self._n_known >= _MIN_KNOWN else 0
