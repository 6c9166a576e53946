import pytest
import torch
from tiny_models import CONFIGS, tiny_model

from polar_detect.numerics import block_sizes
from polar_detect.numerics.block_sizes import (
    Form,
    RowCounts,
    block_tokens,
    is_mixture,
    rows_per_block,
    same_bits,
)
from polar_detect.numerics.blocks import by_blocks, in_blocks

CPU = torch.device("cpu")


@torch.no_grad()
@pytest.mark.parametrize("n_rows", [0, 1, 3, 7, 8, 9, 18])
def test_blocks_are_full_and_what_fills_them_is_dropped(n_rows):
    rows, sizes = torch.randn(n_rows, 3), []

    def double(block, same):
        sizes.append(len(block))
        assert torch.equal(block, same)
        return 2 * block, block.sum(1)

    doubled, sums = by_blocks(double, rows, rows, counts=(8, 4, 2))
    assert torch.equal(doubled, 2 * rows)
    assert torch.equal(sums, rows.sum(1))
    # What is left over runs in the smallest block that holds it.
    expected = {0: [2], 1: [2], 3: [4], 7: [8], 8: [8], 9: [8, 2], 18: [8, 8, 2]}
    assert sorted(sizes, reverse=True) == expected[n_rows]


@torch.no_grad()
@pytest.mark.parametrize(
    ("n_rows", "expected"),
    [(3, [5]), (7, [5, 5]), (17, [16, 5]), (20, [16, 5]), (30, [16, 16]), (41, [42])],
)
def test_what_is_left_over_is_cut_so_that_little_is_empty_in_few_calls(n_rows, expected):
    for n_whole in (0, 2):
        rows, sizes = torch.randn(n_whole * 42 + n_rows, 3), []
        (found,) = by_blocks(
            lambda block, seen=sizes: (seen.append(len(block)) or 2 * block,),
            rows,
            counts=(42, 16, 5),
        )
        assert torch.equal(found, 2 * rows)
        assert sorted(sizes, reverse=True) == [42] * n_whole + expected


@torch.no_grad()
def test_only_sizes_that_change_no_bit_are_used():
    def call(rows):
        return rows + 1e-3 * (len(rows) in {3, 5})

    states = torch.randn(8, 2)
    assert same_bits(call, states, (8, 6, 5, 4, 3, 2)) == (8, 6, 4, 2)
    # Also where a row stands must make no difference; a single bit is enough.
    places = torch.arange(8.0)[:, None]
    assert same_bits(lambda rows: rows + places[: len(rows)], states, (8, 4)) == (8,)
    eps = torch.finfo(torch.float32).eps
    assert same_bits(lambda rows: rows * (1 + eps * (len(rows) < 8)), states, (8, 4)) == (8,)


@torch.no_grad()
def test_larger_sizes_are_used_where_all_their_rows_have_the_bits_of_the_base():
    states, places = torch.randn(12, 2), torch.arange(12.0)[:, None]
    assert same_bits(lambda rows: 2 * rows, states, (12, 5, 2), base=5) == (12, 5, 2)
    found = same_bits(lambda rows: rows + 1e-3 * (len(rows) > 10), states, (12, 10, 4), base=4)
    assert found == (10, 4)
    for odd in range(12):  # a single row of the large block
        changed = 1e-3 * (places == odd)
        call = lambda rows, own=changed: rows + own[: len(rows)] * (len(rows) == 12)  # noqa: E731
        assert same_bits(call, states, (12, 4), base=4) == (4,)


@torch.no_grad()
@pytest.mark.parametrize("odd", range(4))
def test_a_base_whose_rows_have_other_bits_in_some_place_is_not_used(odd):
    def call(rows):
        return rows + 1e-3 * (torch.arange(len(rows)) == odd)[:, None] * (len(rows) == 4)

    states = torch.randn(8, 2)
    assert same_bits(call, states, (8, 6, 4, 2), base=4) == (8, 6, 2)
    assert same_bits(call, states[:4], (4, 3, 1)) == (3, 1)


@torch.no_grad()
@pytest.mark.parametrize(
    ("dtype", "tried"),
    [
        (torch.bfloat16, [8, 8, 4]),
        (torch.float32, [4, 4, 4, 8]),
    ],  # float32 goes by its smallest
)
def test_what_a_size_does_is_found_out_once_for_layers_alike(monkeypatch, dtype, tried):
    monkeypatch.setattr(block_sizes, "_BLOCK_TOKENS", (24, 12))
    layers = tiny_model(CONFIGS["llama"]).get_decoder().layers
    counts, seen = RowCounts(layers, CPU), []

    def call(rows):
        seen.append(tuple(rows.shape))
        return 2 * rows

    for layer in (0, 2):
        assert counts.of(layer, call, torch.zeros(1, 3, 32), Form(True, dtype)) == (8, 4)
    assert seen == [(n_rows, 3, 32) for n_rows in tried]
    # Another form has other products.
    other = lambda rows: rows + len(rows)  # noqa: E731
    assert counts.of(0, other, torch.zeros(1, 3, 32), Form(False, dtype)) == (tried[0],)
    # Texts so long that every block has one row leave nothing to find out.
    assert counts.of(0, call, torch.zeros(1, 30, 32), Form(True, dtype)) == (1,)
    assert len(seen) == len(tried)


def test_every_whole_block_has_the_rows_that_its_token_count_says():
    for n_tokens in (1, 5, 12, 64, 300):
        assert rows_per_block(n_tokens, CPU) == max(1, 64 // n_tokens)  # bits hang on it
    assert block_tokens(CPU) % 64 == 0


@torch.no_grad()
@pytest.mark.parametrize("n_rows", [0, 1, 4, 5, 9])
def test_states_are_called_in_blocks_and_come_back_in_order(n_rows):
    hidden, seen = torch.randn(n_rows, 3, 2), []

    def call(rows):
        seen.append(len(rows))
        return 2 * rows

    assert torch.equal(in_blocks(call, hidden, (4, 1)), 2 * hidden)
    assert sorted(seen) == sorted([4] * (n_rows // 4) + [1] * (n_rows % 4))


def test_a_mixture_of_experts_is_told_from_other_blocks():
    is_one = {
        name: is_mixture(tiny_model(CONFIGS[name]).get_decoder().layers[2])
        for name in ("llama", "gemma3", "qwen2-moe")
    }
    assert is_one == {"llama": False, "gemma3": False, "qwen2-moe": True}


@torch.no_grad()
def test_rows_of_a_mixture_are_alone():
    layers = tiny_model(CONFIGS["qwen2-moe"]).get_decoder().layers
    hidden, seen = torch.randn(5, 3, 32), []

    def call(rows):
        seen.append(len(rows))
        return 2 * rows

    counts = RowCounts(layers, CPU).of(0, call, hidden, Form(False, torch.float32))
    assert counts == (1,)
    assert torch.equal(in_blocks(call, hidden, counts), 2 * hidden)
    assert seen == [1] * 5
