"""Short texts of different lengths share blocks, and no bit of any of them shows it."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from some_by_default import some_by_default
from test_determinism import threads
from tiny_models import CONFIGS, random_rows, tiny_model, tiny_tokenizer
from transformers.models.llama.modeling_llama import LlamaDecoderLayer

from polar_detect.backbone.decoder import Backbone
from polar_detect.backbone.packing import Packing, packings, padded_lengths, width
from polar_detect.backbone.quick.attention import attend, attend_packed, rotated
from polar_detect.executor.batches import batches
from polar_detect.executor.decoder import Executor
from polar_detect.executor.schedule import Job
from polar_detect.numerics.block_sizes import random_states
from polar_detect.program import Program

LENGTHS = (3, 8, 1, 12, 16, 5, 17, 31, 2, 64)
LLAMA = CONFIGS["llama"]


def packing_of(lengths, n_tokens=None):
    padded = padded_lengths(np.asarray(lengths))
    return Packing(tuple(lengths), tuple(padded.tolist()), n_tokens or sum(lengths))


def one_behind_the_other(rows, lengths, n_tokens):
    held = torch.cat([row[:n] for row, n in zip(rows, lengths, strict=True)])
    return torch.cat([held, held.new_zeros(n_tokens - len(held), *held.shape[1:])])


def apart(found, packing):
    return [found[s : s + n] for s, n in zip(packing.starts, packing.lengths, strict=True)]


# Blocks


@given(st.lists(st.integers(1, 64), min_size=1, max_size=80), st.integers(1, 3))
def test_blocks_hold_every_text_once_in_order_and_have_a_known_size(lengths, n_lanes):
    padded = tuple(padded_lengths(np.asarray(lengths)).tolist())
    blocks = packings(tuple(lengths), padded, (512, 192, 64), n_lanes)
    held = [n for _, packing in blocks for n in packing.lengths]
    assert held == lengths
    for place, packing in blocks:
        assert packing.lengths == tuple(lengths[place])
        assert packing.padded == padded[place]
        assert packing.n_tokens in {512, 192, 64}
        assert packing.n_held <= packing.n_tokens


def test_blocks_are_cut_so_that_all_lanes_have_work():
    blocks = packings((10,) * 71, (12,) * 71, (512, 192, 64), 2)
    assert [packing.n_tokens for _, packing in blocks] == [192] * 4
    (alone,) = packings((10,) * 5, (12,) * 5, (512, 192, 64), 2)
    assert alone[1].n_tokens == 64


@given(st.lists(st.integers(1, 32), min_size=1, max_size=9), st.integers(0, 20))
def test_a_packing_says_of_each_token_where_it_stands(lengths, n_more):
    packing = packing_of(lengths, sum(lengths) + n_more)
    expected = [(text, place) for text, n in enumerate(lengths) for place in range(n)]
    found = list(zip(packing.owners.tolist(), packing.places.tolist(), strict=True))
    assert found == expected + [(0, 0)] * n_more


def test_angles_are_those_of_the_length_that_a_text_is_padded_to():
    packing = packing_of((2, 5, 3), 12)
    assert packing.angles((8, 4)).tolist() == [8, 9, 0, 1, 2, 3, 4, 8, 9, 10, 0, 0]


# Attention


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("n_heads", "n_keys"), [(4, 2), (3, 3)])
@torch.no_grad()
def test_attention_of_packed_texts_is_that_of_each_alone_bit_for_bit(n_heads, n_keys, dtype):
    packing, size = packing_of(LENGTHS, 192), 16
    rows = random_states(len(LENGTHS), 64, n_heads + 2 * n_keys, size).to(dtype)
    cosine, sine = (part.to(dtype) for part in random_states(2, 64, size))
    found = attend_packed(
        one_behind_the_other(rows, LENGTHS, 192),
        one_behind_the_other([cosine] * len(LENGTHS), LENGTHS, 192),
        one_behind_the_other([sine] * len(LENGTHS), LENGTHS, 192),
        packing,
        n_heads=n_heads,
        scale=0.25,
    )
    assert found.shape == (192, n_heads * size)
    for row, own, n, padded in zip(
        rows, apart(found, packing), LENGTHS, packing.padded, strict=True
    ):
        heads = row[None, :padded]
        turned = rotated(heads[:, :, :-n_keys], cosine[None, :padded], sine[None, :padded])
        query, key, value = turned[:, :, :n_heads], turned[:, :, n_heads:], heads[:, :, -n_keys:]
        expected = attend(query, key, value, scale=0.25)[0, :n]
        assert torch.equal(own, expected)
        assert not torch.equal(own[-1], own[0]) or n == 1  # control: tokens differ


def test_what_is_no_number_spoils_no_other_text():
    lengths = (5, 6, 7, 20)
    packing = packing_of(lengths, 64)
    heads = random_states(64, 8, 16)
    angles = torch.ones(64, 16), torch.zeros(64, 16)
    expected = attend_packed(heads, *angles, packing, n_heads=4, scale=0.25)
    heads[6] = torch.inf  # of the second text
    found = attend_packed(heads, *angles, packing, n_heads=4, scale=0.25)
    for i, (own, before) in enumerate(
        zip(apart(found, packing), apart(expected, packing), strict=True)
    ):
        assert own.isfinite().all() == (i != 1)
        assert torch.equal(own, before) == (i != 1)


# Layers


def alone(backbone, layer, row, n_tokens, form):
    padded = int(backbone.padded_lengths(np.asarray([n_tokens]))[0])
    return backbone.apply(layer, row[None, :padded], form=form)[0, :n_tokens]


@pytest.mark.slow
@pytest.mark.parametrize("form", ["quick", "rough", "precise"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", some_by_default(["llama", "gemma3", "gpt2"], "llama", "gpt2"))
@torch.no_grad()
def test_a_layer_makes_of_each_row_what_it_makes_of_it_alone(name, dtype, form):
    backbone = Backbone(tiny_model(CONFIGS[name]), tiny_tokenizer(), quick_dtype=dtype)
    assert backbone.packs == (name == "llama")
    for n in set(backbone.padded_lengths(np.asarray(LENGTHS)).tolist()):
        backbone.embed(torch.ones(1, n, dtype=torch.int64))  # records how layers are called
    states = random_states(len(LENGTHS), 64, 32)
    for layer in (0, 3):
        found = backbone.apply(layer, states, lengths=np.asarray(LENGTHS), form=form)
        for row, n, own in zip(states, LENGTHS, found, strict=True):
            (company,) = backbone.apply(layer, row[None], lengths=np.asarray([n]), form=form)
            assert torch.equal(own[:n], company[:n])
            expected = alone(backbone, layer, row, n, form)
            change = (expected - row[:n]).norm()
            assert (own[:n] - expected).norm() < (1e-5 if dtype == torch.float32 else 0.02) * change
            assert own.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_a_gradient_is_pulled_back_through_each_row_as_through_it_alone(name, dtype):
    backbone = Backbone(tiny_model(CONFIGS[name]), tiny_tokenizer(), quick_dtype=dtype)
    lengths = np.asarray(LENGTHS)
    for n in set(backbone.padded_lengths(lengths).tolist()):
        backbone.embed(torch.ones(1, n, dtype=torch.int64))
    hidden, gradient = random_states(2, len(LENGTHS), 64, 32)
    for row, n in enumerate(LENGTHS):
        gradient[row, n:] = 0
    found = backbone.pull_back(3, hidden, gradient, lengths=lengths)
    for row, n in enumerate(LENGTHS):
        own = slice(row, row + 1)
        (company,) = backbone.pull_back(3, hidden[own], gradient[own], lengths=lengths[own])
        assert torch.equal(found[row, :n], company[:n])
        (padded,) = backbone.padded_lengths(lengths[own]).tolist()
        (expected,) = backbone.pull_back(3, hidden[own, :padded], gradient[own, :padded])
        change = (expected[:n] - gradient[row, :n]).norm()
        gap = (found[row, :n] - expected[:n]).norm()
        assert gap < (1e-5 if dtype == torch.float32 else 0.02) * change
        assert not found[row, n:].any()


def test_a_gradient_that_is_no_number_spoils_no_other_text():
    backbone = Backbone(tiny_model(LLAMA), tiny_tokenizer(), quick_dtype=torch.float32)
    lengths = np.asarray([20, 3])  # attention takes the shorter one first
    for n in (20, 4):
        backbone.embed(torch.ones(1, n, dtype=torch.int64))
    hidden, gradient = random_states(2, 2, 32, 32)
    expected = backbone.pull_back(3, hidden, gradient, lengths=lengths)
    hidden[0] = torch.nan
    found = backbone.pull_back(3, hidden, gradient, lengths=lengths)
    assert torch.equal(found[1], expected[1])
    assert found[0, :20].isnan().all()


@pytest.mark.parametrize("layer", some_by_default([0, 1, 2], 0))  # the second one is dense
def test_what_stands_behind_a_text_changes_no_bit_of_it_in_a_mixture_of_experts(layer):
    model = tiny_model(CONFIGS["qwen2-moe"])
    backbone = Backbone(model, tiny_tokenizer(), quick_dtype=torch.bfloat16)
    assert backbone.packs
    backbone.embed(torch.ones(1, 12, dtype=torch.int64))
    hidden, gradient, other = random_states(3, 40, 16, 32)
    lengths = np.resize([9, 10, 11], 40)
    is_behind = torch.from_numpy(np.arange(16) >= lengths[:, None])
    others = torch.where(is_behind[..., None], other, hidden)
    for form in ("quick", "rough", "precise"):
        with torch.no_grad():
            found = [
                backbone.apply(layer, own, lengths=lengths, form=form) for own in (hidden, others)
            ]
        assert torch.equal(*(own[~is_behind] for own in found))
    slopes = torch.where(is_behind[..., None], 0, gradient), gradient
    found = [
        backbone.pull_back(layer, *own, lengths=lengths)
        for own in zip((hidden, others), slopes, strict=True)
    ]
    assert torch.equal(*found)


@torch.no_grad()
def test_rows_that_move_within_states_go_where_they_are_sent_and_no_further():
    backbone = Backbone(tiny_model(LLAMA), tiny_tokenizer(), quick_dtype=torch.float32)
    backbone.embed(torch.ones(1, 12, dtype=torch.int64))
    states = random_states(6, 16, 32)
    before, lengths = states.clone(), np.asarray([9, 11])
    sources, targets = torch.tensor([1, 4]), torch.tensor([5, 4])
    backbone.apply_within(2, states, sources, targets, lengths=lengths)
    for source, target, n in ((1, 5, 9), (4, 4, 11)):
        expected = backbone.apply(2, before[[source]], lengths=np.asarray([n]))[0, :n]
        assert torch.equal(states[target, :n], expected)
        assert torch.equal(states[target, n:], before[target, n:])
    for other in (0, 1, 2, 3):
        assert torch.equal(states[other], before[other])


def test_texts_that_a_mask_is_for_are_not_packed():
    config = copy.deepcopy(CONFIGS["mistral"])
    config.sliding_window = 10
    backbone = Backbone(tiny_model(config), tiny_tokenizer(), quick_dtype=torch.float32)
    with torch.no_grad():
        assert [backbone._forms.packs(3, n, "quick") for n in (4, 8, 12)] == [True, True, False]
    rows = random_rows(3, 11, 4)
    full = Program.full(5)
    for batch in batches(rows, backbone):
        losses = Executor(backbone).losses(batch, [Job(i, full) for i in range(len(batch))])
        for i, loss in zip(batch.index, losses, strict=True):
            ids = torch.tensor([[backbone.start_token, *rows[i]]])
            expected = backbone.model(input_ids=ids, labels=ids).loss.item()
            assert loss == pytest.approx(expected, abs=1e-5)


class Convolving(LlamaDecoderLayer):
    """A layer that sees a little of the token before each one."""

    def forward(self, hidden_states, **others):
        before = torch.nn.functional.pad(hidden_states, (0, 0, 1, -1))
        return super().forward(hidden_states + 0.01 * before, **others)


class Placed(LlamaDecoderLayer):
    """A layer that is told each token's place by more than angles."""

    def forward(self, hidden_states, position_ids, **others):
        return super().forward(hidden_states * (1 + 0.01 * position_ids[..., None]), **others)


