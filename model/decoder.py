"""The decoder: a recurrent language model of the target that attends to the source.

Legend: B sentences, S source positions, T target positions, H width of the decoder, L layers,
R rows: one a sentence in training and greedy search, K (the beam) a sentence in beam search.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from model.attention import Memory, build_attention
from model.config import ModelConfig
from model.embedding import WordEmbedding
from model.encoder import EncoderOutput
from model.recurrent import advance, build_layers
from model.rows import sentences_of


@dataclass(frozen=True)
class DecoderState:
    """Where the decoder stands, in R rows.

    The rows of one sentence stand together and share its memory, so that neither growing to a
    beam nor reordering it copies what the encoder said: R is a multiple of the memory's B.

    Attributes:
        hidden_LRH: h of every layer.
        cell_LRH: c of every layer; None where the units have none.
        memory: the source; None without attention.
        weights_RS: the attention of the step that led here; None before the first, and without
            attention.
        fed_RH: h̃ of that step with input feeding, zeros before the first; None without.
    """

    hidden_LRH: Tensor
    cell_LRH: Tensor | None
    memory: Memory | None
    weights_RS: Tensor | None = None
    fed_RH: Tensor | None = None

    def reorder(self, index_R: Tensor) -> DecoderState:
        """The rows at ``index_R``, in its order; repeated ones grow, missing ones leave."""
        memory = self.memory
        return DecoderState(
            hidden_LRH=self.hidden_LRH.index_select(1, index_R),
            cell_LRH=_selected(self.cell_LRH, 1, index_R),
            memory=None if memory is None else self._reorder_memory(memory, index_R),
            weights_RS=_selected(self.weights_RS, 0, index_R),
            fed_RH=_selected(self.fed_RH, 0, index_R),
        )

    def _reorder_memory(self, memory: Memory, index_R: Tensor) -> Memory:
        sentence_B = sentences_of(index_R, self.hidden_LRH.shape[1], len(memory.mask_BS))
        return memory if sentence_B is None else memory.select(sentence_B)


def _selected(tensor: Tensor | None, axis: int, index_R: Tensor) -> Tensor | None:
    return None if tensor is None else tensor.index_select(axis, index_R)


class RecurrentDecoder(nn.Module):
    """p(y_t | y_<t, x) up to the output layer (Luong et al. 2015, §2 and §3).

        h_t = RNN(y_{t-1}, h_{t-1})                 (LSTM or GRU)
        h̃_t = tanh(W_c [c_t; h_t])                  (eq. 5; c_t is the context of attention)

    Input feeding (§3.3) is a choice, ``input_feeding: true``, where for the paper it is the rule:
    h̃_{t-1} then stands beside y_{t-1}, and zeros beside the first. With it every step waits for the
    attention of the one before, and training is a Python loop over T. Without it the layers run
    over a whole teacher-forced target in one fused call and attention for all positions is two
    batched products, which is faster.

    The first state comes over a bridge, h_0 = tanh(W_s s), as in Bahdanau et al. 2015, App. A.2.2;
    s is the last state of the encoder's top layer, in both directions where the paper has the
    backward one. The cell of an LSTM starts at zero: the paper's unit has none, it is no bounded
    quantity that a tanh could stand in for, and with attention the source need not be remembered
    in it.

    Without attention the encoder's last hidden and cell states are the first ones here, layer by
    layer (Sutskever et al. 2014, §2), and h_t of the top layer takes the place of h̃_t.
    """

    def __init__(self, config: ModelConfig, vocab_size: int) -> None:
        super().__init__()
        self.embedding = WordEmbedding(config, vocab_size)
        self.layers = config.decoder_layers
        self.input_feeding = config.input_feeding
        self.has_cells = config.architecture == "lstm"
        # Named so in the weights of every registered model, whatever the units.
        self.lstm = build_layers(
            config, config.embedding_size + (config.hidden_size if config.input_feeding else 0)
        )
        self.attention = build_attention(config)
        if self.attention is not None:
            width = config.hidden_size
            self.bridge = nn.Linear(config.memory_size, config.decoder_layers * width)  # W_s
            self.combine = nn.Linear(self.attention.context_size + width, width, bias=False)  # W_c

    def start(self, encoded: EncoderOutput) -> DecoderState:
        """The state before the first target token, one row a sentence."""
        if self.attention is None:
            return DecoderState(encoded.final_hidden_LBH, encoded.final_cell_LBH, memory=None)
        top_BH = encoded.final_hidden_LBH[-1]
        hidden_BLH = torch.tanh(self.bridge(top_BH)).view(len(top_BH), self.layers, -1)
        hidden_LBH = hidden_BLH.transpose(0, 1).contiguous()
        return DecoderState(
            hidden_LRH=hidden_LBH,
            cell_LRH=torch.zeros_like(hidden_LBH) if self.has_cells else None,
            memory=self.attention.project_memory(encoded.memory_BSH, encoded.mask_BS),
            fed_RH=torch.zeros_like(hidden_LBH[0]) if self.input_feeding else None,
        )

    def unrolled(self, target_in_BT: Tensor, state: DecoderState) -> Tensor:
        """h̃_BTH at all positions of a teacher-forced target, from the state before it.

        What stands at padding is finite and means nothing.
        """
        embedded_BTE = self.embedding(target_in_BT)
        if not self.input_feeding:
            return self._advance(embedded_BTE, state)[0]
        attentional: list[Tensor] = []
        for embedded_B1E in embedded_BTE.split(1, dim=1):
            attentional_B1H, state = self._advance(embedded_B1E, state)
            attentional.append(attentional_B1H)
        return torch.cat(attentional, dim=1)

    def step(self, token_R: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """Read one token a row: h̃_RH, and the state after it."""
        embedded_R1E = self.embedding(token_R[:, None])
        attentional_R1H, state = self._advance(embedded_R1E, state)
        return attentional_R1H[:, 0], state

    def _advance(self, embedded_RTE: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """Read T words a row: h̃_RTH and the state after the last. With input feeding T is 1."""
        if state.fed_RH is not None:
            embedded_RTE = torch.cat((embedded_RTE, state.fed_RH[:, None]), dim=-1)
        output_RTH, hidden_LRH, cell_LRH = advance(
            self.lstm, embedded_RTE, state.hidden_LRH, state.cell_LRH
        )
        if self.attention is None:
            return output_RTH, DecoderState(hidden_LRH, cell_LRH, memory=None)
        assert state.memory is not None
        # All T positions of the K rows of a sentence are Q = K x T queries to one memory.
        R, T, H = output_RTH.shape
        query_BQH = output_RTH.reshape(len(state.memory.mask_BS), -1, H)
        context_BQH, weights_BQS = self.attention(query_BQH, state.memory)
        combined_BQH = self.combine(torch.cat((context_BQH, query_BQH), dim=-1))
        attentional_RTH = torch.tanh(combined_BQH).view(R, T, H)
        return attentional_RTH, DecoderState(
            hidden_LRH=hidden_LRH,
            cell_LRH=cell_LRH,
            memory=state.memory,
            weights_RS=weights_BQS.view(R, T, -1)[:, -1],
            fed_RH=attentional_RTH[:, -1] if self.input_feeding else None,
        )
