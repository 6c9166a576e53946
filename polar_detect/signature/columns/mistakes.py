"""What seems to have gone wrong with rows: misplaced cells, or slips in numbers."""

from polar_detect.signature.columns.cells import Cells
from polar_detect.signature.columns.misplaced import misplaced
from polar_detect.signature.columns.mistake import Mistake
from polar_detect.signature.columns.slips import slips

_FEW = 1  # normal rows that say the same may hold the same mistake


def likely_mistakes(cells: Cells, contamination: float) -> list[tuple[Mistake, ...]]:
    """Return what seems to have gone wrong in each row, () of most; no score counts it.

    Misplaced cells, else slips. Nothing that normal rows have just so, but for the `contamination`,
    the share of them that may be anomalous: a sheet on its side is no sheet whose width and height
    were exchanged.
    """
    found = slips(cells)
    for i, mistake in misplaced(cells).items():
        found[i] = (mistake,)
    most = _FEW + contamination * len(cells.numbers.values)
    return [
        tuple(own for own in of_row if cells.n_alike(i, own.columns) <= most)
        for i, of_row in enumerate(found)
    ]
