"""What is asked of a machine before anything runs on it."""

from types import SimpleNamespace

import numpy as np
import psutil
import pytest
import torch

from polar_detect.numerics.runtime import best_dtype, keep_freed_memory, return_freed_memory


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


@pytest.mark.skipif(not keep_freed_memory(), reason="a C library that is not told what to keep")
def test_memory_that_was_freed_is_kept_until_it_is_returned():
    n_bytes = 2**27
    block = np.ones(n_bytes, np.uint8)
    above = np.ones(2**20, np.uint8)  # so that the block is not the end of the heap
    before = psutil.Process().memory_info().rss
    del block
    assert before - psutil.Process().memory_info().rss < n_bytes / 4  # control
    return_freed_memory()
    assert before - psutil.Process().memory_info().rss > n_bytes / 2
    assert above.all()
