import numpy as np
import pytest
import torch
from length_curve import swept_curves
from tiny_models import CONFIGS, tiny_model, tiny_tokenizer

from polar_detect.backbone.decoder import Backbone
from polar_detect.executor.batches import batches
from polar_detect.executor.decoder import Executor
from polar_detect.executor.schedule import Job
from polar_detect.program import Program
from polar_detect.search import Candidate
from polar_detect.signature.program_features import length_curve_features

D = 5


def curve(*losses, n_layers=10):
    """Return a curve of the given losses at the longest lengths, shortest first."""
    lengths = range(n_layers - len(losses) + 1, n_layers + 1)
    return [Candidate(Program.full(n), loss) for n, loss in zip(lengths, losses, strict=True)]


def test_features_are_the_loss_that_each_share_of_the_layers_costs():
    table = length_curve_features([curve(7.0, 5.0, 4.0), curve(2.5, 2.0)], 10)
    assert table.names == [
        *(f"length_curve/loss_{share}" for share in range(10, 100, 10)),
        "length_curve/area",
    ]
    assert all(feature.layer is None for feature in table.features)
    first, second = table.values.tolist()
    assert first[7:9] == [3.0, 1.0]
    assert first[0] == 3.0  # held below the shortest program that was met
    assert second[:9] == [0.5] * 9
    assert first[9] == pytest.approx(np.mean(first[:9]))


def test_lengths_between_two_that_were_met_are_interpolated():
    points = [Candidate(Program.full(2), 4.0), Candidate(Program.full(10), 0.0)]
    values = length_curve_features([points], 10).values[0]
    assert values[:9].tolist() == pytest.approx([4, 4, 3.5, 3, 2.5, 2, 1.5, 1, 0.5])


def test_a_loss_that_is_not_finite_is_passed_over():
    points = [Candidate(Program.full(n), x) for n, x in ((2, 4.0), (6, np.inf), (10, 0.0))]
    lost = [Candidate(Program.full(10), np.inf)]
    values = length_curve_features([points, lost], 10).values
    assert values[0, 5] == pytest.approx(2)
    assert np.isnan(values[1]).all()


def test_a_text_without_tokens_has_no_curve_and_no_texts_have_no_rows():
    assert np.isnan(length_curve_features([()], 10).values).all()
    assert length_curve_features([], 10).values.shape == (0, 10)


@pytest.fixture(scope="module")
def executor():
    model = tiny_model(CONFIGS["llama"])
    return Executor(Backbone(model, tiny_tokenizer(), quick_dtype=torch.float32))


def test_a_sweep_yields_the_whole_curve_of_each_text(executor):
    rows = executor.backbone.tokenize(["the pump leaks oil", "", "the valve is stuck again"], 32)
    curves = swept_curves(executor, rows)
    assert curves[1] == ()
    assert curves[0] != curves[2]
    for i in (0, 2):
        assert [len(c.program) for c in curves[i]] == list(range(D + 1))
        (batch,) = batches([rows[i]], executor.backbone)
        losses = executor.losses(batch, [Job(0, c.program) for c in curves[i]])
        np.testing.assert_allclose(losses, [c.loss for c in curves[i]], atol=1e-4)


def test_the_curve_of_a_text_does_not_depend_on_its_company(executor):
    rows = executor.backbone.tokenize(["the pump leaks oil", "oil leaks"], 32)
    together = length_curve_features(swept_curves(executor, rows), D).values
    alone = [length_curve_features(swept_curves(executor, [row]), D).values[0] for row in rows]
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert np.abs(alone[0] - alone[1]).max() > 0.01  # control
