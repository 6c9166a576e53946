import math
from collections import Counter
from functools import partial

import numpy as np
import pytest
import torch
from some_by_default import some_by_default
from tiny_models import CONFIGS, random_rows, tiny_model, tiny_tokenizer

from polar_detect.backbone.decoder import Backbone
from polar_detect.executor.batches import batches
from polar_detect.executor.decoder import Executor
from polar_detect.executor.schedule import Job
from polar_detect.program import Program
from polar_detect.programs import menu as menus
from polar_detect.programs import verification
from polar_detect.programs.criteria import SameLoss, SamePrediction
from polar_detect.programs.menu import Menu
from polar_detect.programs.minimal import are_valid, clearances, find_minimal_programs
from polar_detect.search import (
    Candidate,
    Found,
    MctsSettings,
    Refinement,
    exhaustive,
    greedy,
    guided,
    mcts,
    menu_search,
    quick,
)

TOLERANCE = 0.3  # a tiny random model's loss moves by tenths of a nat per layer
FULL = Program.full(5)
short_mcts = partial(mcts, settings=MctsSettings(n_simulations=12))
# Where layers round there is more to get wrong.
DTYPES = [pytest.param(torch.float32, marks=pytest.mark.slow), torch.bfloat16]
each_search = pytest.mark.parametrize(
    "search", some_by_default([greedy, guided, quick, short_mcts], guided, quick)
)


def backbone_of(quick_dtype):
    model = tiny_model(CONFIGS["llama"])
    for parameter in model.model.layers.parameters():
        if parameter.ndim > 1:
            parameter.data.mul_(0.5)  # weak layers, so that some can be left out
    return Backbone(model, tiny_tokenizer(), quick_dtype=quick_dtype)


@pytest.fixture(scope="module", params=DTYPES, ids=str)
def backbone(request):
    return backbone_of(request.param)


@pytest.fixture(scope="module")
def precise():
    return backbone_of(torch.float32)


ROWS = random_rows(9, 5, 12, 10, 30, 9, 11, 1)


def precise_loss(backbone, program, row):
    (batch,) = batches([row], backbone)
    return Executor(backbone).losses(batch, [Job(0, program)], precise=True)[0]


@each_search
def test_minimal_programs_are_valid_and_their_losses_are_those_measured_alone(backbone, search):
    results = find_minimal_programs(Executor(backbone), ROWS, tolerance=TOLERANCE, search=search)
    for result, row in zip(results, ROWS, strict=True):
        assert result.loss <= result.full_loss + TOLERANCE
        assert result.loss == pytest.approx(precise_loss(backbone, result.program, row), abs=1e-5)
        assert result.full_loss == pytest.approx(precise_loss(backbone, FULL, row), abs=1e-5)
    # Control: there was something to find, and not the same everywhere.
    assert len({result.program for result in results}) > 1
    assert min(len(result.program) for result in results) < 5


def test_what_a_search_counts_as_valid_is_measured_again_in_float32(monkeypatch):
    backbone = backbone_of(torch.bfloat16)
    executor = Executor(backbone)
    measure = executor.losses

    def too_low_when_quick(batch, jobs, *, precise=False):
        losses = measure(batch, jobs, precise=precise)
        lengths = np.asarray([len(job.program) for job in jobs])
        return losses if precise else losses - 0.5 * (lengths < 5).astype(np.float32)

    monkeypatch.setattr(executor, "losses", too_low_when_quick)
    results = find_minimal_programs(executor, ROWS, tolerance=0.02, search=greedy)
    assert all(result.loss <= result.full_loss + 0.02 for result in results)
    # So it is where no search asks.
    every = [[FULL.skip(i) for i in range(5)]] * len(ROWS)
    said = are_valid(executor, ROWS, every, SameLoss(0.02))
    for row, own in zip(ROWS, said, strict=True):
        limit = precise_loss(backbone, FULL, row) + 0.02
        assert own == [precise_loss(backbone, program, row) <= limit for program in every[0]]


