from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_models import CONFIGS, tiny_model, tiny_tokenizer

from polar_detect.backbone.decoder import Backbone
from polar_detect.errors import ArtifactError, InputError, ProgramError
from polar_detect.executor.batches import batches
from polar_detect.executor.decoder import Executor
from polar_detect.executor.schedule import Job
from polar_detect.program import Program
from polar_detect.programs.predictor import ProgramPredictor, minimal_predicted_programs
from polar_detect.programs.predictor_network import PredictorSettings, beam_decode

N_LAYERS = 5
KINDS = [Program((0, 1, 4)), Program((0, 2, 3, 3, 4))]


def two_kinds(n_texts, *, seed=0):
    """Return trajectories of two kinds of text, and which kind each is."""
    rng = np.random.default_rng(seed)
    kinds = rng.integers(0, 2, n_texts)
    trajectories = rng.normal(size=(n_texts, N_LAYERS + 1, 8)).astype(np.float32)
    trajectories[:, :, 0] += 4 * kinds[:, None]
    trajectories[:, :, 1:] = 30 * trajectories[:, :, 1:] + 100  # which says nothing, and is larger
    return trajectories, kinds


@pytest.fixture(scope="module")
def predictor():
    trajectories, kinds = two_kinds(60)
    return ProgramPredictor.fit(trajectories, [KINDS[kind] for kind in kinds])


def first_proposals(predictor, trajectories):
    return [own[0] for own in predictor.propose(trajectories, n_programs=1)]


def test_a_predictor_learns_which_texts_get_which_program(predictor):
    trajectories, kinds = two_kinds(300, seed=1)
    proposed = first_proposals(predictor, trajectories)
    assert np.mean([p == KINDS[kind] for p, kind in zip(proposed, kinds, strict=True)]) > 0.9


def test_without_a_connection_to_the_states_it_falls_back_on_the_shares_of_the_ops():
    trajectories, kinds = two_kinds(60)
    shuffled = np.random.default_rng(3).permutation(kinds)
    predictor = ProgramPredictor.fit(trajectories, [KINDS[kind] for kind in shuffled])
    logits = predictor.logits(two_kinds(100, seed=1)[0])
    # One kind keeps layers 0 and 1 in a segment of two, the other keeps layer 0 and skips 1.
    expected = np.mean(shuffled)
    np.testing.assert_allclose((1 / (1 + np.exp(-logits.starts[:, 1]))).mean(), expected, atol=0.15)
    np.testing.assert_allclose(np.exp(logits.ops).sum(-1), 1, atol=1e-5)


def test_the_states_at_even_distances_up_to_the_last_depth_are_read(predictor):
    trajectories, _ = two_kinds(1)
    plain = predictor.logits(trajectories).ops
    read = []
    for depth in range(N_LAYERS + 1):
        moved = trajectories.copy()
        moved[:, depth] += 10
        if np.abs(predictor.logits(moved).ops - plain).max() > 1e-3:
            read.append(depth)
    assert read == [1, 2, 4, 5]


@pytest.mark.slow
def test_training_again_gives_the_same_predictor(predictor):
    trajectories, kinds = two_kinds(60)
    programs = [KINDS[kind] for kind in kinds]
    again = ProgramPredictor.fit(trajectories, programs).logits(trajectories)
    own = predictor.logits(trajectories)
    np.testing.assert_array_equal(again.starts, own.starts)
    np.testing.assert_array_equal(again.ops, own.ops)
    other = ProgramPredictor.fit(trajectories, programs, PredictorSettings(seed=1))
    assert np.abs(other.logits(trajectories).ops - own.ops).max() > 0


@pytest.mark.parametrize(
    "mode",
    [torch.no_grad(), torch.inference_mode(), torch.autocast("cpu", torch.bfloat16)],
    ids=["no_grad", "inference_mode", "autocast"],
)
def test_modes_that_a_caller_has_set_change_nothing_in_a_predictor(mode):
    trajectories, kinds = two_kinds(20)
    settings = PredictorSettings(n_epochs=3)

    def starts():
        fitted = ProgramPredictor.fit(trajectories, [KINDS[kind] for kind in kinds], settings)
        return fitted.logits(trajectories).starts

    with mode:
        found = starts()
    np.testing.assert_array_equal(found, starts())


