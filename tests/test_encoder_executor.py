from functools import partial
from itertools import combinations

import numpy as np
import pytest
import torch
from some_by_default import some_by_default
from tiny_encoders import rearranged_encoder, tiny_encoder
from tiny_models import tiny_tokenizer

from polar_detect.backbone.encoder import EncoderBackbone
from polar_detect.errors import InputError
from polar_detect.executor import schedule as schedules
from polar_detect.executor.encoder import EncoderExecutor, encoder_curves
from polar_detect.executor.schedule import Job
from polar_detect.program import Program
from polar_detect.programs.encoder_search import encoder_distances, find_minimal_encoder_programs
from polar_detect.programs.verification import measured
from polar_detect.search import MctsSettings, greedy, mcts, menu_search, quick
from polar_detect.signature.reading.encoder import Encoder

TEXTS = [
    "The hydraulic pump leaks oil.",
    "",
    "ok",
    "How do I transfer money to my savings account?",
    "What is the weather like in Berlin?",
    "Scientists discovered a new species of fish in the deep sea.",
]


@pytest.fixture(scope="module")
def backbone(minilm):
    return EncoderBackbone.load(minilm.folder)


@pytest.fixture(scope="module")
def exact(backbone):
    """Return the encoder without a quick form, to be compared exactly."""
    return EncoderBackbone(backbone.model, backbone.tokenizer, quick_dtype=torch.float32)


@pytest.fixture(scope="module")
def curves(exact):
    return encoder_curves(EncoderExecutor(exact), TEXTS)


def embedding(model, input_ids):
    with torch.no_grad():
        pooled = model(input_ids=input_ids).last_hidden_state[0].mean(0)
    return pooled / pooled.norm()


def distance(backbone, text, layers):
    """Return 1 − cosine by the model's own forward, its layers rearranged."""
    rows = torch.tensor(backbone.tokenize([text]))
    oracle = rearranged_encoder(backbone.model, layers)
    full, other = embedding(backbone.model, rows), embedding(oracle, rows)
    return float(1 - full @ other)


def test_embeddings_are_the_same_however_many_states_are_held_together(exact, monkeypatch):
    (batch,) = exact.batches(TEXTS[:1], max_batch_tokens=512)
    full = Program.full(exact.n_layers)
    jobs = [Job(0, full), *(Job(0, full.skip(layer)) for layer in range(exact.n_layers))]
    whole, few = EncoderExecutor(exact), EncoderExecutor(exact)
    expected = whole.pooled(batch, jobs)
    monkeypatch.setattr(schedules, "MOST_NUMBERS", 1)
    assert torch.equal(few.pooled(batch, jobs), expected)
    assert few.spent[0] > whole.spent[0]  # control: nothing is shared any more


def test_without_jobs_there_are_no_embeddings(exact):
    (batch,) = exact.batches(TEXTS[:1], max_batch_tokens=512)
    hidden = EncoderExecutor(exact).pooled(batch, [Job(0, Program.full(exact.n_layers))]).shape[1]
    assert EncoderExecutor(exact).pooled(batch, []).shape == (0, hidden)


def test_a_full_program_ends_in_the_embedding_of_the_plain_encoder(exact):
    (batch,) = exact.batches(TEXTS[3:4], max_batch_tokens=64)
    pooled = EncoderExecutor(exact).pooled(batch, [Job(0, Program.full(6))], precise=True)
    expected = Encoder(exact.model, exact.tokenizer).embed(TEXTS[3:4])
    np.testing.assert_allclose(pooled / pooled.norm(), expected, atol=1e-6)


def test_curves_are_the_distances_of_the_model_with_a_layer_skipped_or_looped(exact, curves):
    full = Program.full(6)
    for text in (0, 3):
        for layer in (0, 2, 5):
            skipped = distance(exact, TEXTS[text], full.skip(layer).layers)
            looped = distance(exact, TEXTS[text], full.repeat(layer).layers)
            assert curves.skip[text, layer] == pytest.approx(skipped, abs=1e-5)
            assert curves.loop[text, layer] == pytest.approx(looped, abs=1e-5)
    assert curves.skip[[0, 3]].min() > 0.005  # the control: there was something to measure


