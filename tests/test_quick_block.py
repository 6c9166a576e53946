import copy

import pytest
import torch
from tiny_models import CONFIGS, LOOKALIKES, tiny_model, tiny_tokenizer
from torch import nn
from torch.autograd.functional import vjp

from polar_detect.backbone.decoder import Backbone
from polar_detect.backbone.quick.block import QuickBlock
from polar_detect.backbone.quick.linear import siblings
from polar_detect.backbone.quick.parts import is_norm
from polar_detect.numerics.block_sizes import random_states


def parts_of(name, kind):
    block = QuickBlock(tiny_model(CONFIGS[name]).get_decoder().layers[2], torch.bfloat16)
    return [m for m in block._block.modules() if type(m).__name__ == kind]


def own_attention(block):
    """Return the model's own attention in a quick block, with the quick products."""
    return getattr(block._block.self_attn, "_module", block._block.self_attn)


def positions(n_tokens, head_size):
    angles = torch.arange(n_tokens)[:, None] / 10 ** torch.linspace(0, 4, head_size // 2)
    angles = torch.cat([angles, angles], -1)[None]
    return angles.cos().bfloat16(), angles.sin().bfloat16()


@torch.no_grad()
@pytest.mark.parametrize("name", ["llama", "qwen2", "mistral"])
@pytest.mark.parametrize("n_tokens", [4, 9, 12, 16, 24])
def test_attention_in_few_passes_is_the_models_own(name, n_tokens):
    (quick,) = parts_of(name, "QuickAttention")
    plain = tiny_model(CONFIGS[name]).get_decoder().layers[2].self_attn
    states, where = torch.randn(5, n_tokens, 32), positions(n_tokens, 8)
    with torch.autocast("cpu", torch.bfloat16):
        found, weights = quick(states, position_embeddings=where)
    full = tuple(part.float() for part in where)
    expected, _ = plain(states, position_embeddings=full, attention_mask=None)
    assert weights is None
    assert 0 < (found.float() - expected).norm() / expected.norm() < 0.02


@torch.no_grad()
def test_an_attention_with_a_mask_or_a_cache_is_left_to_the_model():
    (quick,) = parts_of("llama", "QuickAttention")
    asked = []
    own = quick._module.forward
    quick._module.forward = lambda *args, **kwargs: asked.append(kwargs) or own(*args, **kwargs)
    states, where = torch.randn(2, 8, 32), positions(8, 8)
    only_self = torch.full((8, 8), -torch.inf).fill_diagonal_(0)[None, None].bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        plain, _ = quick(states, position_embeddings=where)
        assert not asked
        masked, _ = quick(states, position_embeddings=where, attention_mask=only_self)
        with torch.enable_grad():
            by_steps, _ = quick(states, position_embeddings=where)
    assert len(asked) == 1
    torch.testing.assert_close(by_steps, plain, atol=0.01, rtol=0.02)
    assert (masked - plain)[:, 1:].abs().max() > 0.01
    torch.testing.assert_close(masked[:, 0], plain[:, 0], atol=0.01, rtol=0.02)


@pytest.mark.parametrize("name", ["gemma3", "qwen3", "olmo2", "phi3"])
def test_attentions_with_norms_of_their_own_or_other_parts_are_left_alone(name):
    assert not parts_of(name, "QuickAttention")


@torch.no_grad()
@pytest.mark.parametrize("bound", [1.5, 8.0, 30.0])
def test_an_attention_whose_values_have_a_bound_is_left_alone(bound):
    config = copy.deepcopy(LOOKALIKES["olmo"])
    config.clip_qkv = bound
    block = QuickBlock(tiny_model(config).get_decoder().layers[2], torch.bfloat16)
    kinds = {type(part).__name__ for part in block._block.modules()}
    assert "QuickGate" in kinds
    assert "QuickAttention" not in kinds


def test_queries_keys_and_values_that_are_bounded_in_place_have_gradients():
    model = tiny_model(LOOKALIKES["olmo"])
    hidden, gradient = random_states(2, 3, 9, 32)
    quick, precise = (
        Backbone(model, tiny_tokenizer(), quick_dtype=dtype).pull_back(2, hidden, gradient)
        for dtype in (torch.bfloat16, torch.float32)
    )
    assert 0 < (quick - precise).norm() < 0.05 * (precise - gradient).norm()


@pytest.mark.parametrize("name", ["llama", "gemma3", "qwen3", "olmo2"])
def test_a_norm_in_fewer_passes_is_the_models_own(name):
    plain = dict(tiny_model(CONFIGS[name]).get_decoder().layers[2].named_modules())
    block = QuickBlock(tiny_model(CONFIGS[name]).get_decoder().layers[2], torch.bfloat16)
    parts = dict(block._block.named_modules())
    found = [n for n, part in parts.items() if type(part).__name__ == "QuickNorm"]
    assert ("input_layernorm" in found) == ("input_layernorm" in plain)
    assert len(found) >= 2
    for n in found:
        size = len(plain[n].weight)
        for scale in (1e-3, 1.0, 1e3):
            states = scale * torch.randn(3, 7, size)
            torch.testing.assert_close(parts[n](states), plain[n](states), atol=1e-5, rtol=1e-5)


def test_layers_that_are_no_such_norm_are_left_alone():
    assert not parts_of("gpt-neox", "QuickNorm")  # a mean is subtracted there
    assert not is_norm(nn.Linear(4, 4, bias=False))

    class Gated(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight, self.eps = nn.Parameter(torch.ones(4)), 1e-6

        def forward(self, states, gate):
            return states * gate

    assert not is_norm(Gated())


@torch.no_grad()
@pytest.mark.parametrize("name", ["llama", "qwen3", "mistral"])
def test_a_gated_part_is_computed_in_three_products_to_the_same_effect(name):
    (gate,) = parts_of(name, "QuickGate")
    plain = tiny_model(CONFIGS[name]).get_decoder().layers[2].mlp
    rows = torch.randn(2, 9, 32)
    gap = (gate(rows).float() - plain(rows)).norm() / plain(rows).norm()
    assert 0 < gap < 0.02


@pytest.mark.parametrize("name", ["gemma3", "phi3"])
def test_parts_that_only_resemble_a_gated_one_are_left_alone(name):
    # Gemma's activation is another one, and Phi-3 keeps both products in one matrix.
    assert not parts_of(name, "QuickGate")
    assert parts_of(name, "QuickLinear")


def test_a_quick_block_shares_what_it_does_not_multiply_by():
    block = tiny_model(CONFIGS["llama"]).get_decoder().layers[2]
    quick = QuickBlock(block, torch.bfloat16)
    assert quick._block.input_layernorm._module.weight is block.input_layernorm.weight
    assert isinstance(block.mlp.gate_proj, nn.Linear)


@torch.no_grad()
@pytest.mark.parametrize("name", ["llama", "qwen2", "gemma3"])
def test_query_key_and_value_are_one_product(name):
    attention = tiny_model(CONFIGS[name]).get_decoder().layers[2].self_attn
    block = QuickBlock(tiny_model(CONFIGS[name]).get_decoder().layers[2], torch.bfloat16)
    quick = own_attention(block)
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
    for attention in (layer, own_attention(block)):
        states = torch.linspace(-1, 1, 2 * 9 * 32).view(2, 9, 32).requires_grad_()
        total = sum(getattr(attention, f"{p}_proj")(states).float().square().sum() for p in "qkv")
        gradients.append(torch.autograd.grad(total, states)[0])
    torch.testing.assert_close(gradients[1], gradients[0], atol=0.02, rtol=0.05)


def test_layers_that_read_other_sizes_or_only_partly_have_a_bias_stay_apart():
    block = nn.Module()
    block.q_proj, block.k_proj, block.v_proj = (nn.Linear(8, 4, bias=b) for b in (1, 1, 0))
    assert not list(siblings(block))
    block.v_proj = nn.Linear(6, 4)
    assert not list(siblings(block))
    block.v_proj = nn.Linear(8, 2)
    assert list(siblings(block)) == [("q_proj", "k_proj", "v_proj")]


@pytest.mark.parametrize(
    ("name", "leaves_out"),
    [
        ("llama", True),
        ("qwen3", True),
        ("cohere", True),
        ("granite", True),
        ("olmo2", False),  # a norm comes behind the last product
        ("gemma3", False),
        ("qwen2-moe", False),
        ("gpt2", False),  # nothing gated
    ],
)
def test_the_last_product_is_left_out_where_no_gradient_hangs_on_it(name, leaves_out):
    model = tiny_model({**CONFIGS, **LOOKALIKES}[name])
    backbone = Backbone(model, tiny_tokenizer(), quick_dtype=torch.bfloat16)
    hidden, gradient = torch.randn(2, 3, 9, 32, generator=torch.Generator().manual_seed(0))
    block, call = backbone._forms.quick[3], backbone._forms._calls(9, torch.bfloat16)[3]
    (value, expected), (other, found) = (
        vjp(lambda rows, form=form: call.of(form, rows), hidden, gradient)
        for form in (block, block.for_gradient)
    )
    assert torch.equal(found, expected)
    assert torch.equal(other, value) == (not leaves_out)
    assert torch.equal(call.of(block, hidden), value.detach())  # and no value is lost for good
    pulled = backbone.pull_back(3, hidden, gradient)
    assert (pulled - expected).norm() < 0.01 * (expected - gradient).norm()