def cuts(n_layers):
    """Yield every way to cut the layers into segments of up to 4, as (first, stop) pairs."""
    if n_layers == 0:
        yield ()
    for width in range(1, min(4, n_layers) + 1):
        for rest in cuts(n_layers - width):
            yield (*rest, (n_layers - width, n_layers))


def probabilities(starts, ops):
    """Return each program's likeliest way of being written, by the definition."""
    n_layers = len(starts)
    likeliest = {}
    for cut in cuts(n_layers):
        is_start = np.isin(np.arange(n_layers), [first for first, _ in cut])
        odds = np.where(is_start, starts, -starts)[1:]
        segments = -np.log1p(np.exp(-odds)).sum()
        for chosen in product(range(3), repeat=len(cut)):
            pairs = list(zip(cut, chosen, strict=True))
            calls = sum((tuple(range(*segment)) * op for segment, op in pairs), ())
            log_p = segments + sum(ops[first, op] for (first, _), op in pairs)
            likeliest[calls] = max(log_p, likeliest.get(calls, log_p))
    return likeliest


@pytest.mark.parametrize("seed", range(3))
def test_the_beam_finds_the_most_probable_programs_in_order(seed):
    rng = np.random.default_rng(seed)
    starts = 2 * rng.normal(size=6).astype(np.float32)
    ops = np.log(rng.dirichlet(np.ones(3), size=6)).astype(np.float32)
    likeliest = probabilities(starts, ops)
    expected = sorted(likeliest, key=lambda calls: -likeliest[calls])[:9]
    assert [p.layers for p in beam_decode(starts, ops, 9)] == expected
    assert len(beam_decode(starts, ops, 10_000)) == len(likeliest)


def test_proposals_are_distinct(predictor):
    for own in predictor.propose(two_kinds(5)[0], n_programs=9):
        assert len(set(own)) == len(own) == 9


def test_a_text_without_tokens_gets_proposals_too(predictor):
    trajectories = np.full((1, N_LAYERS + 1, 8), np.nan, np.float32)
    assert len(predictor.propose(trajectories, n_programs=3)[0]) == 3


def test_a_saved_predictor_proposes_the_same_when_it_is_loaded(predictor, tmp_path):
    predictor.save(tmp_path / "predictor")
    loaded = ProgramPredictor.load(tmp_path / "predictor")
    trajectories = two_kinds(20, seed=2)[0]
    assert loaded.propose(trajectories) == predictor.propose(trajectories)
    assert loaded.settings == predictor.settings
    np.testing.assert_array_equal(
        loaded.logits(trajectories).ops, predictor.logits(trajectories).ops
    )
    assert {path.suffix for path in (tmp_path / "predictor").iterdir()} == {".json", ".safetensors"}


def test_a_predictor_that_cannot_be_saved_leaves_the_earlier_one(predictor, tmp_path, monkeypatch):
    predictor.save(tmp_path)
    earlier = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(*_):
        raise OSError(28, "No space left on device")

    other = ProgramPredictor(
        predictor._network, predictor._mean + 1, predictor._scale, predictor.settings
    )
    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        other.save(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == earlier


@pytest.mark.parametrize("name", ["predictor.json", "predictor.safetensors"])
@pytest.mark.parametrize("content", [None, b"", b'{"n_layers": 6, "settings": {}}'])
def test_a_folder_without_a_predictor_is_refused(predictor, tmp_path, name, content):
    predictor.save(tmp_path)
    (tmp_path / name).unlink() if content is None else (tmp_path / name).write_bytes(content)
    with pytest.raises(ArtifactError, match=r"(?s)holds no readable predictor .*; train one anew"):
        ProgramPredictor.load(tmp_path)


def test_states_of_another_model_are_refused(predictor):
    with pytest.raises(InputError, match=r"^Got states of 6 layers and 8 dim.*; expected 5 and 8;"):
        predictor.logits(np.zeros((1, 7, 8), np.float32))
    with pytest.raises(InputError, match="Got states of 5 layers and 9 dimensions"):
        predictor.logits(np.zeros((1, 6, 9), np.float32))


def test_a_program_outside_the_space_cannot_be_learned():
    trajectories, _ = two_kinds(10)
    with pytest.raises(ProgramError, match="Got program '1 0'"):
        ProgramPredictor.fit(trajectories, [Program((1, 0))] * 10)


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
