"""experiments/predictor.py says how many different programs are the most probable ones."""

from types import SimpleNamespace

import predictor

from polar_detect.program import Program

SHORT, LONG = Program((0, 2)), Program((0, 1, 2))


def test_a_line_says_how_much_the_most_probable_programs_differ():
    found = [SimpleNamespace(program=p, layer_calls=4) for p in (SHORT, LONG, SHORT, SHORT)]
    asked = [[own.program, LONG] for own in found]
    row = predictor.row_of("beam", found, found, asked, n_layers=3)
    assert (row.n_top_1, row.top_1_share, row.full_share) == (2, 0.75, 0.25)
    line = predictor.table([row]).splitlines()[-1]
    assert line == "| beam | 2 | 2.2 | +0.0 to +0.0 | 0.25 | 0.75 | 2 | 4 |"
