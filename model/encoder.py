"""The encoder: an LSTM or GRU that reads the source, from both ends by default.

Legend: B sentences, S source positions, E embedding (or the width of the layer below),
H width of the memory: all directions side by side, L layers. A mask is True at real tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from model.config import ModelConfig
from model.dropout import Dropout
from model.embedding import WordEmbedding
from model.recurrent import LayerEnd, build_unit


@dataclass(frozen=True)
class EncoderOutput:
    """What the decoder gets to know of the source.

    Attributes:
        memory_BSH: the top layer at every source position, zero at padding.
        final_hidden_LBH: each layer's state after the last token that it reads; the backward
            direction, which reads the first token last, fills the second half of H.
        final_cell_LBH: the cells that go with it; None unless the encoder keeps them.
        mask_BS: True at real tokens.
    """

    memory_BSH: Tensor
    final_hidden_LBH: Tensor
    final_cell_LBH: Tensor | None
    mask_BS: Tensor


class RecurrentEncoder(nn.Module):
    """Annotations [→h; ←h] of every source word (Bahdanau et al. 2015, §3.2).

    The units are LSTMs or, with ``architecture: gru``, gated recurrent units as in the paper.

    The usual way to keep padding out of a bidirectional layer is a packed sequence. On CPUs that
    runs at 0.6 of the speed, so each direction is a layer of its own over the padded batch: what
    a position holds depends only on those read before it, and padding is read after all of them
    once the backward direction is given each sentence reversed inside its own length. The values
    are those of the packed run.

    One thing it can't tell is the cell after the last real token, as the fused LSTM shows only
    the cell after the last column. Where it is needed, which is without attention, the run is
    packed after all. A GRU has no cell, and is never packed.
    """

    def __init__(self, config: ModelConfig, vocab_size: int) -> None:
        super().__init__()
        self.keeps_cells = config.attention == "none" and config.architecture == "lstm"
        self.embedding = WordEmbedding(config, vocab_size)
        self.dropout = Dropout(config.dropout_of("layers"))
        self.layers = nn.ModuleList()
        self.ends = nn.ModuleList()
        for layer in range(config.encoder_layers):
            width = config.memory_size if layer else config.embedding_size
            # Forward first; the backward direction, if any, second.
            self.layers.append(
                nn.ModuleList(
                    build_unit(config, width, config.encoder_size) for _ in range(config.directions)
                )
            )
            # Nobody reads the top layer without attention: a norm there would never be trained, and
            # DistributedDataParallel takes no weight without a gradient.
            is_read = config.attention != "none" or layer < config.encoder_layers - 1
            self.ends.append(
                LayerEnd(
                    width,
                    config.memory_size,
                    residual=config.residual,
                    layer_norm=config.layer_norm and is_read,
                )
            )

    def forward(self, source_BS: Tensor, source_lengths_B: Tensor) -> EncoderOutput:
        """Read a batch of sentences.

        Args:
            source_BS: int64 ids, padded on the right.
            source_lengths_B: int64, at least 1, on the CPU.
        """
        mask_BS, reversed_BS = mask_and_reversal(source_BS, source_lengths_B)
        hidden: list[Tensor] = []
        cells: list[Tensor] = []
        below_BSE = self.embedding(source_BS)
        for layer, (directions, end) in enumerate(zip(self.layers, self.ends, strict=True)):
            assert isinstance(directions, nn.ModuleList)
            dropped_BSE = self.dropout(below_BSE) if layer else below_BSE
            outputs: list[Tensor] = []
            final_states: list[Tensor] = []
            final_cells: list[Tensor] = []
            for backward, unit in enumerate(directions):
                read_BSE = take_positions(dropped_BSE, reversed_BS) if backward else dropped_BSE
                output_BSH, state_BH, cell_BH = self._run(unit, read_BSE, source_lengths_B)
                outputs.append(take_positions(output_BSH, reversed_BS) if backward else output_BSH)
                final_states.append(state_BH)
                if cell_BH is not None:
                    final_cells.append(cell_BH)
            below_BSE = end(below_BSE, torch.cat(outputs, dim=-1))
            hidden.append(torch.cat(final_states, dim=-1))
            if final_cells:
                cells.append(torch.cat(final_cells, dim=-1))
        return EncoderOutput(
            memory_BSH=below_BSE.masked_fill(~mask_BS[:, :, None], 0.0),
            final_hidden_LBH=torch.stack(hidden),
            final_cell_LBH=torch.stack(cells) if cells else None,
            mask_BS=mask_BS,
        )

    def _run(
        self, unit: nn.Module, read_BSE: Tensor, lengths_B: Tensor
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """One layer, one direction: all states, the last real one, and its cell if it is kept."""
        if self.keeps_cells:
            packed = pack_padded_sequence(
                read_BSE, lengths_B, batch_first=True, enforce_sorted=False
            )
            packed_output, (state_1BH, cell_1BH) = unit(packed)
            output_BSH, _ = pad_packed_sequence(
                packed_output, batch_first=True, total_length=read_BSE.shape[1]
            )
            return output_BSH, state_1BH[0], cell_1BH[0]
        output_BSH, _ = unit(read_BSE)
        rows_B = torch.arange(len(lengths_B), device=output_BSH.device)
        return output_BSH, output_BSH[rows_B, lengths_B.to(output_BSH.device) - 1], None


class LstmEncoder(RecurrentEncoder):
    """The encoder with LSTM units, for use by itself.

        encoded = LstmEncoder(ModelConfig(attention="none", bidirectional=False), vocab_size)(
            source_BS, source_lengths_B
        )

    ``encoded.memory_BSH`` is the sequence of the top layer's states, (B, S, H), zero at padding;
    ``encoded.final_hidden_LBH`` and ``final_cell_LBH`` are the last states of all layers,
    (L, B, H). H is ``encoder_size``, with ``bidirectional: true`` twice that. Cells are kept with
    ``attention: none`` alone, and are None otherwise.

    Raises:
        ValueError: if the configuration asks for other units.
    """

    def __init__(self, config: ModelConfig, vocab_size: int) -> None:
        if config.architecture != "lstm":
            raise ValueError(
                f"an LstmEncoder needs architecture 'lstm', not {config.architecture!r}: take "
                f"RecurrentEncoder"
            )
        super().__init__(config, vocab_size)


def mask_and_reversal(source_BS: Tensor, source_lengths_B: Tensor) -> tuple[Tensor, Tensor]:
    """Where real tokens are, and which position each one swaps places with when read backward.

    A sentence of 3 in 5 columns: mask ``1 1 1 0 0``, reversal ``2 1 0 3 4``. Reversing twice
    changes nothing.
    """
    position_S = torch.arange(source_BS.shape[1], device=source_BS.device)
    length_B1 = source_lengths_B.to(source_BS.device)[:, None]
    mask_BS = position_S < length_B1
    return mask_BS, torch.where(mask_BS, length_B1 - 1 - position_S, position_S)


def take_positions(x_BSH: Tensor, position_BS: Tensor) -> Tensor:
    """``x[b, position[b, s]]`` for every b and s."""
    return x_BSH.gather(1, position_BS[:, :, None].expand_as(x_BSH))
