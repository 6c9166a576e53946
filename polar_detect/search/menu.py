"""The shortest valid program of a menu, refined."""

from collections.abc import Sequence

from polar_detect.program import Program
from polar_detect.search.protocol import Log, Query, Search
from polar_detect.search.refinement import Refinement, refine


def menu_search(
    n_layers: int,
    *,
    tolerance: float,
    programs: Sequence[Program],
    refinement: Refinement | None = None,
) -> Search:
    """Measure all programs of a menu at once and shorten the best one.

    Parameters
    ----------
    n_layers : int
    tolerance : float
    programs : sequence of Program
        E.g. those that serve training texts best; see `polar_detect.menu.Menu`.
    refinement : Refinement, optional
        Default: none.
    """
    log = Log(tolerance)
    full = Program.full(n_layers)
    asked = (full, *(program for program in dict.fromkeys(programs) if program != full))
    answer = yield Query(asked)
    log.start(answer, n_layers)
    log.meet(asked, answer.losses)
    if refinement is not None:
        yield from refine(log, refinement)
    return log.found()
