"""Multiplicative attention (Luong, Pham, Manning 2015).

Legend: B sentences, S source positions, T queries a sentence, H width of the thing named: query
and keys share the decoder's, the memory has the encoder's. A mask is True at real tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Memory:
    """A batch of encoded sentences as attention reads them, computed once a sentence.

    Attributes:
        keys_BSH: what queries are compared with.
        values_BSH: what the context is made of, finite at padding.
        mask_BS: True at real tokens; every sentence has one at least.
    """

    keys_BSH: Tensor
    values_BSH: Tensor
    mask_BS: Tensor

    def select(self, index_B: Tensor) -> Memory:
        """The sentences at ``index_B``, in its order."""
        return Memory(
            keys_BSH=self.keys_BSH.index_select(0, index_B),
            values_BSH=self.values_BSH.index_select(0, index_B),
            mask_BS=self.mask_BS.index_select(0, index_B),
        )


class GeneralAttention(nn.Module):
    """Global attention with the *general* score, h_tᵀ W_a h̄_s (Luong et al. 2015, §3.1, eq. 8).

        weights_ts = softmax_s(h_tᵀ W_a h̄_s)        (eq. 7)
        context_t  = Σ_s weights_ts h̄_s

    W_a h̄_s, the keys, depends on the source alone; it is computed once and not at every step.
    """

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__()
        self.key_projection = nn.Linear(memory_size, query_size, bias=False)  # W_a

    def project_memory(self, memory_BSH: Tensor, mask_BS: Tensor) -> Memory:
        """Keys and values of encoded sentences.

        Args:
            memory_BSH: the encoder's annotations, H of the encoder.
            mask_BS: True at real tokens.
        """
        return Memory(self.key_projection(memory_BSH), memory_BSH, mask_BS)

    def forward(self, query_BTH: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """Attend from every query at once: two batched products.

        Returns:
            context_BTH, H of the encoder, and weights_BTS, which are exactly zero at padding and
            sum to one.
        """
        scores_BTS = torch.bmm(query_BTH, memory.keys_BSH.transpose(1, 2))
        scores_BTS = scores_BTS.masked_fill(~memory.mask_BS[:, None, :], float("-inf"))
        weights_BTS = torch.softmax(scores_BTS, dim=-1)
        context_BTH = torch.bmm(weights_BTS, memory.values_BSH)
        return context_BTH, weights_BTS
