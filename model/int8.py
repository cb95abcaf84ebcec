"""Products of 8-bit integers in place of the large ones of float32, for translation on CPUs.

Legend: M rows, E width of what is read, O width of what comes out, H width of the last layer,
V vocabulary.

torch.ao.quantization, which did this, is deprecated and goes; torchao has no recurrent layers. So
the product is torch's own, ``torch._int_mm``, which oneDNN computes with VNNI or AMX where there
are any, and the rest is here and in :mod:`model.stepped`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from model.transformer import TiedOutput

_LARGEST = 127


class Int8Linear(nn.Module):
    """y = x Wᵀ + b with 8-bit x and W.

    Both are rounded to ±127 steps of a scale: W once, with a scale of each output's, x as it comes,
    with one of each row's. Sums are exact, in 32 bits; y is float32.
    """

    weight_OE: Tensor
    scale_O: Tensor
    bias_O: Tensor | None

    def __init__(self, weight_OE: Tensor, bias_O: Tensor | None) -> None:
        super().__init__()
        rounded_OE, scale_O1 = rounded(weight_OE.detach().float())
        self.register_buffer("weight_OE", rounded_OE)
        self.register_buffer("scale_O", scale_O1[:, 0])
        self.register_buffer("bias_O", None if bias_O is None else bias_O.detach().float())

    def forward(self, x: Tensor) -> Tensor:
        rounded_ME, scale_M1 = rounded(x.reshape(-1, x.shape[-1]).float())
        sums_MO = torch._int_mm(rounded_ME, self.weight_OE.t())
        y_MO = (sums_MO * scale_M1).mul_(self.scale_O)
        if self.bias_O is not None:
            y_MO.add_(self.bias_O)
        return y_MO.view(*x.shape[:-1], -1)


class Int8TiedOutput(nn.Module):
    """An :class:`Int8Linear` in place of a :class:`model.transformer.TiedOutput`."""

    def __init__(self, linear: Int8Linear) -> None:
        super().__init__()
        self.linear = linear

    def forward(self, hidden_MH: Tensor, embedding: nn.Embedding) -> Tensor:
        logits_MV: Tensor = self.linear(hidden_MH)
        return logits_MV


def rounded(x_ME: Tensor) -> tuple[Tensor, Tensor]:
    """Every row in 8 bits, and the width of its steps (M, 1)."""
    scale_M1 = x_ME.abs().amax(1, keepdim=True).clamp_min(1e-12) / _LARGEST
    return (x_ME / scale_M1).round_().to(torch.int8), scale_M1


def tied_in_int8(output: TiedOutput, embedding: nn.Embedding) -> Int8TiedOutput:
    """The output layer of a Transformer, whose weights are the embedding's."""
    return Int8TiedOutput(Int8Linear(embedding.weight, output.bias))