@pytest.mark.parametrize("criterion", [None, SamePrediction(0.6)])
def test_a_precise_curve_is_of_float32_and_shows_what_was_turned_down_by_rounding(
    precise, monkeypatch, criterion
):
    def find(verification):
        options = {"tolerance": TOLERANCE, "search": greedy, "criterion": criterion}
        executor = Executor(precise)
        return find_minimal_programs(executor, ROWS, verification=verification, **options)

    expected = find("curve")
    measure = Executor.losses

    def too_high_when_quick(self, batch, jobs, *, precise=False):
        losses = measure(self, batch, jobs, precise=precise)
        shorter = np.asarray([len(job.program) < 5 for job in jobs], np.float32)
        return losses if precise else losses + 5 * shorter

    monkeypatch.setattr(Executor, "losses", too_high_when_quick)
    blind, seeing = find("minimal"), find("curve")
    assert find("shorter") == seeing
    for row, right, wrong, found in zip(ROWS, expected, blind, seeing, strict=True):
        assert wrong.program == FULL
        # Under another criterion the loss of what was found is measured too, and counted.
        own_loss = 0 if criterion is None else len(found.program)
        assert wrong.layer_calls <= found.layer_calls <= wrong.layer_calls + own_loss
        (batch,) = batches([row], precise)
        measuring, scored = (criterion or SameLoss(TOLERANCE)).prepare(Executor(precise), batch)
        jobs = [Job(0, candidate.program) for candidate in found.curve]
        own = measuring.losses(scored, jobs, precise=True).tolist()
        assert [candidate.loss for candidate in found.curve] == pytest.approx(own, abs=1e-5)
        # The search ends at the first length, so that is all that can be seen.
        if len(right.program) < 5:
            assert len(found.program) == 4
            assert found.is_valid
            assert found.loss == pytest.approx(precise_loss(precise, found.program, row), abs=1e-5)
    assert min(len(right.program) for right in expected) < 5  # control


@pytest.mark.parametrize(
    "criterion", [None, pytest.param(SamePrediction(0.6), marks=pytest.mark.slow)]
)
def test_exhaustive_search_is_exact_whatever_the_quick_form_rounds(precise, monkeypatch, criterion):
    def find(executor):
        options = {"tolerance": TOLERANCE, "search": exhaustive, "criterion": criterion}
        return find_minimal_programs(executor, ROWS, **options)

    expected = find(Executor(precise))
    assert min(len(result.program) for result in expected) < 5  # control
    measure = Executor.losses

    def too_high_when_quick(self, batch, jobs, *, precise=False):
        losses = measure(self, batch, jobs, precise=precise)
        shorter = np.asarray([len(job.program) < 5 for job in jobs])
        return losses if precise else losses + shorter.astype(np.float32)

    monkeypatch.setattr(Executor, "losses", too_high_when_quick)
    found = find(Executor(backbone_of(torch.bfloat16)))
    assert [result.program for result in found] == [result.program for result in expected]


@each_search
def test_company_order_and_repetition_change_no_result(precise, search):
    def find(rows):
        return find_minimal_programs(Executor(precise), rows, tolerance=TOLERANCE, search=search)

    alone = [find([row])[0] for row in ROWS]
    order = [3, 0, 7, 5, 5, 1, 6, 2, 4]
    for result, i in zip(find([ROWS[i] for i in order]), order, strict=True):
        assert result.program == alone[i].program
        assert result.layer_calls == alone[i].layer_calls
        assert result.loss == pytest.approx(alone[i].loss, abs=1e-5)


def test_texts_without_tokens_get_the_full_program_and_no_losses(precise):
    results = find_minimal_programs(Executor(precise), [[], ROWS[0], []], tolerance=TOLERANCE)
    for empty in (results[0], results[2]):
        assert empty.program == FULL
        assert math.isnan(empty.loss)
        assert math.isnan(empty.full_loss)
        assert empty.layer_calls == 0
        assert not empty.is_valid
    assert results[1] == find_minimal_programs(Executor(precise), [ROWS[0]], tolerance=TOLERANCE)[0]


@pytest.mark.parametrize("criterion", [SameLoss(TOLERANCE), SamePrediction()])
@pytest.mark.parametrize("search", some_by_default([quick, greedy, short_mcts], quick))
def test_a_text_whose_loss_is_no_number_has_no_valid_program_and_harms_no_other(search, criterion):
    model = tiny_model(CONFIGS["llama"])
    model.model.embed_tokens.weight.data[77] = torch.nan
    executor = Executor(Backbone(model, tiny_tokenizer(), quick_dtype=torch.float32))
    rows = [[5, 77, 9], [5, 6, 8, 9]]
    lost, other = find_minimal_programs(executor, rows, search=search, criterion=criterion)
    assert (lost.program, lost.is_valid) == (FULL, False)
    assert math.isnan(lost.loss)
    assert [other] == find_minimal_programs(executor, rows[1:], search=search, criterion=criterion)


