from itertools import product

import numpy as np
import pytest
from tiny_models import CONFIGS, tiny_model, tiny_tokenizer

from polar_detect.backbone import Backbone
from polar_detect.errors import InputError
from polar_detect.executor import Executor, batches
from polar_detect.predictor import (
    PredictorSettings,
    ProgramPredictor,
    _beam,
    minimal_predicted_programs,
)
from polar_detect.program import Program
from polar_detect.schedule import Job

N_LAYERS = 5
KINDS = [Program((0, 1, 4)), Program((0, 2, 3, 3, 4))]


def two_kinds(n_texts, *, seed=0):
    """Return trajectories of two kinds of text, and which kind each is."""
    rng = np.random.default_rng(seed)
    kinds = rng.integers(0, 2, n_texts)
    trajectories = rng.normal(size=(n_texts, N_LAYERS + 1, 8)).astype(np.float32)
    trajectories[:, :, 0] += 4 * kinds[:, None]
    return trajectories, kinds


@pytest.fixture(scope="module")
def predictor():
    trajectories, kinds = two_kinds(60)
    return ProgramPredictor.fit(trajectories, [KINDS[kind] for kind in kinds])


def first_proposals(predictor, trajectories):
    return [own[0] for own in predictor.propose(trajectories, n_programs=1)]


def test_a_predictor_learns_which_texts_get_which_program(predictor):
    trajectories, kinds = two_kinds(100, seed=1)
    proposed = first_proposals(predictor, trajectories)
    assert np.mean([p == KINDS[kind] for p, kind in zip(proposed, kinds, strict=True)]) > 0.9


def test_without_a_connection_to_the_states_it_falls_back_on_the_shares_of_the_ops():
    trajectories, kinds = two_kinds(60)
    shuffled = np.random.default_rng(3).permutation(kinds)
    predictor = ProgramPredictor.fit(trajectories, [KINDS[kind] for kind in shuffled])
    probabilities = np.exp(predictor.log_probabilities(two_kinds(100, seed=1)[0]))
    expected = np.mean([KINDS[kind].counts(N_LAYERS)[1] for kind in shuffled])
    np.testing.assert_allclose(probabilities[:, 1, 1].mean(), expected, atol=0.15)


def test_training_again_gives_the_same_predictor(predictor):
    trajectories, kinds = two_kinds(60)
    again = ProgramPredictor.fit(trajectories, [KINDS[kind] for kind in kinds])
    np.testing.assert_array_equal(
        again.log_probabilities(trajectories), predictor.log_probabilities(trajectories)
    )
    other = ProgramPredictor.fit(
        trajectories, [KINDS[kind] for kind in kinds], PredictorSettings(seed=1)
    )
    assert (
        np.abs(other.log_probabilities(trajectories) - again.log_probabilities(trajectories)).max()
        > 0
    )


def test_the_beam_finds_the_most_probable_programs_in_order():
    rng = np.random.default_rng(0)
    log_p = np.log(rng.dirichlet(np.ones(3), size=4)).astype(np.float32)
    scored = {
        Program(tuple(layer for layer, op in enumerate(ops) for _ in range(op))): sum(
            log_p[layer, op] for layer, op in enumerate(ops)
        )
        for ops in product(range(3), repeat=4)
    }
    expected = sorted(scored, key=lambda program: -scored[program])[:7]
    assert _beam(log_p, 7) == expected


def test_proposals_are_distinct(predictor):
    for own in predictor.propose(two_kinds(5)[0], n_programs=9):
        assert len(set(own)) == len(own) == 9


def test_a_text_without_tokens_gets_proposals_too(predictor):
    trajectories = np.full((1, N_LAYERS + 1, 8), np.nan, np.float32)
    assert len(predictor.propose(trajectories, n_programs=3)[0]) == 3


def test_too_few_texts_or_programs_are_refused():
    trajectories, kinds = two_kinds(12)
    programs = [KINDS[kind] for kind in kinds]
    with pytest.raises(InputError, match="Got 12 texts and 11 programs; expected 10 or more"):
        ProgramPredictor.fit(trajectories, programs[:11])
    with pytest.raises(InputError, match="Got 9 texts and 9 programs; expected 10 or more"):
        ProgramPredictor.fit(trajectories[:9], programs[:9])


@pytest.fixture(scope="module")
def executor():
    return Executor(Backbone(tiny_model(CONFIGS["llama"]), tiny_tokenizer()))


def losses_of(executor, row, programs):
    batch = next(batches([row], executor.backbone))
    return executor.losses(batch, [Job(0, program) for program in programs], precise=True)


def test_the_shortest_valid_proposal_is_returned_and_none_that_is_not_valid(executor):
    texts = ["the pump leaks oil", "", "the valve is stuck again and again"]
    rows = executor.backbone.tokenize(texts, 32)
    full = Program.full(N_LAYERS)
    proposals = [full.skip(i) for i in range(N_LAYERS)] + [Program(()), Program((4,))]
    tolerance = 0.3
    found = minimal_predicted_programs(executor, rows, [proposals] * len(rows), tolerance=tolerance)
    assert found[1].program == full
    n_shorter = 0
    for i in (0, 2):
        full_loss, *losses = losses_of(executor, rows[i], [full, *proposals])
        valid = [
            len(p)
            for p, loss in zip(proposals, losses, strict=True)
            if loss <= full_loss + tolerance
        ]
        assert len(found[i].program) == min([*valid, N_LAYERS])
        assert found[i].loss <= found[i].full_loss + tolerance
        assert found[i].full_loss == pytest.approx(full_loss, abs=1e-5)
        assert found[i].layer_calls > N_LAYERS
        n_shorter += len(found[i].program) < N_LAYERS
    assert n_shorter > 0  # the control: some proposal was worth something


def test_proposals_that_are_not_valid_leave_the_full_program(executor):
    rows = executor.backbone.tokenize(["the pump leaks oil"], 32)
    full = Program.full(N_LAYERS)
    bad = Program((4, 4, 3, 2, 1, 0))
    full_loss, bad_loss = losses_of(executor, rows[0], [full, bad])
    assert bad_loss > full_loss + 0.1
    assert minimal_predicted_programs(executor, rows, [[bad]])[0].program == full
