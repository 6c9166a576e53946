"""Programs of normal texts: the menu that new texts are served, and what is usual by it.

Half of the time that a fit would take goes into their search, and many who fit only want scores.
So it is planned when a detector is fitted, and done when programs are first asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from polar_detect.arrays import Float64Array
from polar_detect.programs.menu import Menu
from polar_detect.programs.minimal import MinimalProgram
from polar_detect.progress import Tracker
from polar_detect.search import FullLoss
from polar_detect.signature.extraction import Extractor
from polar_detect.signature.reading.readings import Readings
from polar_detect.texts.distinct import distinct_texts, sample

_MENU_TEXTS = (8, 24)  # one for every 25 training texts, within these bounds
_TYPICAL_TEXTS = 32


@dataclass(frozen=True, eq=False)
class NormalPrograms:
    """A menu of programs, and what held-out normal texts have of it.

    Parameters
    ----------
    menu : Menu
    typical_calls : (n_layers,) float64
        Mean calls per layer in the minimal programs of held-out normal texts.
    typical_length : float
    """

    menu: Menu
    typical_calls: Float64Array
    typical_length: float

    @classmethod
    def of(cls, menu: Menu, held_out: Sequence[MinimalProgram], n_layers: int) -> Self:
        """Return a menu with the minimal programs of held-out texts summed up."""
        counts = np.asarray([found.program.counts(n_layers) for found in held_out], np.float64)
        return cls(menu, counts.mean(0), float(counts.sum(1).mean()))


@dataclass(frozen=True, eq=False)
class ProgramPlan:
    """Texts that programs are searched for, once they are asked for.

    Parameters
    ----------
    searched : tuple of str
        Training texts, whose programs become the menu.
    held_out : tuple of str
        Normal texts that are served it.
    full : one FullLoss per held-out text
    tolerance : float
        Nats per token.
    """

    searched: tuple[str, ...]
    held_out: tuple[str, ...]
    full: tuple[FullLoss, ...]
    tolerance: float

    def __repr__(self) -> str:
        """Return how many texts there are, and not what they say."""
        return f"ProgramPlan({len(self.searched)} texts to search, {len(self.held_out)} held out)"

    @classmethod
    def of(cls, train: Sequence[str], held_out: Readings, *, tolerance: float, seed: int) -> Self:
        """Return a plan for a few of the texts, all of which have tokens."""
        texts = held_out.texts[:_TYPICAL_TEXTS]
        full = tuple(held_out.traces.full_losses[:_TYPICAL_TEXTS])
        return cls(menu_texts(train, seed=seed), texts, full, tolerance)

    def searched_by(self, extractor: Extractor, tracker: Tracker) -> NormalPrograms:
        """Search the programs."""
        tracer = extractor.tracer
        with tracker.whole("search programs for the menu", len(self.searched)) as part:
            menu = extractor.menu(self.searched, tolerance=self.tolerance, advance=part.advance)
        with tracker.whole("programs of held-out texts", len(self.held_out)) as part:
            found = menu.minimal_programs(
                tracer.executor,
                tracer.tokenize(self.held_out),
                tolerance=self.tolerance,
                full=self.full,
                advance=part.advance,
            )
        return NormalPrograms.of(menu, found, tracer.backbone.n_layers)


def menu_texts(train: Sequence[str], *, seed: int) -> tuple[str, ...]:
    """Return the training texts whose programs become the menu, drawn at random."""
    distinct, _ = distinct_texts(train)
    n_searched = int(np.clip(len(distinct) // 25, *_MENU_TEXTS))
    return tuple(sample(distinct, n_searched, seed=seed))
