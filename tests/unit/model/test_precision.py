"""Which precision is chosen where."""

from __future__ import annotations

import pytest
import torch

from model.precision import autocast, resolve_precision

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize("choice", ["fp32", "bf16", "fp16"])
def test_a_chosen_precision_is_kept(choice: str) -> None:
    assert resolve_precision(choice, CPU) == choice  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"amx_bf16": True, "avx512_bf16": False}, "bf16"),
        ({"avx512_bf16": True}, "bf16"),
        ({"bf16": True}, "bf16"),
        ({"avx512_f": True, "amx_bf16": False}, "fp32"),
        ({}, "fp32"),
    ],
)
def test_a_cpu_that_would_emulate_bf16_gets_fp32(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], expected: str
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert resolve_precision("auto", CPU) == expected


@pytest.mark.parametrize(("supported", "expected"), [(True, "bf16"), (False, "fp32")])
def test_a_gpu_that_would_emulate_bf16_gets_fp32(
    monkeypatch: pytest.MonkeyPatch, supported: bool, expected: str
) -> None:
    def is_bf16_supported(including_emulation: bool) -> bool:
        assert not including_emulation
        return supported

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", is_bf16_supported)
    assert resolve_precision("auto", CUDA) == expected


def test_onednn_is_as_before_after_fp16() -> None:
    unit, x = torch.nn.LSTM(3, 4), torch.ones(1, 1, 3)
    before = torch._C._get_mkldnn_enabled()
    with autocast("fp16", CPU):
        assert unit(x)[0].shape == (1, 1, 4)  # oneDNN would refuse.
        assert torch.nn.Linear(3, 3)(x).dtype == torch.float16
    assert torch._C._get_mkldnn_enabled() == before


def test_products_are_bf16_only_under_bf16() -> None:
    linear, x = torch.nn.Linear(3, 3), torch.ones(1, 3)
    with autocast("bf16", CPU):
        assert linear(x).dtype == torch.bfloat16
    with autocast("fp32", CPU):
        assert linear(x).dtype == torch.float32
