"""The shortest valid program of a menu, refined."""

from collections.abc import Sequence

from polar_detect.program import Program
from polar_detect.search.protocol import FullLoss, Log, Query, Search
from polar_detect.search.refinement import Refinement, refine


def menu_search(
    n_layers: int,
    *,
    tolerance: float,
    programs: Sequence[Program],
    refinement: Refinement | None = None,
    full: FullLoss | None = None,
) -> Search:
    """Measure all programs of a menu at once and shorten the best one.

    Parameters
    ----------
    n_layers : int
    tolerance : float
    programs : sequence of Program
        E.g. those that serve training texts best; see `polar_detect.programs.menu.Menu`.
    refinement : Refinement, optional
        Default: none.
    full : FullLoss, optional
        Where it is known; then only the others run. For searches whose measure is the loss.
    """
    log = Log(tolerance)
    own = Program.full(n_layers)
    others = tuple(program for program in dict.fromkeys(programs) if program != own)
    known = full.answer if full and others else None
    asked = others if known else (own, *others)
    answer = yield Query(asked)
    log.start(known or answer, n_layers)
    log.meet(asked, answer.losses)
    if refinement is not None:
        yield from refine(log, refinement)
    return log.found()
