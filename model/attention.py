"""How the decoder looks at the source: four scores behind one small interface.

Legend: B sentences, S source positions, T queries a sentence, H width of the thing named (queries
have the decoder's, the memory has the encoder's), A width of an inner layer, N heads, D width of
one. A mask is True at real tokens.

An attention projects the memory once a sentence and then answers T queries at a time with a context
and the weights that it is made with. Weights are exactly zero at padding and sum to one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from model.config import ModelConfig

# Elements of the (B, T, S, A) tensor of additive attention that exist at a time: 4 MB of float32,
# which a cache still holds.
ADDITIVE_ELEMENTS = 1 << 20


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


class Attention(nn.Module):
    """Global attention (Luong et al. 2015, §3.1): the subclasses differ in the score.

        weights_ts = softmax_s(score(h_t, h̄_s))     (eq. 7)
        context_t  = Σ_s weights_ts h̄_s

    Attributes:
        context_size: width of the context.
    """

    context_size: int

    def project_memory(self, memory_BSH: Tensor, mask_BS: Tensor) -> Memory:
        """Keys and values of encoded sentences.

        Args:
            memory_BSH: the encoder's annotations, H of the encoder.
            mask_BS: True at real tokens.
        """
        raise NotImplementedError

    def score(self, query_BTH: Tensor, memory: Memory) -> Tensor:
        """How well each query fits each key, (B, T, S); what it says of padding is ignored."""
        raise NotImplementedError

    def forward(self, query_BTH: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """Attend from every query at once.

        Returns:
            context_BTH, H being ``context_size``, and weights_BTS.
        """
        weights_BTS = masked_softmax(self.score(query_BTH, memory), memory.mask_BS[:, None, :])
        return torch.bmm(weights_BTS, memory.values_BSH), weights_BTS


class GeneralAttention(Attention):
    """The *general* score, h_tᵀ W_a h̄_s (Luong et al. 2015, §3.1, eq. 8).

    W_a h̄_s, the keys, depends on the source alone; it is computed once and not at every step.
    """

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__()
        self.context_size = memory_size
        self.key_projection = nn.Linear(memory_size, query_size, bias=False)  # W_a

    def project_memory(self, memory_BSH: Tensor, mask_BS: Tensor) -> Memory:
        return Memory(self.key_projection(memory_BSH), memory_BSH, mask_BS)

    def score(self, query_BTH: Tensor, memory: Memory) -> Tensor:
        return torch.bmm(query_BTH, memory.keys_BSH.transpose(1, 2))


class DotAttention(Attention):
    """The *dot* score, h_tᵀ h̄_s (Luong et al. 2015, §3.1, eq. 8), which has nothing to learn.

    Raises:
        ValueError: if decoder and memory differ in width.
    """

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__()
        if query_size != memory_size:
            raise ValueError(
                f"a dot product needs queries and memory of one width, not {query_size} and "
                f"{memory_size}: take GeneralAttention for unequal ones"
            )
        self.context_size = memory_size

    def project_memory(self, memory_BSH: Tensor, mask_BS: Tensor) -> Memory:
        return Memory(memory_BSH, memory_BSH, mask_BS)

    def score(self, query_BTH: Tensor, memory: Memory) -> Tensor:
        return torch.bmm(query_BTH, memory.keys_BSH.transpose(1, 2))


class AdditiveAttention(Attention):
    """A one-layer perceptron as the score (Bahdanau et al. 2015, §3.1 and App. A.1.2).

        score(s_t, h_j) = v_aᵀ tanh(W_a s_t + U_a h_j)

    U_a h_j, the keys, is computed once a sentence, as the paper does. A is the decoder's width.

    The inner layer is a vector of A for every pair of positions. All T queries are answered in
    chunks of at most ``ADDITIVE_ELEMENTS`` of it, of one position at least, and in training a chunk
    is computed again on the way back and not kept: memory does not grow with T, and the gradient
    is exact.

    Where we deviate: the query is the state after reading y_{t-1}, as in Luong et al. 2015, where
    the paper's is the one before. So the recurrence does not wait for the attention.
    """

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__()
        self.context_size = memory_size
        self.query_projection = nn.Linear(query_size, query_size, bias=False)  # W_a
        self.key_projection = nn.Linear(memory_size, query_size, bias=False)  # U_a
        self.inner_to_score = nn.Linear(query_size, 1, bias=False)  # v_a

    def project_memory(self, memory_BSH: Tensor, mask_BS: Tensor) -> Memory:
        return Memory(self.key_projection(memory_BSH), memory_BSH, mask_BS)

    def score(self, query_BTH: Tensor, memory: Memory) -> Tensor:
        scores_BTS: Tensor = _AdditiveScores.apply(  # type: ignore[no-untyped-call]
            self.query_projection(query_BTH), memory.keys_BSH, self.inner_to_score.weight[0]
        )
        return scores_BTS


class _AdditiveScores(torch.autograd.Function):
    """v tanh(q_t + k_s) for every t and s, in chunks over T, on the way there and on the way back.

    What autograd would keep is all of (B, T, S, A); here each chunk of it is made twice, in a
    buffer that all chunks share. C is the number of positions of a chunk.
    """

    @staticmethod
    def forward(ctx: Any, query_BTA: Tensor, keys_BSA: Tensor, v_A: Tensor) -> Tensor:
        ctx.save_for_backward(query_BTA, keys_BSA, v_A)
        v_A = v_A.to(keys_BSA.dtype)
        scores_BTS = keys_BSA.new_empty((*query_BTA.shape[:2], keys_BSA.shape[1]))
        for chunk, inner_BCSA in _inner_layers(query_BTA, keys_BSA):
            scores_BTS[:, chunk] = inner_BCSA @ v_A
        return scores_BTS

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient_BTS: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        query_BTA, keys_BSA, v_A = ctx.saved_tensors
        # Sums over many positions: in float32 at least, whatever autocast made of the rest.
        dtype = torch.promote_types(keys_BSA.dtype, torch.float32)
        query_gradient_BTA = torch.empty_like(query_BTA)
        keys_gradient_BSA = torch.zeros_like(keys_BSA, dtype=dtype)
        part_BSA = torch.empty_like(keys_gradient_BSA)
        v_gradient_A = torch.zeros_like(v_A, dtype=dtype)
        for chunk, inner_BCSA in _inner_layers(query_BTA, keys_BSA):
            gradient_BCS = gradient_BTS[:, chunk]
            v_gradient_A += gradient_BCS.flatten() @ inner_BCSA.flatten(0, 2)
            # tanh' = 1 - tanh²; from here on the buffer is v (1 - tanh²) times the gradient.
            inner_BCSA.square_().neg_().add_(1.0).mul_(v_A.to(keys_BSA.dtype))
            inner_BCSA.mul_(gradient_BCS[..., None])
            query_gradient_BTA[:, chunk] = inner_BCSA.sum(2)
            keys_gradient_BSA += torch.sum(inner_BCSA, dim=1, dtype=dtype, out=part_BSA)
        return query_gradient_BTA, keys_gradient_BSA.to(keys_BSA.dtype), v_gradient_A.to(v_A.dtype)


def _inner_layers(query_BTA: Tensor, keys_BSA: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Positions of each chunk and its tanh(q_t + k_s), (B, C, S, A), valid until the next one.

    A buffer of its own for each would leave glibc's heap in pieces that fit no other, and memory
    would grow with T after all.
    """
    (B, T, A), S = query_BTA.shape, keys_BSA.shape[1]
    positions = min(T, max(1, ADDITIVE_ELEMENTS // keys_BSA.numel()))
    buffer = keys_BSA.new_empty(B * positions * S * A)
    for start in range(0, T, positions):
        chunk = slice(start, min(start + positions, T))
        inner_BCSA = buffer[: B * (chunk.stop - start) * S * A].view(B, -1, S, A)
        torch.add(query_BTA[:, chunk, None, :], keys_BSA[:, None, :, :], out=inner_BCSA)
        yield chunk, inner_BCSA.tanh_()


class MultiheadAttention(Attention):
    """N scaled dot products side by side (Vaswani et al. 2017, §3.2.1 and §3.2.2).

        head_n  = softmax(Q W_n^Q (K W_n^K)ᵀ / √D) V W_n^V
        context = [head_1; …; head_N] W^O

    K and V are the encoder's annotations and Q the state of a recurrent decoder, as in RNMT+
    (Chen et al. 2018, §3). N heads share the decoder's width. The weights handed out are the mean
    over the heads. ``scaled_dot_product_attention`` would not tell them.

    Raises:
        ValueError: if the heads can't share the width evenly.
    """

    def __init__(self, query_size: int, memory_size: int, heads: int) -> None:
        super().__init__()
        if query_size % heads:
            raise ValueError(
                f"heads must divide the width of the queries evenly, not {heads} of {query_size}"
            )
        self.heads = heads
        self.context_size = query_size
        self.query_projection = nn.Linear(query_size, query_size, bias=False)  # all W_n^Q
        self.key_projection = nn.Linear(memory_size, query_size, bias=False)  # all W_n^K
        self.value_projection = nn.Linear(memory_size, query_size, bias=False)  # all W_n^V
        self.output_projection = nn.Linear(query_size, query_size, bias=False)  # W^O

    def project_memory(self, memory_BSH: Tensor, mask_BS: Tensor) -> Memory:
        return Memory(self.key_projection(memory_BSH), self.value_projection(memory_BSH), mask_BS)

    def forward(self, query_BTH: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        query_BNTD = self._heads_of(self.query_projection(query_BTH))
        keys_BNSD = self._heads_of(memory.keys_BSH)
        scores_BNTS = query_BNTD @ keys_BNSD.transpose(2, 3) * query_BNTD.shape[-1] ** -0.5
        weights_BNTS = masked_softmax(scores_BNTS, memory.mask_BS[:, None, None, :])
        context_BNTD = weights_BNTS @ self._heads_of(memory.values_BSH)
        context_BTH = self.output_projection(context_BNTD.transpose(1, 2).flatten(2))
        return context_BTH, weights_BNTS.mean(1)

    def _heads_of(self, x_BXH: Tensor) -> Tensor:
        """The heads apart: (B, N, X, D)."""
        B, X, H = x_BXH.shape
        return x_BXH.view(B, X, self.heads, H // self.heads).transpose(1, 2)


def build_attention(config: ModelConfig) -> Attention | None:
    """The attention of a recurrent decoder; None without one."""
    sizes = (config.hidden_size, config.memory_size)
    match config.attention:
        case "additive":
            return AdditiveAttention(*sizes)
        case "dot":
            return DotAttention(*sizes)
        case "general":
            return GeneralAttention(*sizes)
        case "multihead":
            return MultiheadAttention(*sizes, config.attention_heads)
        case "none":
            return None


def masked_softmax(scores: Tensor, mask: Tensor) -> Tensor:
    """Softmax over the last axis, exactly zero where ``mask``, which broadcasts, is False."""
    return torch.softmax(scores.masked_fill(~mask, float("-inf")), dim=-1)
