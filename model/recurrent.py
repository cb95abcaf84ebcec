"""Recurrent layers as encoder and decoder share them.

Legend: R sequences, T positions, E width of what is read, H width of a state, L layers.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from model.config import ModelConfig
from model.dropout import Dropout


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
        self.dropout = Dropout(config.dropout)
        self.layers = nn.ModuleList()
        self.ends = nn.ModuleList()
        for layer in range(config.decoder_layers):
            size = width if layer else input_size
            self.layers.append(nn.LSTM(size, width, batch_first=True))
            self.ends.append(
                LayerEnd(size, width, residual=config.residual, layer_norm=config.layer_norm)
            )

    def forward(
        self, read_RTE: Tensor, states: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        hidden: list[Tensor] = []
        cells: list[Tensor] = []
        below_RTE = read_RTE
        for index, (layer, end) in enumerate(zip(self.layers, self.ends, strict=True)):
            read_RTE = self.dropout(below_RTE) if index else below_RTE
            own = (states[0][index : index + 1], states[1][index : index + 1])
            output_RTH, (hidden_1RH, cell_1RH) = layer(read_RTE, own)
            below_RTE = end(below_RTE, output_RTH)
            hidden.append(hidden_1RH)
            cells.append(cell_1RH)
        return below_RTE, (torch.cat(hidden), torch.cat(cells))


def build_layers(config: ModelConfig, input_size: int) -> nn.LSTM | LayerStack:
    """The layers of a decoder: in a single fused call where nothing stands between them."""
    if config.residual or config.layer_norm:
        return LayerStack(config, input_size)
    return nn.LSTM(
        input_size,
        config.hidden_size,
        num_layers=config.decoder_layers,
        dropout=config.dropout if config.decoder_layers > 1 else 0.0,
        batch_first=True,
    )
