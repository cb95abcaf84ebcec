"""Products of 8-bit integers in place of the large ones of float32, for translation on CPUs.

Legend: M rows, R sequences, T positions, E width of what is read, O width of what comes out,
H width of a state.

torch.ao.quantization, which did this, is deprecated and goes; torchao has no recurrent layers. So
the product is torch's own, ``torch._int_mm``, which oneDNN computes with VNNI or AMX where there
are any, and the rest is here.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from model.transformer import TiedOutput

_LARGEST = 127
States = Tensor | tuple[Tensor, Tensor]


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


class Int8Recurrent(nn.Module):
    """The layers of an ``nn.LSTM`` or ``nn.GRU`` of one direction, called as that is."""

    def __init__(self, layers: nn.LSTM | nn.GRU) -> None:
        super().__init__()
        assert layers.batch_first
        assert not layers.bidirectional
        self.has_cells = isinstance(layers, nn.LSTM)
        self.size = layers.hidden_size
        self.of_input = nn.ModuleList()
        self.of_state = nn.ModuleList()
        for layer in range(layers.num_layers):
            for products, kind in ((self.of_input, "ih"), (self.of_state, "hh")):
                weight, bias = (getattr(layers, f"{x}_{kind}_l{layer}") for x in ("weight", "bias"))
                products.append(Int8Linear(weight, bias))

    def forward(self, read_RTE: Tensor, states: States | None = None) -> tuple[Tensor, States]:
        if states is None:
            zeros_LRH = read_RTE.new_zeros((len(self.of_input), len(read_RTE), self.size))
            states = (zeros_LRH, zeros_LRH) if self.has_cells else zeros_LRH
        hidden_LRH, cell_LRH = (states, None) if isinstance(states, Tensor) else states
        last_hidden: list[Tensor] = []
        last_cell: list[Tensor] = []
        below_RTE = read_RTE
        for layer, (of_input, of_state) in enumerate(
            zip(self.of_input, self.of_state, strict=True)
        ):
            from_input_RTX = of_input(below_RTE)
            hidden_RH = hidden_LRH[layer]
            cell_RH = None if cell_LRH is None else cell_LRH[layer]
            outputs: list[Tensor] = []
            for from_input_RX in from_input_RTX.unbind(1):
                from_state_RX = of_state(hidden_RH)
                if cell_RH is None:
                    hidden_RH = gru_step(from_input_RX, from_state_RX, hidden_RH)
                else:
                    hidden_RH, cell_RH = lstm_step(from_input_RX + from_state_RX, cell_RH)
                outputs.append(hidden_RH)
            below_RTE = torch.stack(outputs, dim=1)
            last_hidden.append(hidden_RH)
            if cell_RH is not None:
                last_cell.append(cell_RH)
        hidden_LRH = torch.stack(last_hidden)
        return below_RTE, (hidden_LRH, torch.stack(last_cell)) if last_cell else hidden_LRH


def lstm_step(gates_RX: Tensor, cell_RH: Tensor) -> tuple[Tensor, Tensor]:
    """h and c after a step of ``nn.LSTM``, whose gates are input, forget, cell, output."""
    input_RH, forget_RH, new_RH, output_RH = gates_RX.chunk(4, dim=1)
    cell_RH = torch.sigmoid(forget_RH) * cell_RH + torch.sigmoid(input_RH) * torch.tanh(new_RH)
    return torch.sigmoid(output_RH) * torch.tanh(cell_RH), cell_RH


def gru_step(from_input_RX: Tensor, from_state_RX: Tensor, hidden_RH: Tensor) -> Tensor:
    """h after a step of ``nn.GRU``, whose gates are reset, update, new."""
    reset_RH, update_RH, new_RH = from_input_RX.chunk(3, dim=1)
    state_reset_RH, state_update_RH, state_new_RH = from_state_RX.chunk(3, dim=1)
    open_RH = torch.sigmoid(update_RH + state_update_RH)
    new_RH = torch.tanh(new_RH + torch.sigmoid(reset_RH + state_reset_RH) * state_new_RH)
    return new_RH + open_RH * (hidden_RH - new_RH)


def rounded(x_ME: Tensor) -> tuple[Tensor, Tensor]:
    """Every row in 8 bits, and the width of its steps (M, 1)."""
    scale_M1 = x_ME.abs().amax(1, keepdim=True).clamp_min(1e-12) / _LARGEST
    return (x_ME / scale_M1).round_().to(torch.int8), scale_M1


def in_int8(module: nn.Module) -> nn.Module | None:
    """What takes the place of a module; None where it stays."""
    if isinstance(module, nn.LSTM | nn.GRU):
        return Int8Recurrent(module)
    # A single output is a product with a vector, which attention reads as such.
    if isinstance(module, nn.Linear) and module.out_features > 1:
        return Int8Linear(module.weight, module.bias)
    return None


def tied_in_int8(output: TiedOutput, embedding: nn.Embedding) -> Int8TiedOutput:
    """The output layer of a Transformer, whose weights are the embedding's."""
    return Int8TiedOutput(Int8Linear(embedding.weight, output.bias))
