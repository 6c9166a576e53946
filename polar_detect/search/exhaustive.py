"""Every program of a small space."""

from polar_detect.errors import InputError
from polar_detect.program import Program
from polar_detect.search.protocol import Log, Query, Search
from polar_detect.search.space import Space

_MAX_PROGRAMS = 2**16
_PROGRAMS_AT_ONCE = 1024


def exhaustive(n_layers: int, *, tolerance: float, space: Space | None = None) -> Search:
    """Measure every program of a space; by default every choice of layers to skip.

    All are measured in float32. By the quick form, 1 of 200 texts got a program that was longer
    than its minimal one, whose rounding had put it above the limit.

    Raises
    ------
    InputError
        If the space holds more than 65,536 programs.
    ProgramError
        If it is that of another number of layers.
    """
    space = space or Space(n_layers, max_runs=1)
    space.check(n_layers)
    if space.count() > _MAX_PROGRAMS:
        raise InputError(
            f"Got a space of {space.count():,} programs for exhaustive search; expected at most "
            f"{_MAX_PROGRAMS:,}; choose another method for a model of {n_layers} layers."
        )
    log = Log(tolerance)
    full = Program.full(n_layers)
    log.start((yield Query((full,), precise=True)), n_layers)
    rest = [program for program in space if program != full]
    for start in range(0, len(rest), _PROGRAMS_AT_ONCE):
        programs = tuple(rest[start : start + _PROGRAMS_AT_ONCE])
        log.meet(programs, (yield Query(programs, precise=True)).losses)
    return log.found()
