"""Headers, footers and numbers of pages: what stands at the same edge of several pages."""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import product, takewhile
from typing import TypeAlias

from polar_detect.tables.documents.page_lines import Line, Page

_Key: TypeAlias = tuple[str, int, int]

_EDGE_SHARE = 0.2  # of the height of a page
_APART = 4.0  # points; half of it may lines of two pages differ in place
_NUMBER = re.compile(r"\d{1,6}")
_MAX_NUMBERS = 12  # of a line, that are tried


def without_edges(pages: Sequence[Page]) -> list[Page]:
    """Return pages without the lines at their edges that half of them have, and two at least.

    Such lines are the same, but for one number that grows with the pages.
    """
    keys = [[_keys(line, i) for line in page.lines] for i, page in enumerate(pages)]
    counts = Counter(key for own in keys for key in {key for line in own for key in line})
    least = max(2, len(pages) // 2)
    repeated = {key for key, n in counts.items() if n >= least}
    return [
        replace(page, lines=_kept(page, [not repeated.isdisjoint(line) for line in own]))
        for page, own in zip(pages, keys, strict=True)
    ]


def _kept(page: Page, are_repeated: Sequence[bool]) -> list[Line]:
    """Return the lines but those that are repeated up to an edge of the page."""
    order = sorted(range(len(page.lines)), key=lambda i: page.lines[i].bottom)
    low, high = _EDGE_SHARE * page.height, (1 - _EDGE_SHARE) * page.height

    def repeats_below(i: int) -> bool:
        return are_repeated[i] and page.lines[i].bottom < low

    def repeats_above(i: int) -> bool:
        return are_repeated[i] and page.lines[i].bottom > high

    passed = {*takewhile(repeats_below, order), *takewhile(repeats_above, order[::-1])}
    return [line for i, line in enumerate(page.lines) if i not in passed]


def _keys(line: Line, page: int) -> Collection[_Key]:
    """Return what a line shares with the same one on other pages."""
    texts = [line.text]
    for found in [*_NUMBER.finditer(line.text)][:_MAX_NUMBERS]:
        number = f"<{int(found[0]) - page}>"
        texts.append(line.text[: found.start()] + number + line.text[found.end() :])
    return {(text, k, int(line.bottom / _APART + k / 2)) for text, k in product(texts, (0, 1))}