@pytest.mark.parametrize(
    ("limit", "place", "n_measured"), [(1.0, 5, [2, 1, 1, 1, 1, 1]), (0.5, 10, [2, 2, 4, 4])]
)
def test_twice_as_many_are_verified_each_time_where_the_full_program_fails(
    limit, place, n_measured
):
    programs = [*(FULL.skip(i) for i in range(5)), FULL, *(FULL.repeat(i) for i in range(5))]
    known, sizes = {FULL: 1.0, programs[place]: limit}, []

    class Measure:
        n_layers = 5

        def losses(self, batch, jobs, *, precise):
            assert (batch, precise) == (None, True)
            sizes.append(len(jobs))
            return np.asarray([known.get(job.program, 2.0) for job in jobs], np.float32)

    found = Found(1.0, tuple(Candidate(program, 1.0) for program in programs))
    verified = verification.verify(Measure(), None, {0: found}, lambda _: limit)[0]
    assert (verified.minimal.program, verified.is_valid) == (programs[place], True)
    assert sizes == n_measured
    del known[programs[place]]
    known[FULL] = 1.0
    lost = verification.verify(Measure(), None, {0: found}, lambda _: 0.5)[0]
    assert (lost.minimal, lost.is_valid) == (Candidate(FULL, 1.0), False)


def test_tree_search_rewards_what_is_valid_also_where_the_full_program_is_not(precise, monkeypatch):
    class UpToHalf:
        def prepare(self, executor, batch):
            return executor, batch

        def limit(self, full):
            del full
            return 0.5

    def asked(loss):
        executor, met = Executor(precise), []

        def losses(batch, jobs, *, precise=False):
            del batch
            met.extend(job.program for job in jobs if not precise)
            own = [
                1.0 if job.program == FULL else loss if len(job.program) > 3 else 2.0
                for job in jobs
            ]
            return np.asarray(own, np.float32)

        monkeypatch.setattr(executor, "losses", losses)
        how = MctsSettings(n_simulations=40, length_strength=0.5)
        search = partial(mcts, settings=how)
        find_minimal_programs(executor, ROWS[:1], search=search, criterion=UpToHalf())
        return met

    in_vain = asked(loss=2.0)
    assert asked(loss=0.75) == in_vain  # better than the full one, and yet not valid
    assert asked(loss=0.25) != in_vain


def test_any_number_of_programs_is_measured_some_at_once(precise, monkeypatch):
    programs = [[FULL, *(FULL.skip(i) for i in range(n))] for n in (5, 1, 0)]

    def valid():
        return are_valid(Executor(precise), ROWS[:3], programs, SameLoss(TOLERANCE))

    expected = valid()
    assert [len(own) for own in expected] == [6, 2, 1]
    assert set(expected[0]) == {True, False}  # control
    at_once = []
    measure = Executor.losses

    def losses(self, batch, jobs, *, precise=False):
        at_once.append(max(Counter(job.text for job in jobs).values()))
        return measure(self, batch, jobs, precise=precise)

    monkeypatch.setattr(Executor, "losses", losses)
    monkeypatch.setattr(verification, "_AT_ONCE", 2)
    assert valid() == expected
    assert max(at_once) == 2


def test_a_loss_above_the_limit_by_less_than_float32_tells_is_invalid_wherever_it_is_asked(
    precise, monkeypatch
):
    def losses(self, batch, jobs, *, precise=False, measure=Executor.losses):  # noqa: ARG001
        return measure(self, batch, jobs, precise=True)  # a quick form has other last bits

    monkeypatch.setattr(Executor, "losses", losses)
    row = ROWS[0]
    losses = {p: float(precise_loss(precise, p, row)) for p in map(FULL.skip, range(5))}
    program = max(losses, key=losses.__getitem__)
    loss, full_loss = losses[program], float(precise_loss(precise, FULL, row))
    tolerance = loss - full_loss - 1e-12
    assert np.float32(full_loss + tolerance) == loss > full_loss + tolerance  # control
    menu = partial(menu_search, programs=[program])
    for allowed, is_valid in ((tolerance, False), (tolerance + 2e-12, True)):
        executor = Executor(precise)
        (found,) = find_minimal_programs(executor, [row], tolerance=allowed, search=menu)
        assert (found.program == program) == is_valid
        assert are_valid(executor, [row], [[program]], SameLoss(allowed)) == [[is_valid]]


