"""bf16 where the hardware multiplies it, fp32 elsewhere; fp16 where it is asked for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Literal

import torch

from model.config import PrecisionChoice

Precision = Literal["fp32", "bf16", "fp16"]


def resolve_precision(choice: PrecisionChoice, device: torch.device) -> Precision:
    """``auto`` becomes bf16 on a GPU or CPU that has instructions for it, fp32 elsewhere.

    On CPUs without AMX or AVX512-BF16, torch emulates bf16, several times slower than fp32.
    """
    if choice != "auto":
        return choice
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    capabilities = torch.cpu.get_capabilities()
    has_bf16 = any(capabilities.get(name, False) for name in ("amx_bf16", "avx512_bf16", "bf16"))
    return "bf16" if has_bf16 else "fp32"


@contextlib.contextmanager
def autocast(precision: Precision, device: torch.device) -> Iterator[None]:
    """The context in which the model runs at ``precision``."""
    dtype = torch.float16 if precision == "fp16" else torch.bfloat16
    with contextlib.ExitStack() as contexts:
        contexts.enter_context(torch.autocast(device.type, dtype, enabled=precision != "fp32"))
        if precision == "fp16" and device.type == "cpu":
            # oneDNN has no recurrent layer in fp16; torch's own is slow, and right.
            contexts.enter_context(_without_onednn())
        yield


@contextlib.contextmanager
def _without_onednn() -> Iterator[None]:
    # torch's own `flags` sets, and warns of, what concerns Intel's GPUs as well.
    flags = torch.backends.mkldnn.set_flags
    was_enabled = flags(False, _fp32_precision=None)[0]  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        flags(was_enabled, _fp32_precision=None)  # type: ignore[no-untyped-call]
