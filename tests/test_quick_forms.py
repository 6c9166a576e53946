"""The quick form of any block does what the block does, or there is none."""

import pytest
import torch
import torch.nn.functional as F
from tiny_encoders import tiny_encoder
from tiny_models import CONFIGS, LOOKALIKES, tiny_model, tiny_tokenizer
from transformers import Conv1D
from transformers.models.gemma3.modeling_gemma3 import Gemma3RMSNorm
from transformers.models.llama.modeling_llama import LlamaRMSNorm

from polar_detect.backbone.decoder import Backbone
from polar_detect.backbone.encoder import EncoderBackbone
from polar_detect.backbone.quick.block import QuickBlock, quick_form
from polar_detect.backbone.quick.linear import QuickLinear
from polar_detect.backbone.quick.parts import QuickGate, QuickNorm
from polar_detect.backbone.recording import Call
from polar_detect.executor.batches import batches
from polar_detect.executor.decoder import Executor
from polar_detect.executor.schedule import Job
from polar_detect.numerics.block_sizes import random_states
from polar_detect.program import Program

_random = torch.Generator().manual_seed(0)
ROWS = [
    torch.randint(2, 120, (length,), generator=_random).tolist() for length in (1, 5, 9, 22, 40)
]
PROGRAMS = [Program.full(5), Program((0, 1, 3, 4)), Program((0, 2, 2, 1))]


@pytest.fixture(scope="module", params=LOOKALIKES)
def backbone(request):
    model = tiny_model(LOOKALIKES[request.param])
    return Backbone(model, tiny_tokenizer(), quick_dtype=torch.bfloat16)


def losses(backbone, *, precise):
    found = []
    for batch in batches(ROWS, backbone):
        jobs = [Job(text, program) for text in range(len(batch)) for program in PROGRAMS]
        found += Executor(backbone).losses(batch, jobs, precise=precise).tolist()
    return torch.tensor(found)


@pytest.mark.slow
def test_quick_losses_are_near_the_precise_ones(backbone):
    gaps = (losses(backbone, precise=False) - losses(backbone, precise=True)).abs()
    assert gaps.max() > 0  # the control: the quick form is another one
    assert gaps.max() < (0.15 if backbone.has_mixtures else 0.05)


@torch.no_grad()
def test_precise_losses_are_the_models_own(backbone):
    expected = []
    for row in sorted(ROWS, key=len):
        ids = torch.tensor([[backbone.start_token, *row]])
        logits = backbone.model(input_ids=ids, use_cache=False).logits[0]
        expected.append(F.cross_entropy(logits[:-1], ids[0, 1:]))
    own = losses(backbone, precise=True).view(-1, len(PROGRAMS))[:, 0]
    torch.testing.assert_close(own.sort().values, torch.stack(expected).sort().values)


def states_around(block):
    before = torch.randn(2, 6, 32)
    return before, block(before)


class Twice(torch.nn.Linear):
    """A linear layer that does something else."""

    def forward(self, states):
        return super().forward(super().forward(states))


@torch.no_grad()
def test_a_layer_that_inherits_from_a_linear_one_and_does_something_else_is_left_alone():
    block = torch.nn.Sequential(Twice(32, 32), torch.nn.Linear(32, 32))
    kinds = [type(part).__name__ for part in QuickBlock(block, torch.bfloat16)._block]
    assert kinds == ["Twice", "QuickLinear"]


@torch.no_grad()
def test_a_layer_of_another_class_that_is_a_linear_one_gets_a_quick_form():
    class Same(torch.nn.Linear):
        def forward(self, states):
            return states @ self.weight.T + self.bias

    block = torch.nn.Sequential(Same(32, 32), Conv1D(32, 32))
    kinds = [type(part).__name__ for part in QuickBlock(block, torch.bfloat16)._block]
    assert kinds == ["QuickLinear", "QuickLinear"]


@pytest.mark.parametrize("norm", [LlamaRMSNorm, Gemma3RMSNorm])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_a_quick_norm_and_its_gradient_are_those_of_the_norm(norm, scale):
    module = norm(32, eps=1e-5)
    with torch.no_grad():
        module.weight.uniform_(-1, 2, generator=torch.Generator().manual_seed(0))
    states = (scale * random_states(7, 3, 32)).requires_grad_()
    slopes = random_states(7, 3, 32).flip(0)
    quick, plain = QuickNorm(module)(states), module(states)
    torch.testing.assert_close(quick, plain)
    (own,) = torch.autograd.grad((slopes * quick).sum(), states)
    (expected,) = torch.autograd.grad((slopes * plain).sum(), states)
    assert (own - expected).norm() < 1e-5 * expected.norm()


@torch.no_grad()
def test_a_part_that_does_something_else_is_given_up_and_the_products_stay(monkeypatch):
    block = tiny_model(CONFIGS["llama"]).get_decoder().layers[2].mlp
    before, after = states_around(block)
    monkeypatch.setattr(
        "polar_detect.backbone.quick.block.is_gated", lambda module: hasattr(module, "act_fn")
    )
    monkeypatch.setattr(QuickGate, "forward", lambda _, states: 2 * states)
    form = quick_form(block, torch.bfloat16, before, after, Call((), {}))
    kinds = {type(part).__name__ for part in form._block.modules()}
    assert "QuickLinear" in kinds
    assert "QuickGate" not in kinds


@torch.no_grad()
def test_a_block_that_cannot_run_with_quick_products_has_no_quick_form(monkeypatch):
    block = torch.nn.Sequential(torch.nn.Linear(32, 32))
    before, after = states_around(block)
    assert quick_form(block, torch.bfloat16, before, after, Call((), {}))
    monkeypatch.setattr(QuickLinear, "forward", lambda part, _: part.missing)
    assert quick_form(block, torch.bfloat16, before, after, Call((), {})) is None


@torch.no_grad()
def test_a_decoder_without_a_head_keeps_no_cache_from_call_to_call():
    encoder = EncoderBackbone(tiny_encoder("llama"), tiny_tokenizer(), max_tokens=48)
    states = encoder.embed(torch.arange(2, 11)[None])
    first = encoder.apply(2, states, form="precise")
    torch.testing.assert_close(encoder.apply(2, states, form="precise"), first)