def test_no_texts_have_no_minimal_programs(precise):
    assert find_minimal_programs(Executor(precise), []) == []


@each_search
def test_layer_calls_are_what_the_executor_spent(precise, search):
    executor = Executor(precise)
    (result,) = find_minimal_programs(executor, [ROWS[0]], tolerance=TOLERANCE, search=search)
    assert result.layer_calls == executor.spent[0] > 5


def test_without_tolerance_the_loss_never_rises_and_with_plenty_everything_is_left_out(precise):
    strict = find_minimal_programs(Executor(precise), ROWS, tolerance=0.0)
    assert all(result.loss <= result.full_loss for result in strict)
    wide = find_minimal_programs(Executor(precise), ROWS, tolerance=100.0)
    assert all(result.program == Program(()) for result in wide)
    assert any(result.loss > result.full_loss for result in wide)


def test_the_default_search_shortens_a_real_text_within_the_default_tolerance(real):
    rows = real.tokenize(["The pump in hall 3 leaks oil; valve replaced."], 16)
    (result,) = find_minimal_programs(Executor(real), rows)
    assert len(result.program) < 28
    assert result.loss <= result.full_loss + 0.1
    assert result.loss == pytest.approx(precise_loss(real, result.program, rows[0]), abs=1e-4)


NOTES = (
    "Pump leaks oil, valve replaced.",
    "Please remind me to call the bank on Friday.",
    "Error 17: connection lost, retry in 5 seconds.",
    "The pump in hall 3 leaks oil.",
    "Valve replaced, pressure is normal again.",
)


def test_a_menu_gives_the_shortest_valid_of_its_programs_and_refinement_shortens_it(precise):
    menu = Menu((FULL, FULL.skip(3), FULL.skip(1, 2)))
    executor, tight = Executor(precise), 0.05
    plain = menu.minimal_programs(executor, ROWS, tolerance=tight)
    refined = menu.minimal_programs(executor, ROWS, tolerance=tight, refinement=Refinement())
    for result, shorter, row in zip(plain, refined, ROWS, strict=True):
        valid = [
            program
            for program in menu.programs
            if precise_loss(precise, program, row) <= result.full_loss + tight
        ]
        assert result.program == min(valid, key=len)
        assert len(shorter.program) <= len(result.program)
        assert shorter.loss <= shorter.full_loss + tight
    assert len({result.program for result in plain}) > 1  # control
    assert any(len(b.program) < len(a.program) for a, b in zip(plain, refined, strict=True))


def test_each_text_may_be_searched_in_a_way_of_its_own(precise):
    def find(search):
        return find_minimal_programs(Executor(precise), ROWS, tolerance=TOLERANCE, search=search)

    by_greedy, by_tree = find(greedy), find(short_mcts)
    mixed = find([greedy if i % 2 else short_mcts for i in range(len(ROWS))])
    pairs = zip(by_greedy, by_tree, strict=True)
    assert mixed == [a if i % 2 else b for i, (a, b) in enumerate(pairs)]
    assert by_greedy != by_tree  # control


def test_a_menu_is_fitted_on_what_serves_its_texts(precise, monkeypatch):
    monkeypatch.setattr(menus, "_MAX_PROGRAMS", 4)
    menu = Menu.fit(Executor(precise), ROWS, tolerance=TOLERANCE)
    assert FULL in menu.programs
    assert len(menu.programs) == 4
    lengths = [len(program) for program in menu.programs]
    assert lengths == sorted(lengths, reverse=True)
    for program, harms in zip(menu.programs, menu.harms.T, strict=True):
        losses = [precise_loss(precise, program, row) for row in ROWS]
        full = [precise_loss(precise, FULL, row) for row in ROWS]
        np.testing.assert_allclose(sorted(harms), sorted(np.subtract(losses, full)), atol=1e-4)
    found = menu.minimal_programs(Executor(precise), ROWS, tolerance=TOLERANCE)
    assert sum(len(result.program) for result in found) < 5 * len(ROWS)
    # With room for fewer, those stay that save the texts most.
    monkeypatch.setattr(menus, "_MAX_PROGRAMS", 2)
    smaller = Menu.fit(Executor(precise), ROWS, tolerance=TOLERANCE)
    (kept,) = set(smaller.programs) - {FULL}
    served = (menu.harms <= TOLERANCE).sum(0) * (5 - np.asarray(lengths))
    assert served[menu.programs.index(kept)] == served.max()


