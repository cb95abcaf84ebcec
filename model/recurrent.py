"""Recurrent layers as encoder and decoder share them.

Legend: R sequences, T positions, E width of what is read, H width of a state, L layers.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from model.config import ModelConfig
from model.dropout import Dropout

States = Tensor | tuple[Tensor, Tensor]
"""What torch's units hand on: h of every layer, or h and c of every layer."""


class LayerEnd(nn.Module):
    """What becomes of a layer's output before the layer above reads it.

        y = LayerNorm(x + layer(x))

    The residual connection, x being what the layer read, is that of GNMT (Wu et al. 2016, §3.1).
    It is there with ``residual: true`` and wherever the two widths match, from the lowest layer on,
    where GNMT and RNMT+ (Chen et al. 2018, §3) begin at the third. Dropout falls on what goes into
    the layer, not on what goes past it.

    The normalisation (Ba et al. 2016), with ``layer_norm: true``, is over the output of the layer,
    where RNMT+ has one in every gate: a fused layer does not let us in there. With neither this is
    the identity and has no weights.
    """

    def __init__(
        self, input_size: int, output_size: int, *, residual: bool, layer_norm: bool
    ) -> None:
        super().__init__()
        self.adds = residual and input_size == output_size
        self.norm = nn.LayerNorm(output_size) if layer_norm else None

    def forward(self, read_RTE: Tensor, output_RTH: Tensor) -> Tensor:
        if self.adds:
            output_RTH = read_RTE + output_RTH
        return output_RTH if self.norm is None else self.norm(output_RTH)


class LayerStack(nn.Module):
    """Layers with a :class:`LayerEnd` each; called as an ``nn.LSTM`` of as many layers is.

    Every layer is a fused call over all positions; dropout is between the layers.
    """

    def __init__(self, config: ModelConfig, input_size: int) -> None:
        super().__init__()
        width = config.hidden_size
        self.dropout = Dropout(config.dropout_of("layers"))
        self.layers = nn.ModuleList()
        self.ends = nn.ModuleList()
        for layer in range(config.decoder_layers):
            size = width if layer else input_size
            self.layers.append(build_unit(config, size, width))
            self.ends.append(
                LayerEnd(size, width, residual=config.residual, layer_norm=config.layer_norm)
            )

    def forward(self, read_RTE: Tensor, states: States) -> tuple[Tensor, States]:
        hidden_LRH, cell_LRH = (states, None) if isinstance(states, Tensor) else states
        hidden: list[Tensor] = []
        cells: list[Tensor] = []
        below_RTE = read_RTE
        for index, (layer, end) in enumerate(zip(self.layers, self.ends, strict=True)):
            own = slice(index, index + 1)
            output_RTH, hidden_1RH, cell_1RH = advance(
                layer,
                self.dropout(below_RTE) if index else below_RTE,
                hidden_LRH[own],
                None if cell_LRH is None else cell_LRH[own],
            )
            below_RTE = end(below_RTE, output_RTH)
            hidden.append(hidden_1RH)
            if cell_1RH is not None:
                cells.append(cell_1RH)
        return below_RTE, (torch.cat(hidden), torch.cat(cells)) if cells else torch.cat(hidden)


def build_layers(config: ModelConfig, input_size: int) -> nn.LSTM | nn.GRU | LayerStack:
    """The layers of a decoder: in a single fused call where nothing stands between them."""
    if config.residual or config.layer_norm:
        return LayerStack(config, input_size)
    dropout = config.dropout_of("layers") if config.decoder_layers > 1 else 0.0
    return build_unit(config, input_size, config.hidden_size, config.decoder_layers, dropout)


def build_unit(
    config: ModelConfig, input_size: int, hidden_size: int, layers: int = 1, dropout: float = 0.0
) -> nn.LSTM | nn.GRU:
    """Fused layers of the units of ``architecture``.

    The gated unit is that of Cho et al. 2014, §2.3, but for the reset gate: in the paper it closes
    before the state is multiplied, U (r ⊙ h); in ``nn.GRU`` after, r ⊙ (U h), which lets one
    product serve all gates.
    """
    unit = nn.LSTM if config.architecture == "lstm" else nn.GRU
    return unit(input_size, hidden_size, num_layers=layers, dropout=dropout, batch_first=True)


def advance(
    layers: nn.Module, read_RTE: Tensor, hidden_LRH: Tensor, cell_LRH: Tensor | None
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Run layers of either unit from a state: output_RTH, and the state after it.

    Gated recurrent units have no cell: theirs is None.
    """
    if cell_LRH is None:
        output_RTH, hidden_LRH = layers(read_RTE, hidden_LRH)
        return output_RTH, hidden_LRH, None
    output_RTH, (hidden_LRH, cell_LRH) = layers(read_RTE, (hidden_LRH, cell_LRH))
    return output_RTH, hidden_LRH, cell_LRH