@pytest.mark.parametrize("kind", [Convolving, Placed])
def test_texts_are_not_packed_for_layers_that_would_see_of_others_or_not_their_place(kind):
    model = tiny_model(LLAMA)
    for layer in model.get_decoder().layers:
        layer.__class__ = kind
    backbone = Backbone(model, tiny_tokenizer(), quick_dtype=torch.bfloat16)
    assert all(own is not None and own.attends_by_text for own in backbone._forms.quick)  # control
    assert not backbone.packs


# Batches


@pytest.fixture(scope="module")
def llama():
    return Backbone(tiny_model(LLAMA), tiny_tokenizer(), quick_dtype=torch.bfloat16)


def test_short_texts_of_all_lengths_share_a_batch_by_the_room_that_they_take(llama):
    rows = random_rows(3, 70, 9, 16, 17, 30, 41)
    found = {batch.n_tokens: batch for batch in batches(rows, llama)}
    assert {n: batch.index.tolist() for n, batch in found.items()} == {
        16: [0, 2, 3],
        32: [4, 5],
        48: [6],
        72: [1],
    }
    assert found[16].lengths.tolist() == [3, 9, 16]
    assert found[72].lengths is None
    assert [width(n) for n in (4, 16, 20, 32, 40, 64, 72)] == [16, 16, 32, 32, 48, 64, 72]