def test_a_program_that_nobody_can_use_saves_nothing_however_short(precise, monkeypatch):
    losses = {  # of three texts; what is no number is as bad as can be
        FULL: [1.0, 1.0, 1.0],
        FULL.skip(0): [1.0, 1.1, 1.2],
        FULL.skip(1, 2): [1.2, 1.5, 1.5],
        FULL.skip(1, 3): [1.5, 1.5, 1.5],
        FULL.skip(1, 4): [np.nan] * 3,
    }
    by_text = np.transpose([losses[program] for program in losses]).astype(np.float32)
    measured = iter(by_text - by_text[:, :1])

    def harms(_, batch, *__):
        return np.stack([np.stack([next(measured) for _ in batch.index])] * 2)

    monkeypatch.setattr(menus, "_met_programs", lambda *_: list(losses))
    monkeypatch.setattr(menus, "_harms", harms)
    monkeypatch.setattr(menus, "_MAX_PROGRAMS", 2)
    menu = Menu.fit(Executor(precise), ROWS[:3], tolerance=TOLERANCE)
    assert menu.programs == (FULL, FULL.skip(0))


@pytest.mark.parametrize(("config", "n_verified"), [("llama", 0), ("qwen2-moe", len(ROWS))])
def test_menus_of_mixtures_are_verified_however_clear_a_program_is(monkeypatch, config, n_verified):
    backbone = Backbone(tiny_model(CONFIGS[config]), tiny_tokenizer(), quick_dtype=torch.bfloat16)
    executor, verified = Executor(backbone), set()
    measure = executor.losses

    def losses(batch, jobs, *, precise=False):
        if precise:
            verified.update(batch.index[[job.text for job in jobs]].tolist())
        return measure(batch, jobs, precise=precise)

    monkeypatch.setattr(executor, "losses", losses)
    full = Program.full(backbone.n_layers)
    found = Menu((full, full.skip(0))).minimal_programs(executor, ROWS, tolerance=100.0)
    assert {result.program for result in found} == {full.skip(0)}
    assert len(verified) == n_verified


def test_a_fitted_menu_measures_less_than_all_and_finds_as_short_programs(precise):
    menu = Menu.fit(Executor(precise), ROWS, tolerance=TOLERANCE)
    served, at_once = (
        own.minimal_programs(Executor(precise), ROWS, tolerance=TOLERANCE)
        for own in (menu, Menu(menu.programs))
    )
    lengths, calls = (
        [[getter(result) for result in own] for own in (served, at_once)]
        for getter in (lambda result: len(result.program), lambda result: result.layer_calls)
    )
    assert sum(calls[0]) < 0.8 * sum(calls[1])
    assert sum(lengths[0]) <= sum(lengths[1]) + 1
    assert all(result.loss <= result.full_loss + TOLERANCE for result in served)


@pytest.mark.slow
def test_a_menu_turns_programs_away_by_the_common_words_and_finds_valid_ones(real):
    executor = Executor(real)
    menu = Menu.fit(executor, real.tokenize(NOTES[:3], 16), tolerance=0.1)
    rows = real.tokenize(NOTES[3:5], 16)
    found = menu.minimal_programs(executor, rows, tolerance=0.1)
    whole = menu.minimal_programs(executor, rows, tolerance=0.1, wants_curves=True)
    for row, own, other in zip(rows, found, whole, strict=True):
        assert len(own.program) < 28
        assert own.loss <= own.full_loss + 0.1
        assert own.loss == pytest.approx(precise_loss(real, own.program, row), abs=0.03)
        assert all(math.isfinite(candidate.loss) for candidate in other.curve)
    assert any(math.isinf(candidate.loss) for own in found for candidate in own.curve)


def test_what_the_common_words_turn_away_is_hardly_ever_valid():
    rng = np.random.default_rng(0)
    harms = rng.uniform(0, 1, (20, 50))
    common = harms + rng.normal(0, 0.2, harms.shape)
    doubt = menus._doubt(harms, common, TOLERANCE)
    is_valid = harms <= TOLERANCE
    assert 0 < np.mean(common[is_valid] > TOLERANCE + doubt) < 0.02
    assert np.mean(common[~is_valid] > TOLERANCE + doubt) > 0.3  # control
    assert menus._doubt(harms, harms, TOLERANCE) == 0.05  # at least
    # Common words that know nothing turn nobody away, and few valid programs teach nothing.
    assert menus._doubt(harms, rng.uniform(0, 1, harms.shape), TOLERANCE) is None
    assert menus._doubt(harms[:1, :20], harms[:1, :20], TOLERANCE) is None


