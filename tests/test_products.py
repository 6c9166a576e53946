import pytest
import torch
from torch import nn

from polar_detect.numerics import products
from polar_detect.numerics.products import SHIFT, LaidOutLinear, Weight, laid_out_copy, lay_out


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


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_exponentials_are_those_of_products_that_nobody_rounded(dtype):
    source, rows = torch.randn(48, 32).to(dtype), torch.randn(5, 32)
    rows = (40 / (rows @ source.T.float()).abs().max() * rows).to(dtype)
    weight = Weight(source, dtype=dtype)
    found = weight.exponentials(rows).double()
    logits = rows.double() @ source.double().T
    is_rounded = dtype == torch.bfloat16 and not products._can_pack()  # as older processors do
    rtol = 0.2 if is_rounded else 0.005
    torch.testing.assert_close(found, (logits - SHIFT).exp(), rtol=rtol, atol=1e-37)
    if dtype == torch.bfloat16:  # control: a product's own rounding would show
        rounded = (logits.to(dtype).double() - SHIFT).exp()
        assert is_rounded or (rounded / found - 1).abs().max() > 0.02


@torch.no_grad()
@pytest.mark.parametrize("power", [0.5, 1.0])
def test_exponentials_are_right_where_the_logistic_function_is_not(power, monkeypatch):
    products._has_small_logistic.cache_clear()
    rows, weight = torch.randn(5, 32).bfloat16(), Weight(torch.randn(48, 32), dtype=torch.bfloat16)
    expected = (weight.times(rows).double() - SHIFT).exp()
    real = products._pointwise

    def poor(rows, packed, bias, activation):
        found = real(rows, packed, bias, activation)
        return found**power if activation == "sigmoid" else found

    monkeypatch.setattr(products, "_pointwise", poor)
    found = weight.exponentials(rows).double()
    products._has_small_logistic.cache_clear()
    torch.testing.assert_close(found, expected, rtol=0.2, atol=0)


def test_a_weight_is_differentiable_in_its_rows():
    source, rows = torch.randn(6, 4), torch.randn(3, 4, requires_grad=True)
    weight = Weight(source, dtype=torch.bfloat16)
    total = weight.times(rows.bfloat16(), activation="swish").float().sum()
    (gradient,) = torch.autograd.grad(total, rows)
    exact = nn.functional.silu(nn.functional.linear(rows, source)).sum()
    (expected,) = torch.autograd.grad(exact, rows)
    torch.testing.assert_close(gradient, expected, atol=0.1, rtol=0.05)


@pytest.mark.parametrize("gate", [False, True])
def test_gradients_are_multiplied_by_the_turned_weight(gate):
    source, rows = torch.randn(48, 32), torch.randn(5, 7, 32).bfloat16().requires_grad_()
    weight, bias = Weight(source, dtype=torch.bfloat16), torch.randn(48).bfloat16()
    factor = torch.randn(5, 7, 48).bfloat16()
    found = weight.times_and(rows, factor, bias) if gate else weight.times(rows, bias)
    slopes = torch.randn(5, 7, 48).bfloat16()
    (gradient,) = torch.autograd.grad(found, rows, slopes)
    whole = slopes.float() * factor.float() if gate else slopes.float()
    expected = whole @ source.bfloat16().float()
    assert (gradient.float() - expected).norm() < 0.01 * expected.norm()


def test_a_product_that_is_left_out_has_its_gradient():
    source, rows = torch.randn(48, 32), torch.randn(5, 7, 32).bfloat16().requires_grad_()
    weight, slopes = Weight(source, dtype=torch.bfloat16), torch.randn(5, 7, 48).bfloat16()
    found, expected = weight.unmultiplied(rows), weight.times(rows)
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    assert not found.any()
    gradients = [torch.autograd.grad(product, rows, slopes)[0] for product in (found, expected)]
    assert torch.equal(*gradients)


def small_model():
    return nn.Sequential(nn.Linear(48, 96), nn.SiLU(), nn.Linear(96, 48, bias=False))


@torch.no_grad()
@pytest.mark.parametrize("n_rows", [5, 31, 32, 64])
def test_linear_layers_that_are_laid_out_stay_what_they_are(n_rows):
    model, states = small_model(), torch.randn(2, n_rows, 48)
    names, expected = list(model.state_dict()), model(states)
    laid_out = laid_out_copy(model)
    torch.testing.assert_close(laid_out(states), expected, atol=1e-5, rtol=1e-5)
    assert list(laid_out.state_dict()) == names
    assert laid_out[0].weight is model[0].weight
    assert not isinstance(model[0], LaidOutLinear)  # control
    assert lay_out(model) is model
    assert torch.equal(model(states), laid_out(states))


def test_linear_layers_that_are_laid_out_have_gradients_and_other_number_formats():
    model, states = lay_out(small_model()), torch.randn(40, 48, requires_grad=True)
    (slopes,) = torch.autograd.grad(model(states).sum(), states)
    (expected,) = torch.autograd.grad(model[2](model[1](model[0](states))).sum(), states)
    torch.testing.assert_close(slopes, expected)
    (of_weights,) = torch.autograd.grad(model(states).sum(), model[0].weight)
    assert of_weights.abs().sum() > 0
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert model(states).dtype == torch.bfloat16
    assert model.double()(states.double()).dtype == torch.float64


@torch.no_grad()
def test_only_layers_that_multiply_many_rows_are_laid_out():
    model = lay_out(small_model())
    model(torch.randn(31, 48))
    assert not any(map(has_laid_out, model))
    model[0](torch.randn(32, 48))
    assert [has_laid_out(part) for part in model] == [
        isinstance(model[0], LaidOutLinear),  # where the processor has no use for it, nothing is
        False,
        False,
    ]


def has_laid_out(part):
    return isinstance(part, LaidOutLinear) and "_packed" in vars(part.matrix)


@torch.no_grad()
def test_models_are_as_they_were_where_the_processor_has_no_use_for_it(monkeypatch):
    monkeypatch.setattr(products, "_can_pack", lambda: False)
    model = lay_out(small_model())
    assert type(model[0]) is nn.Linear
    weight = Weight(model[0].weight, dtype=torch.float32)
    states = torch.randn(40, 48)
    assert torch.equal(weight.times(states, model[0].bias), model[0](states))
