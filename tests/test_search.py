from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polar_detect.program import Program
from polar_detect.search import Answer, Candidate, Found, greedy, guided, run_together, solve

SEARCHES = [greedy, guided]
each_search = pytest.mark.parametrize("search", SEARCHES)


class Table:
    """Losses of made-up texts: costs of layers left out, alone and in pairs, and of loops."""

    def __init__(self, costs, *, pairs=0.0, seed=0):
        rng = np.random.default_rng(seed)
        self.costs = np.asarray(costs)
        self.n_layers = len(costs)
        self.pairs = np.triu(pairs * rng.normal(size=(self.n_layers,) * 2), 1)
        self.met = {}

    def loss(self, program):
        counts = np.asarray(program.counts(self.n_layers))
        left_out = (counts == 0).astype(float)
        loops = np.maximum(counts - 1, 0).sum()
        return 1 + self.costs @ left_out + left_out @ self.pairs @ left_out + loops

    def evaluate(self, query):
        losses = [self.loss(program) for program in query.programs]
        self.met.update(zip(query.programs, losses, strict=True))
        slopes = None
        if query.with_slopes:
            (program,) = query.programs
            slopes = [self.loss(program.skip(i)) - losses[0] for i in range(len(program))]
            slopes = np.asarray(slopes, np.float32)
        return Answer(np.asarray(losses, np.float32), slopes)

    def exhaustive(self, tolerance):
        """Return the length of the shortest valid subset of layers and its lowest loss."""
        subsets = [
            Program(kept)
            for n in range(self.n_layers + 1)
            for kept in combinations(range(self.n_layers), n)
        ]
        full_loss = self.loss(Program.full(self.n_layers))
        valid = [p for p in subsets if self.loss(p) <= full_loss + tolerance + 1e-6]
        return min((len(program), self.loss(program)) for program in valid)


costs = st.lists(st.floats(-0.5, 1, width=32), min_size=1, max_size=6)
tables = st.builds(
    lambda c, pairs, seed: Table(c, pairs=pairs, seed=seed),
    costs,
    st.sampled_from([0.0, 0.1, 1.0]),
    st.integers(0, 1000),
)
tolerances = st.sampled_from([0.0, 0.1, 0.5, 2.0])


@each_search
@given(tables, tolerances)
def test_only_valid_programs_are_returned_with_the_losses_that_were_measured(
    search, table, tolerance
):
    found = solve(search(table.n_layers, tolerance=tolerance), table.evaluate)
    assert found.full_loss == pytest.approx(table.loss(Program.full(table.n_layers)))
    for candidate in found.valid:
        assert candidate.loss <= found.full_loss + tolerance
        assert candidate.loss == pytest.approx(table.met[candidate.program], abs=1e-5)


@each_search
@given(tables, tolerances)
def test_no_search_beats_exhaustive_search(search, table, tolerance):
    minimal = solve(search(table.n_layers, tolerance=tolerance), table.evaluate).minimal
    length, loss = table.exhaustive(tolerance)
    assert len(minimal.program) >= length
    if len(minimal.program) == length:
        assert minimal.loss >= loss - 1e-5


@each_search
@given(tables, tolerances)
def test_valid_programs_come_shortest_first_then_lowest_loss_without_repetition(
    search, table, tolerance
):
    found = solve(search(table.n_layers, tolerance=tolerance), table.evaluate)
    order = [(len(candidate.program), candidate.loss) for candidate in found.valid]
    assert order == sorted(order)
    assert len({candidate.program for candidate in found.valid}) == len(found.valid)
    assert found.minimal == found.valid[0]
    assert Program.full(table.n_layers) in {candidate.program for candidate in found.valid}


@each_search
@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=6), tolerances)
def test_independent_costs_are_searched_as_well_as_exhaustively(search, costs, tolerance):
    # In 64ths every sum is exact, so that no rounding decides what is valid.
    table = Table(np.round(np.asarray(costs) * 64) / 64)
    minimal = solve(search(table.n_layers, tolerance=tolerance), table.evaluate).minimal
    length, loss = table.exhaustive(tolerance)
    assert (len(minimal.program), minimal.loss) == (length, pytest.approx(loss, abs=1e-5))


def test_dependent_costs_can_mislead_a_search():
    # Control of the test above: leaving out layer 0 is cheapest and bars the best pair.
    table = Table([0.0, 0.05, 0.05])
    table.pairs = np.array([[0.0, 1, 1], [0, 0, 0], [0, 0, 0]])
    minimal = solve(greedy(3, tolerance=0.1), table.evaluate).minimal
    assert len(minimal.program) == 2
    assert table.exhaustive(0.1)[0] == 1


@each_search
def test_the_full_program_is_returned_when_nothing_can_be_left_out(search):
    table = Table([1.0] * 6)
    minimal = solve(search(6, tolerance=0.1), table.evaluate).minimal
    assert minimal == Candidate(Program.full(6), 1.0)
    # Control: with one free layer it is left out.
    free = Table([1.0] * 5 + [0.0])
    assert solve(search(6, tolerance=0.1), free.evaluate).minimal.program == Program.full(5)


@each_search
def test_everything_is_left_out_when_nothing_costs(search):
    table = Table([0.0] * 6)
    assert solve(search(6, tolerance=0.1), table.evaluate).minimal.program == Program(())


@each_search
def test_the_tolerance_is_what_decides_how_much_is_left_out(search):
    table = Table([0.03] * 6)
    lengths = [
        len(solve(search(6, tolerance=t), table.evaluate).minimal.program)
        for t in (0.0, 0.05, 0.1, 1.0)
    ]
    assert lengths == [6, 5, 3, 0]


def test_guided_search_is_not_lost_when_the_best_estimate_is_wrong():
    table = Table([0.0, 1.0, 1.0, 1.0])

    def evaluate(query):
        answer = table.evaluate(query)
        if not query.with_slopes:
            return answer
        return Answer(answer.losses, np.roll(answer.slopes, 1))

    minimal = solve(guided(4, tolerance=0.1), evaluate).minimal
    assert minimal.program == Program((1, 2, 3))


def three_tables():
    return [Table(c, pairs=0.1, seed=i) for i, c in enumerate(([0.01] * 6, [0.05] * 3, [1.0] * 5))]


@each_search
def test_searches_that_run_together_find_what_each_finds_alone(search):
    alone = [solve(search(t.n_layers, tolerance=0.1), t.evaluate) for t in three_tables()]
    tables = three_tables()
    rounds = []

    def answer(queries):
        rounds.append(set(queries))
        return {key: tables[key].evaluate(query) for key, query in queries.items()}

    searches = {i: search(t.n_layers, tolerance=0.1) for i, t in enumerate(tables)}
    found = run_together(searches, answer)
    assert [found[i] for i in range(3)] == alone
    assert len({alone[i].minimal.program for i in range(3)}) == 3
    # In step: all ask in the first round, and who is done asks no more.
    assert rounds[0] == {0, 1, 2}
    assert all(later <= earlier for earlier, later in pairwise(rounds))


def test_no_searches_find_nothing():
    assert run_together({}, lambda _: {}) == {}


@each_search
def test_queries_with_slopes_ask_for_one_program(search):
    table = Table([0.01, 0.2, 0.02, 0.4, 0.03])

    def evaluate(query):
        assert query.programs
        assert not query.with_slopes or len(query.programs) == 1
        return table.evaluate(query)

    assert isinstance(solve(search(5, tolerance=0.1), evaluate), Found)
