from functools import partial

import numpy as np
import pytest
import torch
from test_sweep import random_rows
from tiny_models import CONFIGS, rearranged, tiny_model, tiny_tokenizer

from polar_detect.backbone.decoder import Backbone
from polar_detect.errors import InputError
from polar_detect.executor.batches import batches
from polar_detect.executor.decoder import Executor
from polar_detect.executor.schedule import Job
from polar_detect.program import Program
from polar_detect.programs.criteria import SameAnswer, SameLoss, SamePrediction
from polar_detect.programs.minimal import find_minimal_programs
from polar_detect.search import (
    Candidate,
    exhaustive,
    greedy,
    guided,
    loss_by_length,
    menu_search,
    quick,
)

FULL = Program.full(5)
ROWS = random_rows(9, 5, 12, 10, 30)
# Where layers round there is more to get wrong.
DTYPES = [pytest.param(torch.float32, marks=pytest.mark.slow), torch.bfloat16]
each_search = pytest.mark.parametrize("search", [greedy, guided, quick, exhaustive])


@pytest.fixture(scope="module", params=DTYPES, ids=str)
def backbone(request):
    model = tiny_model(CONFIGS["llama"])
    for parameter in model.model.layers.parameters():
        if parameter.ndim > 1:
            parameter.data.mul_(0.25)
    return Backbone(model, tiny_tokenizer(), quick_dtype=request.param)


@torch.no_grad()
def top_by_hand(backbone, program, ids):
    model = rearranged(backbone.model, program.layers)
    return model(input_ids=torch.tensor([ids]), use_cache=False).logits[0].argmax(-1)


def agreement_by_hand(backbone, program, row):
    ids = [backbone.start_token, *row[:-1]]
    same = top_by_hand(backbone, program, ids) == top_by_hand(backbone, FULL, ids)
    return same.float().mean().item()


def generated(backbone, program, prompt, n_tokens):
    """Decode greedily, token by token: what the paper does to judge a program."""
    ids = [backbone.start_token, *prompt]
    for _ in range(n_tokens):
        ids.append(int(top_by_hand(backbone, program, ids)[-1]))
    return ids[1 + len(prompt) :]


@pytest.mark.parametrize("tolerance", [-0.1, float("inf"), float("nan")])
def test_a_tolerance_that_is_no_finite_number_from_zero_on_is_refused(tolerance):
    with pytest.raises(InputError, match=r"^Got tolerance .*; expected a finite number from 0 on"):
        SameLoss(tolerance)


@each_search
@pytest.mark.parametrize("agreement", [0.6, 1.0])
def test_predictions_agree_with_the_full_program_at_the_share_that_was_asked(
    backbone, search, agreement
):
    criterion = SamePrediction(agreement)
    results = find_minimal_programs(Executor(backbone), ROWS, search=search, criterion=criterion)
    for result, row in zip(results, ROWS, strict=True):
        assert result.is_valid
        assert agreement_by_hand(backbone, result.program, row) >= agreement - 1e-6
    if agreement < 1:  # control: there was something to find
        assert min(len(result.program) for result in results) < 5
    if search is exhaustive:
        for result, row in zip(results, ROWS, strict=True):
            shorter = [FULL.skip(i) for i in range(5) if len(result.program) == 5]
            assert not any(agreement_by_hand(backbone, p, row) >= agreement for p in shorter)


@each_search
def test_an_answer_is_valid_exactly_when_greedy_decoding_reproduces_it(backbone, search):
    prompts = random_rows(6, 9, 11)
    answers = [generated(backbone, FULL, prompt, 3) for prompt in prompts]
    results = find_minimal_programs(
        Executor(backbone), answers, search=search, criterion=SameAnswer(), prefixes=prompts
    )
    for result, prompt, answer in zip(results, prompts, answers, strict=True):
        assert result.is_valid
        assert generated(backbone, result.program, prompt, 3) == answer
    assert min(len(result.program) for result in results) < 5
    # Control: not every program answers alike.
    assert generated(backbone, Program((4,)), prompts[0], 3) != answers[0]


@pytest.mark.parametrize("criterion", [SamePrediction(0.8), SameAnswer()])
def test_slopes_come_with_the_margins_that_the_criterion_measures(backbone, criterion):
    (batch,) = batches([ROWS[0]], backbone)
    measuring, scored = criterion.prepare(Executor(backbone), batch)
    jobs = [Job(0, FULL)]
    (margin,) = measuring.losses(scored, jobs)
    slopes = measuring.slopes(scored, [FULL])
    assert slopes.losses[0] == pytest.approx(margin, abs=1e-4)
    assert margin != pytest.approx(Executor(backbone).losses(scored, jobs)[0], abs=0.1)  # control
    of_loss = Executor(backbone).slopes(scored, [FULL])
    assert not np.allclose(slopes.skips[0], of_loss.skips[0], atol=1e-3)


