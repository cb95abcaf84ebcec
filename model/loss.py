"""Cross-entropy with label smoothing, as sums over the real target tokens.

Legend: N rows, one a target token, V vocabulary, C rows of a chunk.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from pipeline.tokenizer import PAD_ID

# Rows taken through the softmax together: few enough for their float32 copies to stay in a cache.
CHUNK_ROWS = 64


def label_smoothed_nll(
    logits_NV: Tensor, targets_N: Tensor, smoothing: float, ignore_index: int = PAD_ID
) -> tuple[Tensor, Tensor]:
    """Label-smoothed and plain negative log-likelihood (Szegedy et al. 2016, §7).

    The label y becomes a distribution that leaves a share ε, ``smoothing``, to chance, and the
    loss is the cross-entropy with it; u is uniform over the whole vocabulary, y included:

        q(v) = (1 - ε) [v = y] + ε u(v),    u(v) = 1/V
        loss = - Σ_v q(v) log p(v) = (1 - ε) (- log p(y)) + ε (- 1/V Σ_v log p(v))

    Args:
        logits_NV: unnormalised scores, of any floating dtype; computed with in float32 at least.
        targets_N: int64 ids; rows whose target is ``ignore_index`` count for nothing.
        smoothing: ε, in [0, 1).

    Returns:
        loss_sum, differentiable once, and nll_sum, detached: what loss_sum is without smoothing.
    """
    loss_sum, nll_sum = _LabelSmoothedNll.apply(  # type: ignore[no-untyped-call]
        logits_NV, targets_N, smoothing, ignore_index
    )
    return loss_sum, nll_sum


class _LabelSmoothedNll(torch.autograd.Function):
    """The formula above, chunk by chunk, with its gradient p - q worked out on the way.

    Written with ``log_softmax``, it keeps three float32 copies of the logits, the largest tensors
    of the model, and moves each through memory several times. Here p is turned into the gradient
    while it is in the cache, and only that is kept, in the dtype of the logits.
    """

    @staticmethod
    def forward(
        ctx: Any, logits_NV: Tensor, targets_N: Tensor, smoothing: float, ignore_index: int
    ) -> tuple[Tensor, Tensor]:
        dtype = torch.promote_types(logits_NV.dtype, torch.float32)
        nll_sum = logits_NV.new_zeros((), dtype=dtype)
        uniform_sum = torch.zeros_like(nll_sum)
        wants_gradient = ctx.needs_input_grad[0]
        gradient_NV = torch.empty_like(logits_NV) if wants_gradient else None
        for start in range(0, len(targets_N), CHUNK_ROWS):
            rows = slice(start, start + CHUNK_ROWS)
            target_C1 = targets_N[rows, None]
            real_C1 = target_C1 != ignore_index
            log_p_CV = torch.log_softmax(logits_NV[rows], dim=1, dtype=dtype)
            nll_sum -= (log_p_CV.gather(1, target_C1) * real_C1).sum()
            uniform_sum -= (log_p_CV.mean(1, keepdim=True) * real_C1).sum()
            if gradient_NV is not None:
                p_minus_q_CV = log_p_CV.exp_().sub_(smoothing / logits_NV.shape[1])
                p_minus_q_CV.scatter_add_(
                    1, target_C1, p_minus_q_CV.new_full((), smoothing - 1).expand_as(target_C1)
                )
                torch.mul(p_minus_q_CV, real_C1, out=gradient_NV[rows])
        ctx.save_for_backward(gradient_NV)
        ctx.mark_non_differentiable(nll_sum)
        return (1.0 - smoothing) * nll_sum + smoothing * uniform_sum, nll_sum

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, loss_gradient: Tensor, _: Tensor | None
    ) -> tuple[Tensor, None, None, None]:
        (gradient_NV,) = ctx.saved_tensors
        return gradient_NV * loss_gradient.to(gradient_NV.dtype), None, None, None
