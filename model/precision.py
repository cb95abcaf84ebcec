"""bf16 where the hardware multiplies it, fp32 elsewhere."""

from __future__ import annotations

from typing import Literal

import torch

from model.config import PrecisionChoice

Precision = Literal["fp32", "bf16"]


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


def autocast(precision: Precision, device: torch.device) -> torch.autocast:
    """The context in which the model runs at ``precision``."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16")