def test_programs_of_the_first_layers_end_in_the_mean_states_of_every_depth(exact):
    rows = torch.tensor(exact.tokenize([TEXTS[3]]))
    with torch.no_grad():
        states = exact.model(input_ids=rows, output_hidden_states=True).hidden_states
    expected = torch.stack([state[0].mean(0) for state in states])
    (batch,) = exact.batches(TEXTS[3:4], max_batch_tokens=64)
    jobs = [Job(0, Program.full(depth)) for depth in range(7)]
    pooled = EncoderExecutor(exact).pooled(batch, jobs, precise=True)
    np.testing.assert_allclose(pooled, expected, atol=1e-5)


def test_curves_do_not_depend_on_the_company(exact, curves):
    executor = EncoderExecutor(exact)
    alone = encoder_curves(executor, TEXTS[3:4])
    backwards = encoder_curves(executor, TEXTS[::-1])
    for name in ("skip", "loop"):
        together = getattr(curves, name)
        np.testing.assert_allclose(getattr(alone, name)[0], together[3], atol=1e-5)
        np.testing.assert_allclose(getattr(backwards, name)[::-1], together, atol=1e-5)


@pytest.mark.slow
def test_curves_are_measured_in_float32_where_layers_have_a_quick_form(backbone, curves):
    quick = EncoderBackbone(backbone.model, backbone.tokenizer, quick_dtype=torch.bfloat16)
    found = encoder_curves(EncoderExecutor(quick), TEXTS)
    np.testing.assert_allclose(found.skip, curves.skip, atol=1e-5)
    np.testing.assert_allclose(found.loop, curves.loop, atol=1e-5)


def test_quick_distances_are_near_the_precise_ones(backbone):
    quick = EncoderBackbone(backbone.model, backbone.tokenizer, quick_dtype=torch.bfloat16)
    executor, full = EncoderExecutor(quick), Program.full(backbone.n_layers)
    asked = {0: [full.skip(layer) for layer in range(backbone.n_layers)]}
    (batch, *_) = quick.batches(TEXTS, max_batch_tokens=512)
    rounded = measured(executor, batch, asked)[0]
    exact = measured(executor, batch, asked, precise=True)[0]
    np.testing.assert_allclose(rounded, exact, atol=0.01)
    assert np.abs(rounded - exact).max() > 0


def test_no_texts_have_no_curves_and_no_programs(exact):
    assert encoder_curves(EncoderExecutor(exact), []).skip.shape == (0, 6)
    assert find_minimal_encoder_programs(exact, []) == []


