"""The decoder: a recurrent language model of the target that attends to the source.

Legend: B sentences, S source positions, T target positions, H width of the decoder, L layers,
R rows of a search: one a sentence in greedy search, K (the beam) a sentence in beam search.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from model.attention import Memory, build_attention
from model.config import ModelConfig
from model.dropout import Dropout
from model.encoder import EncoderOutput
from model.recurrent import advance, build_layers
from pipeline.tokenizer import PAD_ID


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
    """

    hidden_LRH: Tensor
    cell_LRH: Tensor | None
    memory: Memory | None
    weights_RS: Tensor | None = None

    def reorder(self, index_R: Tensor) -> DecoderState:
        """The rows at ``index_R``, in its order; repeated ones grow, missing ones leave."""
        cell_LRH, memory, weights_RS = self.cell_LRH, self.memory, self.weights_RS
        return DecoderState(
            hidden_LRH=self.hidden_LRH.index_select(1, index_R),
            cell_LRH=None if cell_LRH is None else cell_LRH.index_select(1, index_R),
            memory=None if memory is None else self._reorder_memory(memory, index_R),
            weights_RS=None if weights_RS is None else weights_RS.index_select(0, index_R),
        )

    def _reorder_memory(self, memory: Memory, index_R: Tensor) -> Memory:
        sentences = len(memory.mask_BS)
        sentence_R = index_R // (self.hidden_LRH.shape[1] // sentences)
        sentence_B, rows_B = torch.unique_consecutive(sentence_R, return_counts=True)
        if not torch.all(rows_B == rows_B[0]):
            sentence_B = sentence_R  # An uneven number of rows a sentence: each has its own copy.
        if torch.equal(sentence_B, torch.arange(sentences, device=sentence_B.device)):
            return memory
        return memory.select(sentence_B)


class RecurrentDecoder(nn.Module):
    """p(y_t | y_<t, x) up to the output layer (Luong et al. 2015, §2 and §3).

        h_t = RNN(y_{t-1}, h_{t-1})                 (LSTM or GRU)
        h̃_t = tanh(W_c [c_t; h_t])                  (eq. 5; c_t is the context of attention)

    Where we deviate: there is no input feeding (§3.3), which puts h̃_{t-1} beside y_{t-1}. With it
    every step waits for the attention of the one before, and training is a Python loop over T.
    Without it the layers run over a whole teacher-forced target in one fused call and attention for
    all positions is two batched products, at three times the speed on CPUs.

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
        self.embedding = nn.Embedding(vocab_size, config.embedding_size, padding_idx=PAD_ID)
        self.dropout = Dropout(config.dropout)
        self.layers = config.decoder_layers
        self.has_cells = config.architecture == "lstm"
        # Named so in the weights of every registered model, whatever the units.
        self.lstm = build_layers(config, config.embedding_size)
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
        memory = self.attention.project_memory(encoded.memory_BSH, encoded.mask_BS)
        cell_LBH = torch.zeros_like(hidden_LBH) if self.has_cells else None
        return DecoderState(hidden_LBH, cell_LBH, memory)

    def unrolled(self, target_in_BT: Tensor, state: DecoderState) -> Tensor:
        """h̃_BTH at all positions of a teacher-forced target, from the state before it.

        What stands at padding is finite and means nothing.
        """
        output_BTH, _, _ = self._read(target_in_BT, state)
        if self.attention is None:
            return output_BTH
        assert state.memory is not None
        context_BTH, _ = self.attention(output_BTH, state.memory)
        return self._combine(context_BTH, output_BTH)

    def step(self, token_R: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """Read one token a row: h̃_RH, and the state after it."""
        output_R1H, hidden_LRH, cell_LRH = self._read(token_R[:, None], state)
        if self.attention is None:
            return output_R1H[:, 0], DecoderState(hidden_LRH, cell_LRH, memory=None)
        assert state.memory is not None
        # The K rows of a sentence are K queries to one memory, as its T positions are in training.
        sentences = len(state.memory.mask_BS)
        query_BKH = output_R1H.reshape(sentences, -1, output_R1H.shape[-1])
        context_BKH, weights_BKS = self.attention(query_BKH, state.memory)
        attentional_RH = self._combine(context_BKH, query_BKH).flatten(0, 1)
        weights_RS = weights_BKS.flatten(0, 1)
        return attentional_RH, DecoderState(hidden_LRH, cell_LRH, state.memory, weights_RS)

    def _read(self, token_RT: Tensor, state: DecoderState) -> tuple[Tensor, Tensor, Tensor | None]:
        embedded_RTE = self.dropout(self.embedding(token_RT))
        return advance(self.lstm, embedded_RTE, state.hidden_LRH, state.cell_LRH)

    def _combine(self, context_BTH: Tensor, output_BTH: Tensor) -> Tensor:
        return torch.tanh(self.combine(torch.cat((context_BTH, output_BTH), dim=-1)))
