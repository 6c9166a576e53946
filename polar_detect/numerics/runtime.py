"""What this machine does best: number format and memory allocator.

Everything here is guarded: a machine without a feature runs the same code, slower.
"""

import ctypes
import functools
import sys

import torch

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # malloc.h of glibc


def best_dtype(device: torch.device) -> torch.dtype:
    """Return bfloat16 where the processor multiplies it natively, else float32.

    Emulated bfloat16 is slower than float32, so the plain "bf16 runs" is not the question.
    """
    if device.type == "cuda":
        is_native = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if is_native else torch.float32
    is_native = device.type == "cpu" and (
        torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    )
    return torch.bfloat16 if is_native else torch.float32


def best_device() -> torch.device:
    """Return the GPU where there is one, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@functools.cache
def keep_freed_memory() -> bool:
    """Tell glibc to keep freed memory for the process; return whether it could be told.

    With glibc's defaults every large temporary is mapped and unmapped anew, and page faults
    take 70 % of the time of a small model (measured on 2 cores). The price is that the
    process does not give memory back before it ends.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):  # musl and other C libraries have no mallopt
        return False
    return bool(mallopt(_M_MMAP_MAX, 0)) and bool(mallopt(_M_TRIM_THRESHOLD, 2**31 - 1))


def return_freed_memory() -> None:
    """Give back to the system what glibc keeps of freed memory, now and not from then on.

    For the end of a stage of a long run whose blocks another one has no use for.
    """
    if keep_freed_memory():
        ctypes.CDLL("libc.so.6").malloc_trim(0)