def test_shared_prefixes_equal_independent_runs(exact):
    batch = next(exact.batches(TEXTS[3:4], max_batch_tokens=64))
    programs = [Program((0, 1, 2)), Program((0, 1, 3, 3)), Program((0, 1)), Program((4, 0))]
    jobs = [Job(0, program) for program in programs]
    together = EncoderExecutor(exact).pooled(batch, jobs)
    alone = torch.cat([EncoderExecutor(exact).pooled(batch, [job]) for job in jobs])
    assert torch.allclose(together, alone, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("tolerance", [0.05, 0.1, 0.3])
def test_the_minimal_program_is_that_of_a_search_over_every_way_of_skipping(backbone, tolerance):
    exact = EncoderBackbone(backbone.model, backbone.tokenizer, quick_dtype=torch.float32)
    programs = [Program(kept) for n in range(7) for kept in combinations(range(6), n)]
    executor = EncoderExecutor(exact)
    for found in (
        find_minimal_encoder_programs(exact, TEXTS, tolerance=tolerance),
        find_minimal_encoder_programs(backbone, TEXTS, tolerance=tolerance),
    ):
        assert len(found) == len(TEXTS)
        for text, minimal in zip(TEXTS, found, strict=True):
            batch = next(exact.batches([text], max_batch_tokens=64))
            distances = measured(executor, batch, {0: programs})[0]
            shortest, expected = min(
                (len(p), d) for p, d in zip(programs, distances, strict=True) if d <= tolerance
            )
            assert len(minimal.program) == shortest
            assert minimal.distance == pytest.approx(expected, abs=1e-5)
            assert minimal.distance <= tolerance
    assert any(len(minimal.program) < 6 for minimal in found)


@pytest.mark.slow
def test_exhaustive_search_is_exact_whatever_the_quick_form_rounds(backbone, monkeypatch):
    expected = find_minimal_encoder_programs(backbone, TEXTS, tolerance=0.3)
    assert min(len(minimal.program) for minimal in expected) < 6  # control
    measure = EncoderExecutor.losses

    def too_far_when_quick(self, batch, jobs, *, precise=False):
        found = measure(self, batch, jobs, precise=precise)
        return found if precise else found + [len(job.program) < 6 for job in jobs]

    monkeypatch.setattr(EncoderExecutor, "losses", too_far_when_quick)
    found = find_minimal_encoder_programs(backbone, TEXTS, tolerance=0.3)
    assert [minimal.program for minimal in found] == [minimal.program for minimal in expected]


short_mcts = partial(mcts, settings=MctsSettings(n_simulations=12))


@pytest.mark.parametrize("search", some_by_default([greedy, short_mcts], greedy))
def test_other_searches_find_valid_programs_that_are_no_shorter(exact, search):
    texts, tolerance = [TEXTS[0], TEXTS[3]], 0.3  # in both there is a layer to leave out
    best = find_minimal_encoder_programs(exact, texts, tolerance=tolerance)
    found = find_minimal_encoder_programs(exact, texts, tolerance=tolerance, search=search)
    distances = encoder_distances(exact, texts, [[m.program] for m in found])
    for shortest, minimal, (distance,) in zip(best, found, distances, strict=True):
        assert minimal.distance == pytest.approx(distance, abs=1e-6)
        assert distance <= tolerance
        assert len(shortest.program) <= len(minimal.program)
        lengths = [len(candidate.program) for candidate in minimal.curve]
        assert lengths == sorted(set(lengths))
    if search is greedy:  # a tree of few simulations may find nothing shorter
        assert min(len(minimal.program) for minimal in found) < 6


def test_each_text_may_have_a_menu_of_its_own(exact):
    menus = [[Program((0, 1, 2))], [], [Program((0, 1, 2, 3, 5))]]
    methods = [partial(menu_search, programs=own) for own in menus]
    found = find_minimal_encoder_programs(exact, TEXTS[:3], tolerance=1.0, search=methods)
    assert [m.program for m in found] == [menus[0][0], Program.full(6), menus[2][0]]


def test_a_search_that_needs_slopes_or_sweeps_is_refused(exact):
    with pytest.raises(InputError, match=r"asks for sweeps or slopes.*; use exhaustive, greedy"):
        find_minimal_encoder_programs(exact, TEXTS[:1], search=quick)


def test_layer_calls_count_shared_prefixes_once(exact):
    (found,) = find_minimal_encoder_programs(exact, TEXTS[:1], tolerance=0.1)
    # The full program; 63 prefixes of one call or more in all 64; full and winner verified.
    first_difference = next(
        (i for i, layer in enumerate(found.program) if layer != i), len(found.program)
    )
    assert found.layer_calls == 6 + 63 + 6 + len(found.program) - first_difference


@pytest.mark.slow
def test_a_tolerance_of_nothing_leaves_the_full_program(exact):
    for minimal in find_minimal_encoder_programs(exact, TEXTS, tolerance=0.0):
        assert minimal.program == Program.full(6)
        assert minimal.distance == pytest.approx(0, abs=1e-6)


def test_deep_encoders_are_searched_by_greedy_removal():
    model = tiny_encoder("bert", n_layers=10)
    backbone = EncoderBackbone(model, tiny_tokenizer(), max_tokens=48, quick_dtype=torch.float32)
    found = find_minimal_encoder_programs(backbone, TEXTS[:1], tolerance=0.3)[0]
    assert 0 < len(found.program) < 10
    assert distance(backbone, TEXTS[0], found.program.layers) == pytest.approx(
        found.distance, abs=1e-5
    )
    assert found.distance <= 0.3
    shorter = [found.program.skip(i) for i in range(len(found.program))]
    assert min(distance(backbone, TEXTS[0], p.layers) for p in shorter) > 0.3


def test_a_text_without_tokens_keeps_its_place():
    encoder = EncoderBackbone(tiny_encoder("bert"), tiny_tokenizer(), max_tokens=16)
    found = find_minimal_encoder_programs(encoder, ["", "the pump leaks", ""], search=greedy)
    assert [len(minimal.program) for minimal in found][::2] == [5, 5]
    assert np.isnan([minimal.distance for minimal in found]).tolist() == [True, False, True]
    curves = encoder_curves(EncoderExecutor(encoder), ["", "the pump leaks"])
    assert np.isnan([*curves.skip, *curves.loop]).all(1).tolist() == [True, False] * 2
    programs = [[Program.full(5), Program.full(4)]] * 2
    distances = encoder_distances(encoder, ["", "the pump leaks"], programs)
    assert np.isnan(distances).tolist() == [[True] * 2, [False] * 2]
