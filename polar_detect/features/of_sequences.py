"""What is told of the entries of a text: their order, and how often each kind of them occurs."""

from dataclasses import dataclass
from typing import Literal

from polar_detect.features.table import Feature

SEQUENCE = "sequence"  # the group of these features
ORDER = Feature(SEQUENCE, "order")
COUNTS = Feature(SEQUENCE, "counts")

OddKind = Literal["missing", "extra", "times", "new", "order", "start", "end"]


@dataclass(frozen=True, slots=True)
class OddEntry:
    """The entry of a text that goes worst with normal ones.

    Parameters
    ----------
    kind : {"missing", "extra", "times", "new", "order", "start", "end"}
        What is odd: it is not there; the most alike normal text has none; it has more or fewer; no
        normal text has such an entry; what stands before it, or that it comes first or last.
    entry : str
        As the text says it; as normal ones do, but for what varies, where it is missing.
    usual : str, optional
        Of an order: what is usual in its place; "" where that is the end, None where it is this
        entry itself, if rarely.
    behind : str
        Of an order, and of what is missing there: the entry before it; "" where it is the first.
    n, n_usual : int
        How often the text has it, and the most alike normal one.
    """

    kind: OddKind
    entry: str
    usual: str | None = None
    behind: str = ""
    n: int = 0
    n_usual: int = 0
