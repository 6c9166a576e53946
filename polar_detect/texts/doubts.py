"""What a fit on texts should be warned of: copies, and labels that contradict one another."""

import reprlib
from collections import Counter
from collections.abc import Sequence

from polar_detect.arrays import BoolArray

_MIN_PASTED = 20  # different texts


def say_the_same(texts: Sequence[str]) -> bool:
    """Return whether there are several texts, and all of them say the same."""
    return len(texts) > 1 == len(set(texts))


def times_pasted(texts: Sequence[str]) -> int:
    """Return how often each text is there, where all are equally often; else 1.

    As where somebody has pasted a table below itself. Of fewer than 20 different ones it may be
    chance.

    >>> [times_pasted([f"part {i}" for i in range(n)] * 3) for n in (20, 19)]
    [3, 1]
    >>> times_pasted([f"part {i}" for i in range(20)] * 3 + ["part 0"])
    1
    """
    counts = Counter(filter(None, texts))
    often = {*counts.values()}
    return often.pop() if len(counts) >= _MIN_PASTED and len(often) == 1 else 1


def doubts_of_texts(texts: Sequence[str], *, are_screened: bool = False) -> list[str]:
    """Return what a fit on normal texts should be warned of, or who holds them one against another.

    >>> doubts_of_texts(["OK", "OK"])
    ['all 2 normal texts say the same, so that any other will look strange; add others']
    """
    if are_screened:
        return _doubts_of_screened(texts)
    if say_the_same(texts):
        return [
            f"all {len(texts)} normal texts say the same, so that any other will look strange; "
            "add others"
        ]
    if (times := times_pasted(texts)) > 1:
        return [
            f"each normal text is there {times} times, beside which new ones will look strange; "
            "leave the copies out"
        ]
    return []


def labelled_both(texts: Sequence[str], is_anomalous: BoolArray) -> list[str]:
    """Return the texts that are labelled both normal and anomalous, in order.

    >>> import numpy as np
    >>> labelled_both(["oil", "fuse", "oil", "hose"], np.array([True, False, False, True]))
    ['oil']
    """
    pairs = [*zip(texts, is_anomalous.tolist(), strict=True)]
    normal = {text for text, label in pairs if not label and text.strip()}
    return [*dict.fromkeys(text for text, label in pairs if label and text in normal)]


def doubts_of_labels(texts: Sequence[str], is_anomalous: BoolArray) -> list[str]:
    """Return what a fit with labels should be warned of."""
    both = labelled_both(texts, is_anomalous)
    if not both:
        return []
    return [
        f"texts that are labelled both normal and anomalous: {len(both)}, such as "
        f"{reprlib.repr(both[0])}; correct the labels"
    ]


def _doubts_of_screened(texts: Sequence[str]) -> list[str]:
    if say_the_same(texts):
        return [f"all {len(texts)} texts say the same, so that none is unlike the others"]
    if (times := times_pasted(texts)) > 1:
        return [
            f"each text is there {times} times, and what is said again looks usual; leave the "
            "copies out"
        ]
    return []
