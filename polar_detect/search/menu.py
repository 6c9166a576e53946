"""The shortest valid program of a menu, refined."""

from collections.abc import Sequence

import numpy as np

from polar_detect.program import Program
from polar_detect.search.protocol import Answer, Log, Query, Search
from polar_detect.search.refinement import Refinement, refine


def menu_search(
    n_layers: int,
    *,
    tolerance: float,
    programs: Sequence[Program],
    refinement: Refinement | None = None,
    full_loss: float | None = None,
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
    full_loss : float, optional
        Of the full program, nats per token, where it is known; then only the others run. For
        searches whose measure is the loss.
    """
    log = Log(tolerance)
    full = Program.full(n_layers)
    others = tuple(program for program in dict.fromkeys(programs) if program != full)
    is_known = full_loss is not None and bool(others)
    asked = others if is_known else (full, *others)
    answer = yield Query(asked)
    known = Answer(np.asarray([full_loss], np.float32)) if is_known else answer
    log.start(known, n_layers)
    log.meet(asked, answer.losses)
    if refinement is not None:
        yield from refine(log, refinement)
    return log.found()
