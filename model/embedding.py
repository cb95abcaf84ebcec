"""Words as vectors: what encoder and decoder read.

Legend: B sentences, T positions of either language, E width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from model.config import ModelConfig
from model.dropout import Dropout
from pipeline.tokenizer import BOS_ID, EOS_ID, PAD_ID


class WordEmbedding(nn.Embedding):
    """The rows of a table, zero for padding, with dropout of words and of elements.

    Where the table is the output layer too, its elements start with variance 1/E, as an output
    layer needs, and what is read is √E times as large (Vaswani et al. 2017, §3.4).
    """

    def __init__(self, config: ModelConfig, vocab_size: int) -> None:
        super().__init__(vocab_size, config.embedding_size, padding_idx=PAD_ID)
        self.is_output = False
        self.dropout = Dropout(config.dropout_of("embedding"))
        self.word_dropout = WordDropout(config.word_dropout)

    def forward(self, ids_BT: Tensor) -> Tensor:
        embedded_BTE = super().forward(ids_BT)
        if self.is_output:
            embedded_BTE = embedded_BTE * self.embedding_dim**0.5
        dropped_BTE: Tensor = self.dropout(self.word_dropout(embedded_BTE, ids_BT))
        return dropped_BTE


class WordDropout(nn.Module):
    """Word types are zero with probability p, and divided by 1 - p otherwise.

    (Gal and Ghahramani 2016, §4.2.) A type that is dropped from a sentence is dropped wherever it
    stands in it: none of its copies gives it away. Every sentence draws for itself. What is no
    word, the marks of a sentence's start and end, always stays.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.draw = Dropout(p)

    def forward(self, embedded_BTE: Tensor, ids_BT: Tensor) -> Tensor:
        if not self.training or self.draw.p == 0.0:
            return embedded_BTE
        factor_BT = self.draw(torch.ones_like(ids_BT, dtype=embedded_BTE.dtype))
        # Each position takes the draw of the first one with the same word.
        first_BT = (ids_BT[:, :, None] == ids_BT[:, None, :]).int().argmax(dim=2)
        is_mark_BT = (ids_BT == BOS_ID) | (ids_BT == EOS_ID)
        factor_BT = factor_BT.gather(1, first_BT).masked_fill(is_mark_BT, 1.0)
        dropped_BTE: Tensor = embedded_BTE * factor_BT[:, :, None]
        return dropped_BTE
