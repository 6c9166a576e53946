import pytest
import torch
from torch import nn

from polar_detect.backbone import read_out
from polar_detect.backbone.read_out import ReadOut
from polar_detect.numerics.products import Weight

N_WORDS, HIDDEN = 5000, 32  # in several pieces


def random_states(n, *, scale=1.0):
    return scale * torch.randn((n, HIDDEN), generator=torch.Generator().manual_seed(1))


def read_out_of(scale=1.0, quick_dtype=torch.float32, softcap=None):
    head = nn.Linear(HIDDEN, N_WORDS, bias=False).requires_grad_(requires_grad=False)
    weight = torch.randn((N_WORDS, HIDDEN), generator=torch.Generator().manual_seed(0))
    head.weight.copy_(scale * weight)
    return ReadOut(nn.Identity(), head, softcap=softcap, quick_dtype=quick_dtype)


@torch.no_grad()
@pytest.mark.parametrize("scale", [0.01, 1.0, 10.0, 100.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_losses_are_those_of_torch_for_logits_of_any_size(scale, dtype):
    reader, states = read_out_of(scale, dtype), random_states(70)
    targets = torch.arange(70) * 71
    logits = states @ reader.head.weight.T
    expected = nn.functional.cross_entropy(logits, targets, reduction="none")
    found = reader.losses(states, targets, precise=dtype == torch.float32)
    rounding = 1e-5 if dtype == torch.float32 else 0.01
    close = {"atol": rounding * max(1.0, logits.abs().max().item()), "rtol": 1e-5}
    torch.testing.assert_close(found, expected, **close)
    assert found.isfinite().all()
    assert (logits.abs().amax(1) > 90).any() == (scale >= 10)  # control: beyond float32's range


@torch.no_grad()
def test_logits_below_the_range_of_exponentials_count_too():
    head = nn.Linear(HIDDEN, 2, bias=False).requires_grad_(requires_grad=False)
    head.weight.fill_(-10.0)
    reader = ReadOut(nn.Identity(), head, softcap=None, quick_dtype=torch.float32)
    states = torch.ones(3, HIDDEN)  # logits of -320
    losses = reader.losses(states, torch.zeros(3, dtype=torch.int64), precise=True)
    torch.testing.assert_close(losses, torch.full((3,), 2.0).log())


def losses_of(reader, states, targets):
    return reader.losses(states, targets, precise=reader._pieces == [])


def logits_of(reader, states, softcap):
    logits = states @ reader.head.weight.T
    return softcap * torch.tanh(logits / softcap) if softcap else logits


def each_kind_of_logits(test):
    test = pytest.mark.parametrize("softcap", [None, 5.0])(test)
    test = pytest.mark.parametrize("scale", [0.01, 1.0, 5.0])(test)
    return pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])(test)


def gradients_of(reader, states, targets):
    return reader.read_back(states, targets)[1]


@torch.no_grad()
@pytest.mark.parametrize("read", [losses_of, gradients_of])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_neighbour_out_of_range_changes_no_bit(read, dtype, monkeypatch):
    reader, states = read_out_of(quick_dtype=dtype), random_states(8, scale=0.5)
    targets = torch.arange(8)
    calls = []
    shifted = read_out._shifted_log_sum_exp
    monkeypatch.setattr(
        read_out, "_shifted_log_sum_exp", lambda pieces: calls.append(1) or shifted(pieces)
    )
    alone = read(reader, states, targets)
    n_calls = len(calls)
    states[3] *= 1e3
    beside = read(reader, states, targets)
    others = [i for i in range(8) if i != 3]
    assert torch.equal(beside[others], alone[others])
    assert not torch.equal(beside[3], alone[3])
    assert beside.isfinite().all()
    assert len(calls) > n_calls  # control


@each_kind_of_logits
def test_what_is_read_back_is_the_gradient_for_logits_of_any_size(dtype, scale, softcap):
    reader, states = read_out_of(scale, dtype, softcap), random_states(70)
    targets = torch.arange(70) * 71
    given = states.clone().requires_grad_()
    logits = logits_of(reader, given, softcap)
    expected = nn.functional.cross_entropy(logits, targets, reduction="none")
    (slopes,) = torch.autograd.grad(expected.sum(), given)
    losses, gradients = reader.read_back(states, targets)
    assert not losses.requires_grad
    rounding = 1e-5 if dtype == torch.float32 else 0.01
    size = max(1.0, logits.abs().max().item())
    torch.testing.assert_close(losses, expected.detach(), atol=rounding * size, rtol=1e-5)
    assert (gradients - slopes).norm() < rounding * size * slopes.norm()


