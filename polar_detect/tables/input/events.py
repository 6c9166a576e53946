"""Find the events of a log: lines that begin with a time, and the lines that belong to them."""

import re
from collections.abc import Iterable

from polar_detect.texts.moments import stands_at

_ESCAPE = r"(?:\x1b\[[0-9;]*m){0,4}"  # of a terminal's colours; any number took minutes a line
_LEVEL = r"(?:(?:<\d+>|\[?[A-Z]{3,8}\]?:?)\s{0,3})?"
_HEAD = re.compile(rf"{_ESCAPE}{_LEVEL}{_ESCAPE}\[?")
_CLOCK = re.compile(r"\d\d:\d\d:\d\d[.,]\d|[IWEF]\d{4} \d\d:\d\d:\d\d")  # the latter of klog
_MIN_TIMED = 2
_MIN_INDENTED = 0.5  # of the lines without a time; two of the four of the shortest traceback


def begins_event(line: str) -> bool:
    r"""Return whether a line begins with a time, as events of logs do.

    >>> begins_event("2026-11-29 00:00:40,272 INFO started"), begins_event("\tat Cart.java:88")
    (True, False)
    """
    head = _HEAD.match(line)
    assert head is not None  # it may be empty
    return stands_at(line, head.end()) or _CLOCK.match(line, head.end()) is not None


def has_events_of_lines(lines: Iterable[str]) -> bool:
    """Return whether lines are those of a log in which some events go on below their first line.

    The first line begins with a time, but for the end of a stack trace above it, and so does
    another. Of those that do not at least half are indented, as stack traces are: else they may be
    texts of their own.
    """
    n_timed = n_other = n_indented = 0
    for line in filter(str.strip, lines):
        if begins_event(line):
            n_timed += 1
            continue
        is_indented = line[0] in " \t"
        if n_timed == 0 and not is_indented:
            return False
        n_other += 1
        n_indented += is_indented
    return n_timed >= _MIN_TIMED and n_indented > 0 and n_indented >= _MIN_INDENTED * n_other
