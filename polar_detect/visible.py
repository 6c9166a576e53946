"""Foreign texts for people's eyes: nothing in them steers a terminal or vanishes from a page."""

# C0, DEL and C1 as control pictures or U+FFFD: they would vanish in HTML and steer a terminal.
# Line feed and tab are layout, not control. Lone surrogates cannot be written as UTF-8. What sets
# or overrides the direction of writing turns round whatever stands behind it, other columns too.
_VISIBLE = (
    {code: 0x2400 + code for code in range(0x20) if code not in (0x09, 0x0A)}
    | {0x7F: 0x2421}
    | dict.fromkeys(range(0x80, 0xA0), 0xFFFD)
    | dict.fromkeys(range(0xD800, 0xE000), 0xFFFD)
    | dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)), 0xFFFD)
)


def visible(text: str) -> str:
    r"""Return `text` with line ends as line feeds and control characters made visible.

    >>> visible("oil \x1b[31mleak")
    'oil ␛[31mleak'
    """
    return text.replace("\r\n", "\n").replace("\r", "\n").translate(_VISIBLE)