@torch.no_grad()
@each_kind_of_logits
def test_moments_are_those_of_the_words_probabilities_and_bring_the_gradient(dtype, scale, softcap):
    reader, states = read_out_of(scale, dtype, softcap), random_states(70)
    targets = torch.arange(70) * 71
    logits = logits_of(reader, states, softcap).double()
    surprises = -logits.log_softmax(-1)
    expected = (surprises.neg().exp() * surprises).sum(-1)
    variances = (surprises.neg().exp() * (surprises - expected[:, None]).square()).sum(-1)
    found, gradients = reader.moments_back(states, targets)
    size = (1e-5 if dtype == torch.float32 else 0.02) * max(1.0, logits.abs().max().item())
    wanted = (surprises[torch.arange(70), targets], expected, variances)
    for own, right, factor in zip(found, wanted, (1, 1, 10), strict=True):
        assert (own - right).abs().mean() < factor * size
    for own, alone in zip(found, reader.moments(states, targets), strict=True):
        torch.testing.assert_close(own, alone)
    slopes = gradients_of(reader, states, targets)
    assert (gradients - slopes).norm() < size * slopes.norm()
    assert slopes.norm() > 0


def test_losses_are_differentiable():
    reader, states = read_out_of(0.3), random_states(5).requires_grad_()
    targets = torch.arange(5)
    (found,) = torch.autograd.grad(reader.losses(states, targets, precise=True).sum(), states)
    logits = states @ reader.head.weight.T
    total = nn.functional.cross_entropy(logits, targets, reduction="sum")
    torch.testing.assert_close(found, torch.autograd.grad(total, states)[0])


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_common_losses_know_the_first_words_and_the_target_only(dtype):
    reader, states = read_out_of(0.3, dtype), random_states(70)
    targets = torch.arange(70) * 71  # some of them beyond the common words
    logits = states @ reader.head.weight.T
    is_known = (torch.arange(N_WORDS) < 4096) | (torch.arange(N_WORDS) == targets[:, None])
    known = torch.where(is_known, logits, -torch.inf)
    expected = torch.logsumexp(known, 1) - logits.gather(1, targets[:, None])[:, 0]
    found = reader.common_losses(states, targets)
    tolerance = 1e-4 if dtype == torch.float32 else 0.02
    torch.testing.assert_close(found, expected, atol=tolerance, rtol=1e-4)
    # Control: the whole vocabulary gives something else.
    assert (reader.losses(states, targets, precise=True) - found).abs().max() > 0.05


def test_products_on_the_way_to_the_head_are_made_in_blocks_of_one_size():
    head = nn.Linear(HIDDEN, N_WORDS, bias=False)
    ways = nn.LayerNorm(HIDDEN), nn.Sequential(nn.LayerNorm(HIDDEN), nn.Linear(HIDDEN, HIDDEN))
    norm, product = (
        ReadOut(way, head, softcap=None, quick_dtype=torch.bfloat16)._quick_blocks for way in ways
    )
    assert product == (read_out.BLOCK,)
    assert len(norm) >= len(product)  # several where the processor sums up alike in all of them


@torch.no_grad()
@pytest.mark.parametrize("odd", [256, 128])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_gradients_are_the_same_bits_where_some_numbers_of_rows_are_pulled_back_otherwise(
    dtype, odd, monkeypatch
):
    def pull_back(self, gradient, pull=Weight.pull_back):  # as MKL does with AVX2
        return pull(self, gradient) * (1 + 0.02 * (len(gradient) == odd))

    monkeypatch.setattr(Weight, "pull_back", pull_back)
    reader, states, targets = read_out_of(0.3, dtype), random_states(400), torch.arange(400) * 7
    for back in (reader.read_back, reader.moments_back):
        together = back(states, targets)[1]
        for own in (slice(9), slice(300, 309)):  # of blocks of 256 and of 128
            assert torch.equal(back(states[own], targets[own])[1], together[own])
        assert together.abs().max() > 0.01
