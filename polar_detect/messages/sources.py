"""Where a part of a score comes from: a layer, a property of the whole text, or a column."""

from dataclasses import dataclass, replace

from polar_detect.features.of_columns import Expected
from polar_detect.features.of_sequences import OddEntry


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of the language model."""

    index: int

    @property
    def label(self) -> str:
        """How files name it, e.g. ``L11``."""
        return f"L{self.index}"


@dataclass(frozen=True, slots=True)
class Group:
    """A property of the whole text: a family of features.

    Parameters
    ----------
    name : str
    entry : OddEntry, optional
        Of a sequence: the entry that is missing, out of place or there too often.
    """

    name: str
    entry: OddEntry | None = None

    @property
    def label(self) -> str:
        """How files name it, e.g. ``context``."""
        return self.name


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the row that the text is, and what is odd about its cell.

    Parameters
    ----------
    name : str
    is_empty : bool
        Whether that row has an empty cell there.
    beside : tuple of str
        Other columns, beside which only what it says is unusual.
    direction : {-1, 0, 1}
        Whether its number is too low or too high; 0 where it is neither, or no number.
    is_beside_all : bool
        Whether it is so beside the other numbers of the row rather than by itself.
    expected : str or tuple of float, optional
        What the free text of the row leads to expect there, where it says something else: a word,
        or between which numbers.
    meant : float, optional
        A number that would be usual there, of which its own seems to be a slip of the pen.
    """

    name: str
    is_empty: bool = False
    beside: tuple[str, ...] = ()
    direction: int = 0
    is_beside_all: bool = False
    expected: Expected | None = None
    meant: float | None = None

    @property
    def of_any_number(self) -> "Column":
        """The same, whatever number would be usual in the row."""
        return replace(self, meant=None)

    @property
    def label(self) -> str:
        """How files name it, e.g. ``column/Torque [Nm]``."""
        return f"column/{self.name}"


Source = Layer | Group | Column


@dataclass(frozen=True, slots=True)
class SharedReason:
    """Why rows of a cluster are flagged: a column, and what is odd about it.

    Parameters
    ----------
    column : Column
        Empty, beside others, too low or too high where most of the rows are.
    new : tuple of str
        What they say there that no normal row does.
    """

    column: Column
    new: tuple[str, ...] = ()
