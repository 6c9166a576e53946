"""Where a part of a score comes from: a layer, a property of the whole text, or a column."""

from dataclasses import dataclass


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
    """A property of the whole text: a family of features."""

    name: str

    @property
    def label(self) -> str:
        """How files name it, e.g. ``context``."""
        return self.name


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the row that the text is."""

    name: str
    is_empty: bool = False  # whether that row has an empty cell there
    beside: tuple[str, ...] = ()  # other columns, beside which only what it says is unusual

    @property
    def label(self) -> str:
        """How files name it, e.g. ``column/Torque [Nm]``."""
        return f"column/{self.name}"


Source = Layer | Group | Column
