import re
from dataclasses import replace
from functools import partial
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polar_detect.errors import InputError, ProgramError
from polar_detect.program import Program
from polar_detect.search import (
    MOST_HARM,
    Answer,
    Belief,
    Candidate,
    Exchange,
    Found,
    FullLoss,
    GuidedSettings,
    MctsSettings,
    Query,
    Refinement,
    Sweep,
    adaptive_menu,
    beam,
    dynamic,
    exhaustive,
    greedy,
    guided,
    mcts,
    menu_search,
    patient,
    quick,
    run_together,
    solve,
    thorough,
)
from polar_detect.search.mcts import _back_up, _Node
from polar_detect.search.space import Space


def menu_of_halves(n_layers, *, tolerance):
    """A menu of the even layers and of the first half, refined."""
    halves = (Program(tuple(range(0, n_layers, 2))), Program.full(n_layers // 2))
    return menu_search(n_layers, tolerance=tolerance, programs=halves, refinement=Refinement())


def short_mcts(n_layers, *, tolerance):
    """Return a tree search of few simulations, for speed."""
    return mcts(n_layers, tolerance=tolerance, settings=MctsSettings(n_simulations=15))


# Of these each finds the minimal program of independent costs; tree search only looks around.
SEARCHES = [greedy, guided, quick, thorough, patient, beam, exhaustive]
each_search = pytest.mark.parametrize("search", SEARCHES)
any_search = pytest.mark.parametrize("search", [*SEARCHES, short_mcts, menu_of_halves])


class Table:
    """Losses of made-up texts: costs of layers left out, alone and in pairs, and of loops."""

    def __init__(self, costs, *, pairs=0.0, seed=0):
        rng = np.random.default_rng(seed)
        self.costs = np.asarray(costs)
        self.n_layers = len(costs)
        drawn = np.triu(pairs * rng.normal(size=(self.n_layers,) * 2), 1)
        self.pairs = np.round(drawn * 256) / 256
        self.met = {}

    def loss(self, program):
        counts = np.asarray(program.counts(self.n_layers))
        left_out = (counts == 0).astype(float)
        loops = np.maximum(counts - 1, 0).sum()
        return 1 + self.costs @ left_out + left_out @ self.pairs @ left_out + 100 * loops

    def evaluate(self, query):
        if query.sweep is not None:
            return self.swept()
        losses = [self.loss(program) for program in query.programs]
        self.met.update(zip(query.programs, losses, strict=True))
        slopes = None
        if query.with_slopes:
            (program,) = query.programs
            slopes = [self.loss(program.skip(i)) - losses[0] for i in range(len(program))]
            slopes = np.asarray(slopes, np.float32)
        return Answer(np.asarray(losses, np.float32), slopes)

    def swept(self):
        """Leave out the cheapest layers by their own costs, as a sweep would: pairs unseen."""
        order = np.argsort(self.costs, kind="stable")
        programs = tuple(
            Program(tuple(sorted(order[n:].tolist()))) for n in range(self.n_layers + 1)
        )
        losses = [self.loss(program) for program in programs]
        self.met.update(zip(programs, losses, strict=True))
        influences = self.costs.astype(np.float32)
        return Answer(np.asarray(losses, np.float32), programs=programs, influences=influences)

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


def sweeping_in_vain(table, influences):
    """Return an `evaluate` whose sweep finds the full program only, and says `influences`."""

    def evaluate(query):
        if query.sweep is None:
            return table.evaluate(query)
        full = Program.full(table.n_layers)
        losses = np.asarray([table.loss(full)], np.float32)
        return Answer(losses, programs=(full,), influences=np.asarray(influences, np.float32))

    return evaluate


few = settings(max_examples=30)
# Losses are multiples of 1/256, exact in float32, so that no rounding decides what is valid.
costs = st.lists(st.integers(-128, 256).map(lambda n: n / 256), min_size=1, max_size=6)
tables = st.builds(
    lambda c, pairs, seed: Table(c, pairs=pairs, seed=seed),
    costs,
    st.sampled_from([0.0, 0.1, 1.0]),
    st.integers(0, 1000),
)
tolerances = st.sampled_from([0.0, 0.1, 0.5, 2.0])


@any_search
@few
@given(tables, tolerances)
def test_only_valid_programs_are_returned_with_the_losses_that_were_measured(
    search, table, tolerance
):
    found = solve(search(table.n_layers, tolerance=tolerance), table.evaluate)
    assert found.full_loss == pytest.approx(table.loss(Program.full(table.n_layers)))
    for candidate in found.valid:
        assert candidate.loss <= found.full_loss + tolerance
        assert candidate.loss == pytest.approx(table.met[candidate.program], abs=1e-5)


@any_search
@few
@given(tables, tolerances)
def test_no_search_beats_exhaustive_search(search, table, tolerance):
    minimal = solve(search(table.n_layers, tolerance=tolerance), table.evaluate).minimal
    length, loss = table.exhaustive(tolerance)
    assert len(minimal.program) >= length
    if len(minimal.program) == length:
        assert minimal.loss >= loss - 1e-5


@any_search
@few
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


@pytest.mark.slow
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


@any_search
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
    assert len({f.minimal.program for f in alone}) > 1  # control
    # In step: all ask in the first round, and who is done asks no more.
    assert rounds[0] == {0, 1, 2}
    assert all(later <= earlier for earlier, later in pairwise(rounds))


def test_no_searches_find_nothing():
    assert run_together({}, lambda _: {}) == {}


@any_search
def test_queries_with_slopes_ask_for_one_program(search):
    table = Table([0.01, 0.2, 0.02, 0.4, 0.03])

    def evaluate(query):
        assert bool(query.programs) != (query.sweep is not None)
        assert not query.with_slopes or len(query.programs) == 1
        return table.evaluate(query)

    assert isinstance(solve(search(5, tolerance=0.1), evaluate), Found)


@any_search
@few
@given(tables, tolerances)
def test_the_best_program_of_each_length_is_the_best_that_was_met(search, table, tolerance):
    found = solve(search(table.n_layers, tolerance=tolerance), table.evaluate)
    lowest = {}
    for program, loss in table.met.items():
        lowest[len(program)] = min(loss, lowest.get(len(program), np.inf))
    assert [len(c.program) for c in found.best] == sorted(lowest)
    for candidate in found.best:
        assert candidate.loss == pytest.approx(lowest[len(candidate.program)], abs=1e-4)


@any_search
@pytest.mark.parametrize("is_lost", [lambda p: p == Program.full(4), lambda p: 2 in p.layers])
@pytest.mark.parametrize("limit", [None, 1.02])
def test_where_the_full_program_measures_no_number_only_a_limit_makes_others_valid(
    search, is_lost, limit
):
    table = Table([0.01, 0.02, 0.03, 0.05])

    def evaluate(query):
        answer = table.evaluate(query)
        programs = answer.programs or query.programs
        losses = [np.nan if is_lost(p) else x for p, x in zip(programs, answer.losses, strict=True)]
        return replace(answer, losses=np.asarray(losses, np.float32), limit=limit)

    found = solve(search(4, tolerance=0.05), evaluate)
    others = [c for c in found.valid if c.program != Program.full(4)]
    assert len(others) == len(found.valid) - 1
    met = [p for p, loss in table.met.items() if not is_lost(p) and loss <= (limit or -1)]
    assert {c.program for c in others} == set(met)


@any_search
def test_a_loss_that_is_no_number_is_never_the_best(search):
    table, lost = Table([0.01, 0.02, 0.03, 0.05]), Program((1, 2, 3))

    def evaluate(query):
        answer = table.evaluate(query)
        programs = answer.programs or query.programs
        losses = [np.nan if p == lost else x for p, x in zip(programs, answer.losses, strict=True)]
        return replace(answer, losses=np.asarray(losses, np.float32))

    found = solve(search(4, tolerance=0.05), evaluate)
    lowest = {}
    for program, loss in table.met.items():
        lowest.setdefault(len(program), []).append(np.inf if program == lost else loss)
    assert [len(c.program) for c in found.best] == sorted(lowest)
    for candidate in found.best:
        assert candidate.loss == pytest.approx(min(lowest[len(candidate.program)]))
    assert lost not in {c.program for c in found.valid}
    assert len(found.minimal.program) < 4


@given(tables, tolerances)
def test_exhaustive_search_finds_the_minimal_program(table, tolerance):
    minimal = solve(exhaustive(table.n_layers, tolerance=tolerance), table.evaluate).minimal
    length, loss = table.exhaustive(tolerance)
    assert len(minimal.program) == length
    assert minimal.loss == pytest.approx(loss, abs=1e-4)


def test_exhaustive_search_of_a_space_with_loops_measures_all_of_it():
    table, space = Table([0.1, 0.2, 0.3]), Space(3)
    solve(exhaustive(3, tolerance=0.1, space=space), table.evaluate)
    assert set(table.met) == set(space)
    assert len(table.met) == 34


def test_exhaustive_search_measures_no_program_twice_some_at_once():
    table, asked = Table([0.1] * 11), []

    def evaluate(query):
        asked.append(query.programs)
        return table.evaluate(query)

    solve(exhaustive(11, tolerance=0.1), evaluate)
    assert [len(programs) for programs in asked] == [1, 1024, 1023]
    assert len({program for programs in asked for program in programs}) == 2**11


def test_exhaustive_search_of_a_large_space_is_refused_with_its_size():
    with pytest.raises(InputError, match=r"^Got a space of 1,073,741,824 programs.*30 layers"):
        next(exhaustive(30, tolerance=0.1))


@pytest.mark.parametrize("search", [exhaustive, mcts])
def test_a_space_of_another_number_of_layers_is_refused(search):
    for n_layers in (4, 6):
        with pytest.raises(ProgramError, match=rf"^Got a space of programs of {n_layers} layers"):
            next(search(5, tolerance=0.1, space=Space(n_layers)))


def test_removals_that_a_sweep_cannot_see_are_found_by_refinement():
    # Layer 0 is free alone, but each of the others is free only while it stays.
    table = Table([0.0, 0.01, 0.01, 0.01])
    table.pairs = np.array([[0, 1, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0.0]])
    swept = [len(p) for p in table.swept().programs if table.loss(p) <= 1.05]
    assert min(swept) == 3
    assert len(solve(quick(4, tolerance=0.05), table.evaluate).minimal.program) == 3
    assert len(solve(exhaustive(4, tolerance=0.05), table.evaluate).minimal.program) == 1
    assert len(solve(thorough(4, tolerance=0.05), table.evaluate).minimal.program) == 1

    blind = Table([0.01] * 4 + [1.0])
    found = solve(quick(5, tolerance=0.05), sweeping_in_vain(blind, blind.costs))
    assert found.minimal.program == Program((4,))


@pytest.mark.slow
def test_exchanges_find_shorter_programs_than_removals():
    lengths = {search: [] for search in (dynamic, thorough, patient, exhaustive)}
    for seed in range(60):
        costs = np.random.default_rng(seed).integers(1, 64, size=9) / 256
        for search, found in lengths.items():
            table = Table(costs, pairs=0.2, seed=seed)
            found.append(len(solve(search(9, tolerance=0.2), table.evaluate).minimal.program))
    removals, exchanges, for_longer, shortest = (np.mean(found) for found in lengths.values())
    assert shortest <= for_longer < exchanges < removals
    assert for_longer - shortest < 0.5 * (removals - shortest)


def test_exchanges_learn_from_what_was_measured():
    lengths = {dynamic: [], thorough: []}
    for seed in range(30):
        costs = np.random.default_rng(seed).integers(1, 64, size=12) / 256
        for search, found in lengths.items():
            table = Table(costs, pairs=0.05, seed=seed)
            solved = solve(search(12, tolerance=0.3), sweeping_in_vain(table, np.ones(12)))
            found.append(len(solved.minimal.program))
    assert np.mean(lengths[thorough]) < np.mean(lengths[dynamic])


@pytest.mark.parametrize("search", [quick, thorough, patient])
def test_where_the_full_program_is_invalid_searches_go_on_from_what_comes_nearest(search):
    table = Table(np.asarray([-3, 5, -1, -1 / 8, -1 / 8, -1 / 8]) / 8)
    table.pairs[np.ix_([0, 2], [3, 4, 5])] = 1  # without 3 to 5 nothing else can be left out
    full, near, short = Program.full(6), Program.full(6).skip(0), Program((0, 1, 2))
    swept = (full, near, short)

    def evaluate(query):
        programs = swept if query.sweep else query.programs
        answer = table.evaluate(Query(programs))
        return replace(answer, limit=0.5, programs=programs, influences=np.ones(6, np.float32))

    found = solve(search(6, tolerance=0.1), evaluate)
    assert [c.program for c in found.valid if c.loss <= 0.5] == [near.skip(1)]
    short_loss, near_loss, full_loss = (table.loss(program) for program in swept[::-1])  # control
    assert 0.5 < near_loss < short_loss < full_loss


@pytest.mark.parametrize("patience", [2, 3])
def test_exchanges_end_when_more_in_a_row_than_that_have_failed(patience):
    table = Table(np.arange(1, 13) / 64, pairs=0.05, seed=2)
    evaluate = sweeping_in_vain(table, np.ones(12))
    shortest = [12]

    def watched(query):
        if query.sweep is None:
            valid = [len(program) for program in query.programs if table.loss(program) <= 1.3]
            shortest.append(min([shortest[-1], *valid]))
        return evaluate(query)

    how = Exchange(n_programs=2, patience=patience)
    solve(dynamic(12, tolerance=0.3, refinement=Refinement(0), exchanges=how), watched)
    failed = "".join("-" if after == before else "+" for before, after in pairwise(shortest))
    runs = failed.split("+")
    assert len(runs.pop()) == patience + 1
    assert max(map(len, runs)) <= patience
    assert any(runs)  # and the count began anew


@pytest.mark.parametrize(
    ("settings", "name", "value", "least"),
    [
        (GuidedSettings, "strides", (1, 0), 1),  # would go round for ever
        (GuidedSettings, "n_singles", -1, 0),
        (Exchange, "n_programs", 0, 1),  # would measure all there are
        (Exchange, "patience", -1, 0),
        (Exchange, "last_calls", -1, 0),
        (Refinement, "n_rounds", -1, 0),
        (Refinement, "n_calls", -1, 0),
        (Refinement, "n_singles", -1, 0),
        (Refinement, "max_stride", 0, 1),
        (Sweep, "width", 0, 1),
        (Sweep, "max_skips", -1, 0),
        (MctsSettings, "n_simulations", -1, 0),
        (MctsSettings, "max_runs", 0, 1),
    ],
)
def test_settings_that_count_less_than_they_may_are_refused(settings, name, value, least):
    message = f"Got {settings.__name__} with {name} {value}; expected {least} or more; choose"
    with pytest.raises(InputError, match=f"^{re.escape(message)}"):
        settings(**{name: value})
    fitting = (least,) if isinstance(value, tuple) else least
    assert getattr(settings(**{name: fitting}), name) == fitting  # control


def test_exchanges_do_not_depend_on_the_scale_of_losses_or_influences():
    def asked(of_losses, of_influences):
        table = Table(np.linspace(0.1, 0.4, 9), pairs=0.125, seed=1)
        met = []

        def evaluate(query):
            answer = table.swept() if query.sweep is not None else table.evaluate(query)
            met.extend(query.programs)
            influences = answer.influences
            if influences is not None:
                influences = influences * np.float32(of_influences)
            losses = answer.losses * np.float32(of_losses)
            return replace(answer, losses=losses, influences=influences)

        solve(thorough(9, tolerance=0.25 * of_losses), evaluate)
        return met

    plain = asked(1, 1)
    assert len(plain) > 20
    assert asked(64, 1) == plain
    assert asked(1, 0.25) == plain


@pytest.mark.parametrize("influences", [np.zeros(6), -np.ones(6), np.ones(6)])
@pytest.mark.parametrize("loss", [1.0, 1.5, np.inf])
def test_exchanges_bear_losses_that_tell_nothing(influences, loss):
    def evaluate(query):
        if query.sweep is None:
            return Answer(np.full(len(query.programs), loss, np.float32))
        losses = np.asarray([1.0], np.float32)
        full = (Program.full(6),)
        return Answer(losses, programs=full, influences=influences.astype(np.float32))

    found = solve(thorough(6, tolerance=0.1), evaluate)
    assert len(found.minimal.program) == (0 if loss == 1 else 6)


def test_tree_search_asks_for_one_program_at_a_time_and_for_none_twice():
    table = Table([0.01] * 5 + [1.0])
    asked = []

    def evaluate(query):
        asked.extend(query.programs)
        assert len(query.programs) == 1
        return table.evaluate(query)

    how = MctsSettings(n_simulations=40)
    found = solve(mcts(6, tolerance=0.1, settings=how), evaluate)
    assert len(asked) == len(set(asked)) <= 41
    assert len(found.minimal.program) < 6
    assert all(program in Space(6) or program.n_loops for program in asked)
    again = solve(mcts(6, tolerance=0.1, settings=how), table.evaluate)
    assert again == found


def test_the_tree_is_walked_by_upper_confidence_bounds_with_a_penalty_on_length():
    full = Program.full(4)
    root = _Node(full)
    short, long = _Node(full.skip(0, 2), root), _Node(full.repeat(0), root)
    for node, reward in ((short, 1.0), (short, 0.0), (long, 1.0)):
        node.reward = reward
        _back_up(node, root, 4, 5.0)
    # As in the published code, the root counts a visit after its children do.
    assert short.bound == pytest.approx(1 / 2 - 5 * 2 / 4 + np.sqrt(2 * np.log(2) / 2))
    assert long.bound == pytest.approx(1 - 5 * 5 / 4 + np.sqrt(2 * np.log(3)))
    assert root.bound == pytest.approx(2 / 3 - 5 + np.sqrt(2 * np.log(4) / 3))


@pytest.mark.parametrize("max_runs", [2, 4])
def test_tree_search_of_a_space_returns_programs_of_it_only(max_runs):
    space, how = Space(6, max_runs=max_runs), MctsSettings(n_simulations=150, max_runs=max_runs)

    def found(**options):
        table = Table([0.02, 0.01, 0.03, 0.2, 0.1, 0.3], pairs=0.2, seed=2)
        return solve(mcts(6, tolerance=0.02, settings=how, **options), table.evaluate)

    every, inside = found(), found(space=space)
    assert inside.valid == tuple(c for c in every.valid if c.program in space)
    assert all(candidate.program in space for candidate in inside.best)
    assert any(candidate.program not in space for candidate in every.best)  # control


def test_an_answer_may_say_what_is_valid():
    table = Table([0.01, 0.01, 1.0])

    def evaluate(query):
        answer = table.evaluate(query)
        return replace(answer, limit=1.015)

    for search in (greedy, guided, quick, exhaustive):
        found = solve(search(3, tolerance=100.0), evaluate)
        assert len(found.minimal.program) == 2
    assert Query(programs=(Program(()),)).sweep is None


def test_measured_removals_and_not_estimates_decide_what_is_removed_together():
    table = Table([0.2, 0.2, 0.01, 0.01, 0.01])
    evaluate = sweeping_in_vain(table, -table.costs)  # wrong way round
    once = dynamic(5, tolerance=0.05, refinement=Refinement(n_rounds=1))
    assert solve(once, evaluate).minimal.program == Program((0, 1))


def test_refinement_measures_so_many_removals_in_so_many_rounds():
    table, asked = Table(np.linspace(0.001, 0.01, 10)), []
    in_vain = sweeping_in_vain(table, table.costs)

    def evaluate(query):
        asked.append(query.programs)
        return in_vain(query)

    for n_rounds, n_singles in ((1, 4), (3, 2)):
        asked.clear()
        how = Refinement(n_rounds=n_rounds, n_singles=n_singles, max_stride=1)
        found = solve(dynamic(10, tolerance=1.0, refinement=how), evaluate)
        assert [len(programs) for programs in asked] == [0, *[n_singles] * n_rounds]
        assert len(found.minimal.program) == 10 - n_rounds


def n_prefixes(programs):
    return len({program.layers[:n] for program in programs for n in range(1, len(program) + 1)})


def test_no_round_begins_once_rounds_have_taken_so_many_calls():
    table, rounds = Table(np.linspace(0.001, 0.01, 10)), []
    in_vain = sweeping_in_vain(table, table.costs)

    def evaluate(query):
        rounds.append(n_prefixes(query.programs))
        return in_vain(query)

    n_removed = []
    for n_calls in (0, 1, 4, None):
        rounds.clear()
        how = Refinement(n_calls=n_calls, n_singles=3, max_stride=1)
        found = solve(dynamic(10, tolerance=1.0, refinement=how), evaluate)
        n_removed.append(10 - len(found.minimal.program))
        if n_calls:
            assert sum(rounds[:-1]) < 10 * n_calls <= sum(rounds)
    assert 0 == n_removed[0] < n_removed[1] < n_removed[2] < n_removed[3] == 10


def test_rounds_of_short_programs_take_few_calls_so_there_are_more_of_them():
    table = Table([1.0] * 9 + [0.0] * 21)
    for layer in range(9):  # is free once the one behind it is left out
        table.pairs[layer, layer + 1] = -1.0
    rounds = []

    def evaluate(query):
        rounds.append(query)
        if query.sweep is None:
            return table.evaluate(query)
        swept = (Program.full(30), Program(tuple(range(10))))
        losses = np.asarray([table.loss(program) for program in swept], np.float32)
        return Answer(losses, programs=swept, influences=np.ones(30, np.float32))

    assert solve(quick(30, tolerance=0.1), evaluate).minimal.program == Program(())
    two_rounds = dynamic(30, tolerance=0.1, refinement=Refinement(n_rounds=2, n_singles=10))
    assert len(solve(two_rounds, evaluate).minimal.program) == 6  # control


def test_exchanges_end_with_the_single_removals_that_are_left():
    few, some_left = Exchange(patience=0), []
    for last_calls in (few.last_calls, 0):
        some_left.append(0)
        for seed in range(60):
            costs = np.random.default_rng(seed).integers(1, 64, size=12) / 256
            table = Table(costs, pairs=0.2, seed=seed)
            how = replace(few, last_calls=last_calls)
            search = dynamic(12, tolerance=0.3, refinement=Refinement(n_rounds=0), exchanges=how)
            program = solve(search, sweeping_in_vain(table, -costs)).minimal.program
            removals = [program.skip(i) for i in range(len(program))]
            is_short = n_prefixes(removals) <= few.last_calls * 12
            some_left[-1] += is_short and min(map(table.loss, removals), default=9.0) <= 1.3
    assert some_left[0] == 0
    assert some_left[1] > 0  # control


@pytest.mark.parametrize("search", [thorough, quick, dynamic, menu_of_halves])
def test_refinement_asks_for_nothing_that_is_already_known(search):
    table = Table(np.linspace(0.004, 0.03, 10), pairs=0.002)
    known = []

    def evaluate(query):
        answer = table.swept() if query.sweep is not None else table.evaluate(query)
        known.extend(answer.programs or (() if query.with_slopes else query.programs))
        return answer

    found = solve(search(10, tolerance=0.05), evaluate)
    assert len(found.minimal.program) < 8
    assert len(known) == len(set(known)) > 10


@pytest.mark.parametrize(("cost", "is_tried_again"), [(0.5, True), (3.0, False)])
def test_a_removal_that_cost_far_more_than_the_room_is_not_measured_again(cost, is_tried_again):
    table = Table([0.0] * 7 + [cost])
    search = partial(menu_search, programs=(), refinement=Refinement())
    assert solve(search(8, tolerance=0.1), table.evaluate).minimal.program == Program((7,))
    assert Program(tuple(range(7))) in table.met
    assert (Program(()) in table.met) == is_tried_again


@pytest.mark.parametrize("refinement", [None, Refinement()])
def test_a_menu_does_not_run_the_full_program_whose_loss_is_known(refinement):
    programs = (Program.full(8), Program((0, 2, 4, 6)), Program((0, 1, 2)))
    search = partial(menu_search, programs=programs, refinement=refinement)
    table, other = (Table([0.02, 0.3, 0.0, 0.04, 0.03, 0.01, 0.1, 0.2]) for _ in range(2))
    expected = solve(search(8, tolerance=0.4), table.evaluate)
    full = FullLoss(expected.full_loss, common=1.0)
    found = solve(search(8, tolerance=0.4, full=full), other.evaluate)
    assert found == expected
    assert set(table.met) - set(other.met) == {Program.full(8)}


# Two kinds of texts: one can do without some layers from 1 on, the other from 9 on; how many
# differs, and the most can hardly ever be left out.
EARLY = tuple(Program.full(16).skip(1, n) for n in range(1, 8))
LATE = tuple(Program.full(16).skip(9, n) for n in range(1, 8))
BORNE = [1, 2, 2, 3, 3, 4, 4, 5]
OWN = np.asarray([[0.2 * max(0, n - borne) + 0.01 for n in range(1, 8)] for borne in BORNE])
OTHER = np.asarray([[0.5 + 0.3 * n + 0.05 * borne for n in range(1, 8)] for borne in BORNE])
KINDS = np.vstack([np.hstack([OWN, OTHER]), np.hstack([OTHER, OWN])]).astype(np.float32)
BELIEF = Belief.learned([*EARLY, *LATE], KINDS, tolerance=0.1)


def costs_of(kind, n_borne):
    """Return what each layer of a text costs that can do without the first so many of a kind."""
    start = 1 if kind is EARLY else 9
    return [0.0 if start <= layer < start + n_borne else 0.3 for layer in range(16)]


def served(costs, *, scale=1.0):
    """Return what a menu of both kinds finds on a text, and what was asked, round by round."""
    table, asked = Table(costs), []

    def evaluate(query):
        asked.append([*query.programs])
        answer = table.evaluate(query)
        limit = None if scale == 1 else scale * (float(answer.losses[0]) + 0.1)
        return Answer(answer.losses * np.float32(scale), limit=limit)

    return solve(adaptive_menu(16, tolerance=0.1, belief=BELIEF), evaluate), asked


@pytest.mark.parametrize("n_borne", [2, 3, 4])
@pytest.mark.parametrize(("kind", "other"), [(EARLY, LATE), (LATE, EARLY)])
def test_a_menu_goes_by_what_served_texts_of_the_same_kind(kind, other, n_borne):
    found, (full, first, *later) = served(costs_of(kind, n_borne))
    assert found.minimal.program == kind[n_borne - 1]
    assert full == [Program.full(16)]
    assert set(first) & {*kind}
    assert set(first) & {*other}
    assert not any(set(programs) & {*other} for programs in later)
    asked = [program for programs in (full, first, *later) for program in programs]
    assert len(set(asked)) == len(asked) <= 8  # of 15


def test_a_menu_asks_for_nothing_longer_than_what_it_has():
    for kind in (EARLY, LATE):
        for n_borne in range(8):
            _, rounds = served(costs_of(kind, n_borne))
            shortest = 16
            for programs in rounds[1:]:
                assert all(len(program) < shortest for program in programs)
                valid = [p for p in programs if p in kind and 16 - len(p) <= n_borne]
                shortest = min([shortest, *map(len, valid)])


def test_a_menu_counts_in_what_its_criterion_leaves_room_for():
    for n_borne in (2, 4):
        costs = costs_of(EARLY, n_borne)
        (found, asked), (scaled, asked_too) = served(costs), served(costs, scale=7.0)
        assert asked == asked_too
        assert scaled.minimal.program == found.minimal.program


def test_a_menu_that_promises_nothing_ends_before_it_starts():
    hopeless = Belief.learned([*EARLY, *LATE], np.full_like(KINDS, MOST_HARM), tolerance=0.1)
    nothing = Belief.learned([], np.zeros((3, 0), np.float32), tolerance=0.1)
    for belief in (hopeless, nothing):
        table = Table([0.0] * 16)
        search = adaptive_menu(16, tolerance=0.1, belief=belief, full=FullLoss(1.0, 1.0))
        found = solve(search, table.evaluate)
        assert (found.minimal.program, found.full_loss, table.met) == (Program.full(16), 1.0, {})


@pytest.mark.parametrize("lost", [np.nan, np.inf])
def test_a_menu_bears_a_full_program_whose_loss_is_no_number(lost):
    search = adaptive_menu(16, tolerance=0.1, belief=BELIEF, full=FullLoss(lost, lost))
    found = solve(search, Table(costs_of(EARLY, 3)).evaluate)
    assert Program.full(16) in {c.program for c in found.valid}


def test_a_menu_is_served_on_where_a_loss_is_no_number():
    table, lost = Table(costs_of(EARLY, 3)), []

    def evaluate(query):
        is_late = np.asarray([program in LATE for program in query.programs])
        lost.extend(is_late)
        return Answer(np.where(is_late, np.float32(np.nan), table.evaluate(query).losses))

    found = solve(adaptive_menu(16, tolerance=0.1, belief=BELIEF), evaluate)
    assert found.minimal.program == EARLY[2]
    assert any(lost)
    assert len(lost) <= 8  # programs asked for


def test_a_menu_does_not_ask_twice_for_what_misses_the_limit_by_a_hair():
    costs = [0.3, 0.10001, *[0.0] * 6, 0.3, 0.10001, *[0.0] * 6]
    found, asked = served(costs)
    assert found.minimal.program == Program.full(16)
    assert len({program for programs in asked for program in programs}) == sum(map(len, asked)) > 3


def test_a_menu_of_the_full_program_only_runs_it():
    table = Table([0.1] * 4)
    search = menu_search(4, tolerance=0.0, programs=(Program.full(4),), full=FullLoss(1.0, 1.0))
    assert solve(search, table.evaluate).minimal.program == Program.full(4)


def served_by_common_words(costs, *, harms=1.0, doubt=0.05):
    """Return what a menu finds on a text of which half a nat is rare words', and what was asked.

    Over the common words programs harm so many times as much. Of each round the programs, and
    which of them were measured.
    """
    table, asked = Table(costs), []

    def evaluate(query):
        losses = table.evaluate(query).losses
        if query.ceiling is None:
            asked.append((query.programs, np.ones(len(losses), bool)))
            return Answer(losses)
        common = (0.5 + harms * (losses - 1)).astype(np.float32)
        asked.append((query.programs, common <= query.ceiling))
        return Answer(np.where(common <= query.ceiling, losses, np.nan), common=common)

    return solve(adaptive_menu(16, tolerance=0.1, belief=BELIEF, doubt=doubt), evaluate), asked


@pytest.mark.parametrize("n_borne", [2, 3, 4])
@pytest.mark.parametrize("kind", [EARLY, LATE])
@pytest.mark.parametrize("doubt", [0.02, 0.25])
def test_a_menu_turns_away_by_the_common_words_what_is_clearly_invalid(kind, n_borne, doubt):
    costs = costs_of(kind, n_borne)
    expected, _ = served(costs)
    found, asked = served_by_common_words(costs, doubt=doubt)
    assert found.minimal == expected.minimal
    assert {*found.met} == {*expected.met}
    table = Table(costs)
    for programs, is_measured in asked:
        for program, own in zip(programs, is_measured, strict=True):
            assert own == (table.loss(program) <= 1.1 + doubt)
    turned_away = {
        program
        for programs, is_measured in asked
        for program, own in zip(programs, is_measured, strict=True)
        if not own
    }
    assert turned_away  # control
    assert not turned_away & {candidate.program for candidate in found.valid}


def test_a_menu_does_not_trust_the_common_words_near_the_limit():
    costs = costs_of(EARLY, 3)
    expected, _ = served(costs)
    for harms in (0.7, 1.3):  # of .1 nats, .03 more or less
        assert served_by_common_words(costs, harms=harms)[0].minimal == expected.minimal


def test_a_menu_that_knows_nothing_of_the_common_words_measures_all_that_it_meets():
    for n_borne in (2, 4):
        expected, _ = served(costs_of(EARLY, n_borne))
        found, asked = served_by_common_words(costs_of(EARLY, n_borne), doubt=None)
        assert (found, found.best, found.met) == (expected, expected.best, expected.met)
        assert all(own.all() for _, own in asked)


def test_what_rounds_try_together_counts_as_calls_too():
    costs = np.asarray([0.0] * 4 + [1.0] * 8)
    for n_calls, n_layers in ((2, 10), (3, 8)):  # of 24 and 36; a round takes 11 + 11 + 10
        how = Refinement(n_singles=2, n_calls=n_calls)
        search = dynamic(12, tolerance=0.1, refinement=how)
        found = solve(search, sweeping_in_vain(Table(costs), costs))
        assert len(found.minimal.program) == n_layers
