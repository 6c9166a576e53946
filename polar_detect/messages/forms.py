"""Sentences with places that anything may fill, and how one is told from its words."""

import re
from dataclasses import dataclass
from typing import Self

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Form:
    """A sentence with places in it.

    Parameters
    ----------
    texts : tuple of str
        What stands before, between and behind the places.
    names : tuple of str
        Of the places, one fewer.
    """

    texts: tuple[str, ...]
    names: tuple[str, ...]

    @classmethod
    def of(cls, template: str) -> Self:
        """Return the form of a text with placeholders.

        >>> Form.of("row {row} of {n}").names
        ('row', 'n')
        """
        parts = _PLACEHOLDER.split(template)  # text, name, text, name, …, text
        return cls(tuple(parts[::2]), tuple(parts[1::2]))

    def match(self, sentence: str) -> dict[str, str] | None:
        """Return what fills each place of a sentence of this form; None for any other.

        Where that could be told in several ways, the first places get the least. Takes time in
        proportion to the sentence, whatever a file put into it; a regular expression does not.

        >>> Form.of("row {row} of {n}").match("row 3 of 9 of 10")
        {'row': '3', 'n': '9 of 10'}
        """
        first, *between = self.texts
        if not sentence.startswith(first):
            return None
        if not between:
            return {} if sentence == first else None
        *between, last = between
        start, found = len(first), []
        for text in between:
            end = sentence.find(text, start)
            if end < 0:
                return None
            found.append(sentence[start:end])
            start = end + len(text)
        end = len(sentence) - len(last)
        if end < start or not sentence.endswith(last):
            return None
        return dict(zip(self.names, [*found, sentence[start:end]], strict=True))
