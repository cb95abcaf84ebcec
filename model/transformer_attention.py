"""Multi-head attention (Vaswani et al. 2017, §3.2).

Legend: B sentences, T queries a sentence, S positions attended to, H width of the model,
X = 2H: keys and values side by side, N heads, D = H / N width of a head. A mask is True at
positions that may be seen.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class MultiHeadAttention(nn.Module):
    """Concat(head_1 … head_N) W^O, each softmax(Q Kᵀ / √D) V of its own projections (§3.2.2).

    Keys and values are a call of their own, so that search computes them once a position. All
    heads' projections are one matrix for queries, one for keys and values, without biases as in
    the paper.

    Where we deviate: nothing is dropped from the softmax, as the authors' program does and their
    paper doesn't say. On CPUs that would leave the fused kernel, which keeps no T×S tensor.
    """

    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query_projection = nn.Linear(size, size, bias=False)  # W^Q
        self.key_value_projection = nn.Linear(size, 2 * size, bias=False)  # W^K, W^V
        self.output_projection = nn.Linear(size, size, bias=False)  # W^O

    def keys_values(self, x_BSH: Tensor) -> Tensor:
        """Keys and values of positions that will be attended to, side by side: (B, S, 2H)."""
        projected_BSX: Tensor = self.key_value_projection(x_BSH)
        return projected_BSX

    def forward(
        self,
        x_BTH: Tensor,
        keys_values_BSX: Tensor,
        mask_BS: Tensor | None = None,
        causal: bool = False,
    ) -> Tensor:
        """Attend from every position of ``x_BTH`` at once; what comes out is (B, T, H).

        Args:
            x_BTH: what the queries are made of.
            keys_values_BSX: of :meth:`keys_values`.
            mask_BS: True at positions that may be seen, one a sentence at least; None for all.
            causal: whether query t sees the positions up to t only; not together with a mask.
        """
        keys_BSH, values_BSH = keys_values_BSX.chunk(2, dim=-1)
        context_BNTD = fused_attention(
            self._heads_apart(self.query_projection(x_BTH)),
            self._heads_apart(keys_BSH),
            self._heads_apart(values_BSH),
            mask_BS,
            causal,
        )
        attended_BTH: Tensor = self.output_projection(context_BNTD.transpose(1, 2).flatten(2))
        return attended_BTH

    def _heads_apart(self, x_BTH: Tensor) -> Tensor:
        sentences, positions, _ = x_BTH.shape
        return x_BTH.view(sentences, positions, self.heads, -1).transpose(1, 2)

    @torch.no_grad()
    def initialise(self) -> None:
        """Xavier uniform (Glorot and Bengio 2010), W^K and W^V each by itself."""
        for weight in (
            self.query_projection.weight,
            *self.key_value_projection.weight.chunk(2),
            self.output_projection.weight,
        ):
            nn.init.xavier_uniform_(weight)


def fused_attention(
    query_BNTD: Tensor, keys_BNSD: Tensor, values_BNSD: Tensor, mask_BS: Tensor | None, causal: bool
) -> Tensor:
    """softmax(Q Kᵀ / √D) V by torch's fused kernel (§3.2.1, eq. 1): (B, N, T, D).

    On CPUs the kernel works in float32 whatever comes in: forward and backward take 7 ms in place
    of 51 ms in bf16 at 192 sentences of 10 tokens, 11 in place of 24 at 32 of 64 (one thread, four
    heads of 64).
    """
    device = query_BNTD.device.type
    if device == "cpu" and query_BNTD.dtype == torch.bfloat16:
        query_BNTD, keys_BNSD, values_BNSD = (
            query_BNTD.float(),
            keys_BNSD.float(),
            values_BNSD.float(),
        )
    # Autocast would make it bf16 again; on a GPU the projections have made it so already.
    with torch.autocast(device, enabled=False):
        return F.scaled_dot_product_attention(
            query_BNTD,
            keys_BNSD,
            values_BNSD,
            attn_mask=None if mask_BS is None else mask_BS[:, None, None, :],
            is_causal=causal,
        )