def test_a_menu_is_searched_on_the_beginnings_of_long_texts_and_measured_on_longer_ones(
    precise, monkeypatch
):
    searched, measured = [], []
    search, measure = menus._met_programs, menus._harms

    def seen(executor, texts, *others):
        searched.extend(texts)
        return search(executor, searched, *others)

    monkeypatch.setattr(menus, "_met_programs", seen)
    monkeypatch.setattr(
        menus,
        "_harms",
        lambda executor, batch, *own: measured.append(batch) or measure(executor, batch, *own),
    )
    Menu.fit(Executor(precise), random_rows(90, 95, 40, 9), tolerance=TOLERANCE)
    lengths = [
        sorted(n for batch in seen for n in batch.is_target.sum(1).tolist())
        for seen in (searched, measured)
    ]
    assert lengths == [[9, 32, 32, 32], [9, 40, 64, 64]]


def test_a_menu_of_answers_is_measured_behind_their_prompts(precise):
    answers, prompts = random_rows(3, 3), random_rows(6, 6, seed=1)
    menu = Menu.fit(Executor(precise), answers, tolerance=TOLERANCE, prefixes=prompts)
    programs = [FULL, *menu.programs]

    def harms_behind(prefixes):
        (batch,) = batches(answers, precise, prefixes=prefixes)
        jobs = [Job(text, program) for text in range(2) for program in programs]
        losses = Executor(precise).losses(batch, jobs).reshape(2, -1)
        return losses[:, 1:] - losses[:, :1]

    np.testing.assert_allclose(menu.harms, harms_behind(prompts), atol=1e-5)
    assert np.abs(menu.harms - harms_behind(None)).max() > 0.01  # control


def test_what_is_clearly_valid_is_not_measured_again_the_longer_a_text_the_sooner(
    precise, monkeypatch
):
    rows, precisely = random_rows(8, 24, 95, 60), set()
    executor = Executor(precise)

    def losses(batch, jobs, *, precise=False):
        if precise:
            precisely.update(len(rows[batch.index[job.text]]) for job in jobs)
        return np.asarray([1.0 if job.program == FULL else 1.068 for job in jobs], np.float32)

    monkeypatch.setattr(executor, "losses", losses)
    shorter = Program((0, 1, 2, 3))
    search = partial(menu_search, programs=(shorter,))
    for clearance, expected in (
        (0.01, set()),
        (0.02, {8}),  # at 8 tokens .035 is wanted, where there are .032
        (0.04, {8, 24}),  # at 60 tokens .025 is enough, at 95 tokens .020
        (0.06, {8, 24, 60}),  # .104, .060, .038 and .030
        (0.2, {8, 24, 60, 95}),
        (math.inf, {8, 24, 60, 95}),
    ):
        precisely.clear()
        found = find_minimal_programs(
            executor, rows, tolerance=0.1, search=search, clearance=clearance
        )
        assert precisely == expected
        assert {result.program for result in found} == {shorter}


def test_the_program_of_one_or_two_tokens_is_always_measured_again():
    # No room up to the default tolerance is enough, as the rounding of so few losses is large.
    assert min(clearances(menus._CLEARANCE, [1, 2])) > SameLoss().tolerance


def test_a_program_of_two_thirds_of_the_layers_is_measured_again_however_low_its_loss(
    precise, monkeypatch
):
    executor, precisely = Executor(precise), []

    def losses(batch, jobs, *, precise=False):  # noqa: ARG001 - as it is called
        precisely.extend(job.program for job in jobs if precise)
        low = 5.0 if precise else 0.2  # what looks best does not hold
        return np.asarray(
            [low if 3 * len(job.program) <= 2 * len(FULL) else 1.0 for job in jobs], np.float32
        )

    monkeypatch.setattr(executor, "losses", losses)
    short, long = Program((0, 1, 2)), Program((0, 1, 2, 3))
    for programs, minimal in (((long,), long), ((long, short), long)):
        precisely.clear()
        search = partial(menu_search, programs=programs)
        (found,) = find_minimal_programs(
            executor, random_rows(8), tolerance=0.1, search=search, clearance=0.02
        )
        assert found.program == minimal
        assert (short in precisely) == (short in programs)
