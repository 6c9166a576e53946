"""What seems to have gone wrong with rows: misplaced cells, or slips in numbers."""

from polar_detect.signature.columns.cells import Cells
from polar_detect.signature.columns.misplaced import misplaced
from polar_detect.signature.columns.mistake import Mistake
from polar_detect.signature.columns.slips import slips


def likely_mistakes(cells: Cells) -> list[tuple[Mistake, ...]]:
    """Return what seems to have gone wrong in each row, () of most; no score counts it.

    Misplaced cells, else slips. Nothing that normal rows have just so, but for those that may be
    anomalous.
    """
    found = slips(cells)
    for i, mistakes in misplaced(cells).items():
        found[i] = mistakes
    return found
