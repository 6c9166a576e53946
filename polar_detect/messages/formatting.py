"""How numbers and the texts of users are written, the same in every renderer."""

import math
from dataclasses import dataclass

from polar_detect import calibration
from polar_detect.tables.cells.text import cell_as_text
from polar_detect.texts.graphemes import whole_graphemes
from polar_detect.texts.visible import visible

NO_VALUE = "–"
NAME_CHARACTERS = 48  # of a name or a cell in a sentence
_LARGE = 1e15  # whole numbers beyond have more digits than people read
MINUS = "−"  # typographic; terminals and files keep the hyphen


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers written with a fixed count of decimals, so that columns of them compare.

    Examples
    --------
    >>> Numbers(2).signed(-0.001), Numbers(2).signed(0.407), Numbers(2).plain(float("nan"))
    ('0.00', '+0.41', '–')
    """

    decimals: int = 2
    minus: str = "-"

    def plain(self, value: float) -> str:
        """Return `value` with a sign only where negative."""
        if not math.isfinite(value):
            return NO_VALUE
        # Adding zero turns a rounded -0.0 into 0.0.
        return f"{round(value, self.decimals) + 0.0:.{self.decimals}f}".replace("-", self.minus)

    def signed(self, value: float) -> str:
        """Return `value` with its sign, unless it rounds to zero."""
        written = self.plain(value)
        return (
            f"+{written}" if math.isfinite(value) and round(value, self.decimals) > 0 else written
        )

    def shows(self, value: float) -> bool:
        """Return whether `value` is written as another number than zero."""
        return math.isfinite(value) and round(value, self.decimals) != 0


def decimals_for(spread: float) -> int:
    """Return how many decimals (2 to 4) tell values of this standard deviation apart."""
    if not math.isfinite(spread) or spread <= 0:
        return 2
    return min(4, max(2, 1 - math.floor(math.log10(spread))))


def significant(value: float) -> str:
    """Return a value of a feature with three significant digits."""
    if not math.isfinite(value):
        return NO_VALUE
    return f"{value:.3g}".replace("-", MINUS)


def p_value(value: float) -> str:
    """Return a p-value with two significant digits.

    >>> p_value(0.002493), p_value(0.5), p_value(float("nan"))
    ('0.0025', '0.5', '–')
    """
    return f"{value:.2g}" if math.isfinite(value) else NO_VALUE


def one_line(text: str, n_characters: int) -> str:
    """Return `text` on one line, cut to `n_characters` with an ellipsis.

    >>> one_line("pump   leaks again", 12)
    'pump leaks …'
    """
    # White space shrinks the text, so a margin of the source is read, never all of it.
    flat = " ".join(visible(text[: 4 * n_characters]).split())
    if len(flat) <= n_characters and len(text) <= 4 * n_characters:
        return flat
    return flat[: whole_graphemes(flat, n_characters - 1)] + "…"


def is_empty(text: str) -> bool:
    """Return whether `text` has nothing to score."""
    return not text.strip()


def cell_number(value: float) -> str:
    """Return a number of a table for people: six significant digits, or a whole one in full.

    >>> cell_number(1551.0), cell_number(-0.25), cell_number(1e9), cell_number(-1e-9)
    ('1551', '−0.25', '1e+09', '−1e−09')
    >>> cell_number(10000123.0), cell_number(2 / 3)
    ('10000123', '0.666667')
    """
    if not math.isfinite(value):
        return NO_VALUE
    written = f"{value:.6g}"
    if value.is_integer() and abs(value) < _LARGE and float(written) != value:
        written = f"{value:.0f}"
    return written.replace("-", MINUS)


def cell_range(low: float, high: float) -> tuple[str, str]:
    """Return between which numbers of a table others lie; in all digits where six are the same.

    >>> cell_range(21.4, 58.625), cell_range(101325.07, 101325.31)
    (('21.4', '58.625'), ('101325.07', '101325.31'))
    """
    ends = cell_number(low), cell_number(high)
    if ends[0] != ends[1] or not math.isfinite(low):
        return ends
    return cell_as_text(low).replace("-", MINUS), cell_as_text(high).replace("-", MINUS)


def pairs(superiority: float) -> str:
    """Return a chance as so many of 100 pairs.

    >>> pairs(0.714), pairs(float("nan"))
    ('71', '–')
    """
    return f"{superiority * 100:.0f}" if math.isfinite(superiority) else NO_VALUE


def moment(created: str) -> str:
    """Return an ISO date and time for people.

    >>> moment("2026-03-31T14:05:12+00:00"), moment("yesterday")
    ('2026-03-31 14:05 UTC', 'yesterday')
    """
    date, separator, time = created.partition("T")
    if not separator or not time.endswith("+00:00"):
        return created
    return f"{date} {time[:5]} UTC"


def about(count: float) -> str:
    """Return an expected count: small ones with a decimal, large ones with separators.

    >>> about(0.25), about(1234.5)
    ('0.2', '1,234')
    """
    return f"{count:.1f}" if 0 < count < 3 else f"{count:,.0f}"


def rate_by_chance(alpha: float, n_held_out: int) -> float:
    """Return the share of normal rows that is flagged: `alpha`, or what few held-out rows allow.

    With two significant digits, where it is not alpha by so many.

    >>> rate_by_chance(0.125, 400), rate_by_chance(0.05, 100), rate_by_chance(0.05, 38)
    (0.125, 0.05, 0.026)
    """
    rate = float(f"{calibration.rate_at(alpha, n_held_out):.2g}")
    return alpha if rate == float(f"{alpha:.2g}") else rate