def test_of_tokens_that_are_equally_likely_only_the_first_is_the_answer():
    model = tiny_model(CONFIGS["llama"])
    backbone = Backbone(model, tiny_tokenizer(), quick_dtype=torch.float32)
    (prompt,) = random_rows(6)
    (first,) = generated(backbone, FULL, prompt, 1)
    for twin in (first - 1, first + 1):
        head = model.lm_head.weight.data
        before = head[twin].clone()
        head[twin] = head[first]
        two = Backbone(model, tiny_tokenizer(), quick_dtype=torch.float32)
        assert generated(two, FULL, prompt, 1) == [min(first, twin)]
        results = find_minimal_programs(
            Executor(two),
            [[first], [twin]],
            search=partial(menu_search, programs=(FULL,)),
            criterion=SameAnswer(),
            prefixes=[prompt, prompt],
        )
        assert [result.is_valid for result in results] == [first < twin, twin < first]
        head[twin] = before


def test_a_full_program_that_answers_otherwise_is_reported_as_not_valid(backbone):
    (prompt,) = random_rows(6)
    answer = generated(backbone, FULL, prompt, 3)
    wrong = [(token + 1) % 128 for token in answer]
    for search in (greedy, quick):
        (result,) = find_minimal_programs(
            Executor(backbone), [wrong], search=search, criterion=SameAnswer(), prefixes=[prompt]
        )
        reproduced = generated(backbone, result.program, prompt, 3) == wrong
        assert result.is_valid == reproduced
        assert result.is_valid or result.program == FULL


def test_a_shorter_program_can_answer_right_where_the_full_one_does_not(backbone):
    (prompt,) = random_rows(6)
    answer = generated(backbone, FULL.skip(3), prompt, 2)
    assert answer != generated(backbone, FULL, prompt, 2)
    (result,) = find_minimal_programs(
        Executor(backbone), [answer], search=exhaustive, criterion=SameAnswer(), prefixes=[prompt]
    )
    assert result.is_valid
    assert generated(backbone, result.program, prompt, 2) == answer


def test_a_longer_program_can_answer_right_where_no_shorter_one_does(backbone):
    prompts = random_rows(6, 9, 11)
    answers = [generated(backbone, FULL.repeat(0), prompt, 3) for prompt in prompts]
    search = partial(menu_search, programs=(FULL.repeat(1), FULL.repeat(0), FULL.skip(0)))
    results = find_minimal_programs(
        Executor(backbone), answers, search=search, criterion=SameAnswer(), prefixes=prompts
    )
    looped = []
    for result, prompt, answer in zip(results, prompts, answers, strict=True):
        assert result.is_valid
        assert generated(backbone, result.program, prompt, 3) == answer
        looped.append(len(result.program) > 5)
    assert any(looped)


@pytest.mark.parametrize("criterion", [SameLoss(0.3), SamePrediction(0.8), SameAnswer()])
def test_reported_losses_are_losses_whatever_the_criterion(backbone, criterion):
    executor = Executor(backbone)
    results = find_minimal_programs(executor, ROWS[:2], tolerance=0.3, criterion=criterion)
    for result, row in zip(results, ROWS, strict=False):
        (batch,) = batches([row], backbone)
        jobs = [Job(0, result.program), Job(0, FULL)]
        loss, full = Executor(backbone).losses(batch, jobs, precise=True)
        assert result.loss == pytest.approx(loss, abs=1e-4)
        assert result.full_loss == pytest.approx(full, abs=1e-4)
    assert [r.layer_calls for r in results] == [executor.spent[i] for i in range(2)]


@pytest.mark.parametrize("agreement", [0.0, -1.0, 1.5, float("nan")])
def test_a_share_that_is_none_is_refused(agreement):
    with pytest.raises(InputError, match=r"^Got agreement .*; expected a share"):
        SamePrediction(agreement)


def test_the_loss_curve_of_a_text_ends_at_its_full_program(backbone):
    results = find_minimal_programs(Executor(backbone), [*ROWS, []], tolerance=0.3)
    for result in results[:-1]:
        lengths = [len(candidate.program) for candidate in result.curve]
        assert lengths == sorted(set(lengths))
        assert len(lengths) == 6
        values = loss_by_length(
            result.curve, n_layers=5, full_loss=result.curve[-1].loss, n_points=5
        )
        assert values[-1] == 0
        expected = [c.loss - result.curve[-1].loss for c in result.curve[1:]]
        assert values.tolist() == pytest.approx(expected, abs=1e-5)
    empty = loss_by_length(results[-1].curve, n_layers=5, full_loss=float("nan"))
    assert np.isnan(empty).all()


def test_lengths_that_were_not_met_are_interpolated_and_held_below_the_shortest():
    curve = [Candidate(Program((0, 1)), 3.0), Candidate(Program.full(4), 2.0)]
    values = loss_by_length(curve, n_layers=4, full_loss=2.0, n_points=4)
    assert values.tolist() == [1.0, 1.0, 0.5, 0.0]
