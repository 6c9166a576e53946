import pytest
import torch
from tiny_models import CONFIGS, tiny_model
from torch import nn

from polar_detect import products
from polar_detect.products import QuickBlock, Weight


def quick_parts(name, kind):
    block = QuickBlock(tiny_model(CONFIGS[name]).get_decoder().layers[2], torch.bfloat16)
    return [m for m in block._block.modules() if type(m).__name__ == kind]


@torch.no_grad()
def test_a_weight_that_is_laid_out_multiplies_as_a_plain_one():
    source, rows = torch.randn(48, 32), torch.randn(5, 7, 32).bfloat16()
    weight, bias = Weight(source, dtype=torch.bfloat16), torch.randn(48).bfloat16()
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
    weight = Weight(source, dtype=torch.bfloat16)
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
@pytest.mark.parametrize("name", ["llama", "qwen2", "gemma3"])
def test_query_key_and_value_are_one_product(name):
    attention = tiny_model(CONFIGS[name]).get_decoder().layers[2].self_attn
    block = QuickBlock(tiny_model(CONFIGS[name]).get_decoder().layers[2], torch.bfloat16)
    quick = block._block.self_attn
    states = torch.randn(2, 9, 32)
    parts = [getattr(quick, part)(states) for part in ("q_proj", "k_proj", "v_proj")]
    assert len({part.untyped_storage().data_ptr() for part in parts}) == 1
    for part, found in zip(("q_proj", "k_proj", "v_proj"), parts, strict=True):
        expected = getattr(attention, part)(states)
        torch.testing.assert_close(found.float(), expected, atol=0.02, rtol=0.02)
    # Other states are no longer what was made of the first ones.
    other = quick.k_proj(-states)
    torch.testing.assert_close(other.float(), attention.k_proj(-states), atol=0.02, rtol=0.02)


def test_a_joint_product_is_differentiable_as_three_are():
    layer = tiny_model(CONFIGS["llama"]).get_decoder().layers[2].self_attn
    block = QuickBlock(tiny_model(CONFIGS["llama"]).get_decoder().layers[2], torch.bfloat16)
    gradients = []
    for attention in (layer, block._block.self_attn):
        states = torch.linspace(-1, 1, 2 * 9 * 32).view(2, 9, 32).requires_grad_()
        total = sum(getattr(attention, f"{p}_proj")(states).float().square().sum() for p in "qkv")
        gradients.append(torch.autograd.grad(total, states)[0])
    torch.testing.assert_close(gradients[1], gradients[0], atol=0.02, rtol=0.05)


def test_layers_that_read_other_sizes_or_only_partly_have_a_bias_stay_apart():
    block = nn.Module()
    block.q_proj, block.k_proj, block.v_proj = (nn.Linear(8, 4, bias=b) for b in (1, 1, 0))
    assert not list(products._siblings(block))
    block.v_proj = nn.Linear(6, 4)
    assert not list(products._siblings(block))
    block.v_proj = nn.Linear(8, 2)
    assert list(products._siblings(block)) == [("q_proj", "k_proj", "v_proj")]
