import pytest
import torch
from tiny_models import CONFIGS, tiny_model
from torch import nn

from polar_detect.products import (
    QuickBlock,
    Weight,
    block_tokens,
    each_block,
    in_blocks,
    is_mixture,
    rows_per_block,
)

CPU = torch.device("cpu")


def quick_parts(name, kind):
    block = QuickBlock(tiny_model(CONFIGS[name]).get_decoder().layers[2], torch.bfloat16)
    return [m for m in block._block.modules() if type(m).__name__ == kind]


@torch.no_grad()
def test_a_weight_that_is_laid_out_multiplies_as_a_plain_one():
    source, rows = torch.randn(48, 32), torch.randn(5, 7, 32).bfloat16()
    weight, bias = Weight(source, torch.bfloat16), torch.randn(48).bfloat16()
    expected = nn.functional.linear(rows.float(), source.bfloat16().float(), bias.float())
    close = {"atol": 0.05, "rtol": 0.02}
    torch.testing.assert_close(weight.times(rows, bias).float(), expected, **close)
    swish = weight.times(rows, bias, activation="swish").float()
    torch.testing.assert_close(swish, nn.functional.silu(expected), **close)
    factor = torch.randn(5, 7, 48).bfloat16()
    product = weight.times_and(rows, factor, bias).float()
    torch.testing.assert_close(product, expected * factor.float(), **close)
    # Control: they are not the same thing.
    assert (swish - expected).abs().max() > 0.1


def test_a_weight_is_differentiable_in_its_rows():
    source, rows = torch.randn(6, 4), torch.randn(3, 4, requires_grad=True)
    weight = Weight(source, torch.bfloat16)
    total = weight.times(rows.bfloat16(), activation="swish").float().sum()
    (gradient,) = torch.autograd.grad(total, rows)
    exact = nn.functional.silu(nn.functional.linear(rows, source)).sum()
    (expected,) = torch.autograd.grad(exact, rows)
    torch.testing.assert_close(gradient, expected, atol=0.1, rtol=0.05)


@torch.no_grad()
@pytest.mark.parametrize("name", ["llama", "qwen3", "mistral"])
def test_a_gated_part_is_computed_in_three_products_to_the_same_effect(name):
    (gate,) = quick_parts(name, "_QuickGate")
    plain = tiny_model(CONFIGS[name]).get_decoder().layers[2].mlp
    rows = torch.randn(2, 9, 32)
    gap = (gate(rows).float() - plain(rows)).norm() / plain(rows).norm()
    assert 0 < gap < 0.02


@pytest.mark.parametrize("name", ["gemma3", "phi3"])
def test_parts_that_only_resemble_a_gated_one_are_left_alone(name):
    # Gemma's activation is another one, and Phi-3 keeps both products in one matrix.
    assert not quick_parts(name, "_QuickGate")
    assert quick_parts(name, "_QuickLinear")


def test_a_quick_block_shares_what_it_does_not_multiply_by():
    block = tiny_model(CONFIGS["llama"]).get_decoder().layers[2]
    quick = QuickBlock(block, torch.bfloat16)
    assert quick._block.input_layernorm.weight is block.input_layernorm.weight
    assert isinstance(block.mlp.gate_proj, nn.Linear)


@torch.no_grad()
def test_every_block_has_the_rows_that_its_token_count_says():
    for n_tokens in (1, 5, 12, 64, 300):
        size = rows_per_block(n_tokens, CPU, torch.float32)
        assert size == max(1, block_tokens(CPU, torch.float32) // n_tokens)
        seen, hidden = [], torch.randn(size + 1, n_tokens, 2)

        def call(rows, seen=seen):
            seen.append(len(rows))
            return 2 * rows

        kept = {}
        each_block(call, hidden, kept.__setitem__, torch.float32)
        assert seen == [size, size]
        assert torch.equal(torch.cat([kept[start] for start in sorted(kept)]), 2 * hidden)


def test_a_mixture_of_experts_is_told_from_other_blocks():
    is_one = {
        name: is_mixture(tiny_model(CONFIGS[name]).get_decoder().layers[2])
        for name in ("llama", "gemma3", "qwen2-moe")
    }
    assert is_one == {"llama": False, "gemma3": False, "qwen2-moe": True}


@torch.no_grad()
def test_rows_that_must_be_alone_are():
    seen, hidden = [], torch.randn(5, 3, 2)

    def call(rows):
        seen.append(len(rows))
        return 2 * rows

    assert torch.equal(in_blocks(call, hidden, torch.float32, alone=True), 2 * hidden)
    assert seen == [1] * 5