@given(st.integers(40, 200), st.integers(1, 4))
@settings(max_examples=20, deadline=None)
def test_short_texts_are_shared_out_evenly_among_those_that_run_at_once(llama, most, n_at_once):
    rows = random_rows(*range(1, 16)) * 3
    found = list(batches(rows, llama, max_batch_tokens=most, n_at_once=n_at_once))
    n_tokens = [int(batch.lengths.sum()) for batch in found]
    assert max(n_tokens) <= most
    assert max(n_tokens) - min(n_tokens) <= 2 * 16
    assert len(found) % n_at_once == 0


def test_texts_of_a_token_or_two_take_no_more_memory_than_others_for_a_token(llama):
    for batch in batches(random_rows(*[1] * 400), llama, max_batch_tokens=256):
        assert len(batch) * batch.n_tokens <= 4 * 256


@pytest.mark.parametrize("n_threads", [1, 2])
def test_losses_of_programs_are_the_same_bits_alone_and_packed(llama, n_threads):
    rows = random_rows(*LENGTHS)
    programs = [Program.full(5), Program.full(5).skip(2), Program((4, 1, 1, 0))]

    def losses(rows):
        found = np.empty((len(rows), len(programs)), np.float32)
        for batch in batches(rows, llama):
            jobs = [Job(text, program) for text in range(len(batch)) for program in programs]
            found[batch.index] = Executor(llama).losses(batch, jobs).reshape(len(batch), -1)
        return found

    with threads(n_threads):
        together = losses(rows)
    assert len(np.unique(together)) == together.size
    np.testing.assert_array_equal(together, np.concatenate([losses([row]) for row in rows]))
