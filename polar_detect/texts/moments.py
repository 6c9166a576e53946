r"""Moments in texts, as at the beginning of the lines of a log: `2026-12-01 09:30:00,123 ERROR …`.

In new lines they are always new, and tell nothing of whether a line belongs.
"""

import re
from collections.abc import Sequence

from polar_detect.texts.visible import as_seen

_MONTHS, _DAYS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec", "Mon|Tue|Wed|Thu|Fri|Sat|Sun"
_DATE = rf"""(?:
    \d{{4}}[-/.]\d\d?[-/.]\d\d? | \d\d?[-/.]\d\d?[-/.](?:\d{{4}}|\d\d) | \d{{8}}
    | \d\d?[-/\x20](?:{_MONTHS})[-/\x20]\d{{4}} | \d{{4}}年\x20?\d\d?月\x20?\d\d?日
)"""
_DAY = rf"(?:\d\d[-/.]\d\d|(?:(?:{_DAYS}),?\x20)?(?:{_MONTHS})\x20{{1,2}}\d\d?)"  # of any year
_CLOCK = r"(?:\d\d?:\d\d:\d\d|\d\d?\.\d\d\.\d\d)(?:[.,:]\d{1,9})?"
_HOURS = r"(?:\d\d?:\d\d|\d\d?時\d\d?分(?:\d\d?秒)?)"
_ZONE = r"(?:\x20?(?:Z|UTC|[-+]\d\d:?\d\d))?(?:\x20\d{4})?"
# Or a terminal's colours, whose code ends with an m.
_BEFORE = r"(?:(?<![\w.:/-])|(?<=\x1b\[\dm)|(?<=\x1b\[\d\dm))"
_BETWEEN = r"[T:_\x20-]{1,2}"
_MOMENT = re.compile(
    rf"""{_BEFORE}(?:
        (?:{_DATE}{_BETWEEN}(?:{_CLOCK}|{_HOURS})|{_DAY}{_BETWEEN}{_CLOCK}){_ZONE}
        | (?:(?<!.)|(?<=^\[)){_CLOCK}
    )(?![\w:])""",
    re.VERBOSE | re.ASCII,
)
_PARTS = re.compile(rf"\d|(?<=[a-z]\x20)\x20(?=\d)|{_MONTHS}|{_DAYS}", re.ASCII)


def at_no_moment(text: str) -> str:
    """Return a text of the same length in which every moment is the same.

    A date with a time of day behind it, or at the beginning of the text a time with seconds.

    >>> at_no_moment("2026-12-01T09:30:00.123Z pump 3 stopped at 12.5 bar")
    '0000-00-00T00:00:00.000Z pump 3 stopped at 12.5 bar'
    >>> at_no_moment("Dec  1 09:30:00 host sshd[4711]: closed"), at_no_moment("09:30:00 on")
    ('Jan 00 00:00:00 host sshd[4711]: closed', '00:00:00 on')
    >>> at_no_moment("valve 1.2 10:30 open, took 0:01:12 of 2026-12-01")
    'valve 1.2 10:30 open, took 0:01:12 of 2026-12-01'
    """
    return _MOMENT.sub(lambda found: _PARTS.sub(_same, found[0]), text)


def moment_in(text: str) -> str | None:
    """Return the first moment in a text; None where there is none.

    >>> moment_in("[2026-12-01 09:30:00] on"), moment_in("on since 2026-12-01")
    ('2026-12-01 09:30:00', None)
    """
    found = _MOMENT.search(text)
    return None if found is None else found[0]


def stands_at(text: str, place: int) -> bool:
    """Return whether a moment begins at a place in a text.

    >>> stands_at("INFO 17/06/09 20:10:56 started", 5), stands_at("due 17/06/09", 4)
    (True, False)
    """
    return _MOMENT.match(text, place) is not None


def as_read(texts: Sequence[str]) -> list[str]:
    """Return texts as models read them: as people see them, at no moment."""
    return [*map(at_no_moment, as_seen(texts))]


def _same(part: re.Match[str]) -> str:
    if len(part[0]) == 1:
        return "0"
    return "Jan" if part[0] in _MONTHS else "Mon"
