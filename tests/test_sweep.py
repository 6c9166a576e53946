import numpy as np
import pytest
import torch
from tiny_models import CONFIGS, random_rows, tiny_model, tiny_tokenizer

from polar_detect.backbone.decoder import Backbone
from polar_detect.executor.batches import batches
from polar_detect.executor.decoder import Executor
from polar_detect.executor.schedule import Job
from polar_detect.executor.sweep import sweep
from polar_detect.program import Program
from polar_detect.search import Sweep

D = 5


@pytest.fixture(scope="module")
def backbone():
    model = tiny_model(CONFIGS["llama"])
    for parameter in model.model.layers.parameters():
        if parameter.ndim > 1:
            parameter.data.mul_(0.5)
    return Backbone(model, tiny_tokenizer(), quick_dtype=torch.float32)


def swept(backbone, rows, wish):
    executor = Executor(backbone)
    (batch,) = batches(rows, backbone)
    return sweep(executor, batch, wish), executor, batch


ROWS = random_rows(9, 10, 12)


@pytest.mark.parametrize("width", [1, 3])
def test_a_sweep_reports_the_losses_that_its_programs_have_on_their_own(backbone, width):
    answers, executor, batch = swept(backbone, ROWS, Sweep(width))
    for text, answer in enumerate(answers):
        assert answer.programs[0] == Program.full(D)
        assert len(set(answer.programs)) == len(answer.programs)
        jobs = [Job(text, program) for program in answer.programs]
        np.testing.assert_allclose(answer.losses, executor.losses(batch, jobs), atol=1e-4)
    # Control: the texts differ, so a mix-up of rows would show.
    assert len({float(answer.losses[0]) for answer in answers}) == len(ROWS)


def test_a_sweep_finds_a_program_of_every_length_and_counts_what_it_spends(backbone):
    answers, executor, _ = swept(backbone, ROWS, Sweep())
    for text, answer in enumerate(answers):
        assert [len(program) for program in answer.programs] == list(range(D, -1, -1))
        assert executor.spent[text] == D * (D + 1) / 2


def test_a_wide_sweep_keeps_every_program(backbone):
    answers, *_ = swept(backbone, ROWS[:1], Sweep(width=100))
    assert len(set(answers[0].programs)) == 2**D


@torch.no_grad()
def states_of(backbone, row, layers):
    state = backbone.embed(torch.tensor([[backbone.start_token, *row[:-1]]]))
    for layer in layers:
        state = backbone.apply(layer, state)
    return state


def test_a_narrow_sweep_keeps_the_state_that_is_closest_to_the_full_programs(backbone):
    (row,) = random_rows(12)
    answers, *_ = swept(backbone, [row], Sweep())
    one_skip = answers[0].programs[1]
    # By hand: of the programs so far with one skip, the closest after each layer goes on.
    best = ()
    for depth in range(1, D + 1):
        layers = tuple(range(depth))
        reference = states_of(backbone, row, layers)
        rivals = [layers[:-1]] + ([(*best, depth - 1)] if depth > 1 else [])

        def closeness(rival, reference=reference):
            state = states_of(backbone, row, rival)
            return torch.nn.functional.cosine_similarity(state, reference, dim=-1).mean()

        best = max(rivals, key=closeness)
    assert one_skip.layers == best


def test_bounds_of_a_sweep_save_layer_calls_and_keep_the_full_program(backbone):
    _, all_of_it, _ = swept(backbone, ROWS, Sweep())
    answers, few_skips, _ = swept(backbone, ROWS, Sweep(max_skips=1))
    assert all(len(program) >= D - 1 for answer in answers for program in answer.programs)
    assert few_skips.spent.total() < all_of_it.spent.total()
    answers, none_close, _ = swept(backbone, ROWS, Sweep(max_distance=0.0))
    assert none_close.spent.total() == D * len(ROWS)
    assert all(answer.programs[0] == Program.full(D) for answer in answers)


def test_influences_are_larger_where_a_layer_turns_the_state_further(backbone):
    answers, *_ = swept(backbone, ROWS[:1], Sweep())
    before, after = states_of(backbone, ROWS[0], ()), states_of(backbone, ROWS[0], (0,))
    cosine = torch.nn.functional.cosine_similarity(before, after, dim=-1).mean().item()
    assert answers[0].influences[0] == pytest.approx(4 * (1 - cosine), abs=1e-4)
    assert answers[0].influences.shape == (D,)


def test_company_does_not_change_what_a_sweep_finds(backbone):
    together, *_ = swept(backbone, ROWS, Sweep(width=2, max_distance=0.5))
    for row, answer in zip(ROWS, together, strict=True):
        (alone,), *_ = swept(backbone, [row], Sweep(width=2, max_distance=0.5))
        assert alone.programs == answer.programs
        np.testing.assert_allclose(alone.losses, answer.losses, atol=1e-5)
