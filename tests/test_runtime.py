"""What is asked of a machine before anything runs on it."""

from types import SimpleNamespace

import pytest
import torch

from polar_detect.numerics.runtime import best_dtype


@pytest.mark.parametrize(("major", "expected"), [(8, torch.bfloat16), (7, torch.float32)])
def test_a_gpu_that_only_emulates_bfloat16_multiplies_in_float32(major, expected, monkeypatch):
    properties = SimpleNamespace(major=major)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: properties)
    # It holds such numbers, as those of compute capability 7 do.
    monkeypatch.setattr(torch.cuda, "_check_bf16_tensor_supported", lambda _: True)
    assert torch.cuda.is_bf16_supported()  # control
    assert best_dtype(torch.device("cuda")) == expected
