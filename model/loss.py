"""Output layer and cross-entropy with label smoothing, as sums over the real target tokens.

Legend: N rows, one a target token, H width of what the output layer reads, V vocabulary, C rows
of a chunk of the output layer, R rows of one of the softmax.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from pipeline.tokenizer import PAD_ID

# Rows that go through the output layer together: enough for its products to run at full speed.
CHUNK_ROWS = 1024
# Rows taken through the softmax together: few enough for their float32 copies to stay in a cache.
SOFTMAX_ROWS = 64


def label_smoothed_nll(
    hidden_NH: Tensor,
    weight_VH: Tensor,
    bias_V: Tensor,
    targets_N: Tensor,
    smoothing: float,
) -> tuple[Tensor, Tensor]:
    """Label-smoothed and plain negative log-likelihood of softmax(W h + b).

    (Szegedy et al. 2016, §7.) The label y becomes a distribution that leaves a share ε,
    ``smoothing``, to chance, and the loss is the cross-entropy with it; u is uniform over the whole
    vocabulary, y included:

        q(v) = (1 - ε) [v = y] + ε u(v),    u(v) = 1/V
        loss = - Σ_v q(v) log p(v) = (1 - ε) (- log p(y)) + ε (- 1/V Σ_v log p(v))

    Args:
        hidden_NH: what the output layer reads.
        weight_VH: W; under autocast its products run in the dtype of that.
        bias_V: b.
        targets_N: int64 ids; rows whose target is padding count for nothing.
        smoothing: ε, in [0, 1).

    Returns:
        loss_sum, differentiable once, and nll_sum, detached: what loss_sum is without smoothing.
        Both are float32 at least.
    """
    loss_sum, nll_sum = _LabelSmoothedNll.apply(  # type: ignore[no-untyped-call]
        hidden_NH, weight_VH, bias_V, targets_N, smoothing
    )
    return loss_sum, nll_sum


class _LabelSmoothedNll(torch.autograd.Function):
    """The formula above with its gradients, a chunk of rows at a time.

    The logits are the largest tensor of the model by far. Here one chunk of them exists at a time,
    turns into its own gradient p - q in place, and leaves as the gradients of hidden rows and
    weights, which are small. So memory does not grow with N × V, and what is made and used up in a
    cache need not go through memory. The gradients of the weights are summed over the chunks in
    float32.
    """

    @staticmethod
    def forward(
        ctx: Any,
        hidden_NH: Tensor,
        weight_VH: Tensor,
        bias_V: Tensor,
        targets_N: Tensor,
        smoothing: float,
    ) -> tuple[Tensor, Tensor]:
        device = hidden_NH.device.type
        dtype = hidden_NH.dtype
        if torch.is_autocast_enabled(device):
            dtype = torch.get_autocast_dtype(device)
        h_NH, w_VH, b_V = hidden_NH.to(dtype), weight_VH.to(dtype), bias_V.to(dtype)
        sum_dtype = torch.promote_types(dtype, torch.float32)
        nll_sum = h_NH.new_zeros((), dtype=sum_dtype)
        uniform_sum = torch.zeros_like(nll_sum)
        buffer_CV = h_NH.new_empty((min(len(h_NH), CHUNK_ROWS), len(w_VH)))
        wants_gradient = any(ctx.needs_input_grad[:3])
        if wants_gradient:
            hidden_gradient_NH = torch.empty_like(h_NH)
            weight_gradient_VH = torch.zeros_like(w_VH, dtype=sum_dtype)
            bias_gradient_V = torch.zeros_like(b_V, dtype=sum_dtype)
        for start in range(0, len(h_NH), CHUNK_ROWS):
            rows = slice(start, start + CHUNK_ROWS)
            h_CH = h_NH[rows]
            logits_CV = torch.addmm(b_V, h_CH, w_VH.t(), out=buffer_CV[: len(h_CH)])
            nll, uniform = _softmax_losses(logits_CV, targets_N[rows], smoothing, wants_gradient)
            nll_sum += nll
            uniform_sum += uniform
            if wants_gradient:
                gradient_CV = logits_CV
                torch.mm(gradient_CV, w_VH, out=hidden_gradient_NH[rows])
                weight_gradient_VH += gradient_CV.t() @ h_CH
                bias_gradient_V += gradient_CV.sum(0, dtype=sum_dtype)
        if wants_gradient:
            ctx.save_for_backward(hidden_gradient_NH, weight_gradient_VH, bias_gradient_V)
            ctx.dtypes = hidden_NH.dtype, weight_VH.dtype, bias_V.dtype
        ctx.mark_non_differentiable(nll_sum)
        return (1.0 - smoothing) * nll_sum + smoothing * uniform_sum, nll_sum

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, loss_gradient: Tensor, _: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor, None, None]:
        hidden, weight, bias = (
            (gradient * loss_gradient).to(dtype)
            for gradient, dtype in zip(ctx.saved_tensors, ctx.dtypes, strict=True)
        )
        return hidden, weight, bias, None, None


def _softmax_losses(
    logits_CV: Tensor, targets_C: Tensor, smoothing: float, wants_gradient: bool
) -> tuple[Tensor, Tensor]:
    """Sums of - log p(y) and of - 1/V Σ_v log p(v); the logits become p - q where that is wanted.

    Written with ``log_softmax`` of all rows at once, three float32 copies of the logits would go
    through memory several times.
    """
    dtype = torch.promote_types(logits_CV.dtype, torch.float32)
    nll_sum = logits_CV.new_zeros((), dtype=dtype)
    uniform_sum = torch.zeros_like(nll_sum)
    for start in range(0, len(targets_C), SOFTMAX_ROWS):
        rows = slice(start, start + SOFTMAX_ROWS)
        target_R1 = targets_C[rows, None]
        real_R1 = target_R1 != PAD_ID
        log_p_RV = torch.log_softmax(logits_CV[rows], dim=1, dtype=dtype)
        nll_sum -= (log_p_RV.gather(1, target_R1) * real_R1).sum()
        uniform_sum -= (log_p_RV.mean(1, keepdim=True) * real_R1).sum()
        if wants_gradient:
            p_minus_q_RV = log_p_RV.exp_().sub_(smoothing / logits_CV.shape[1])
            p_minus_q_RV.scatter_add_(
                1, target_R1, p_minus_q_RV.new_full((), smoothing - 1).expand_as(target_R1)
            )
            torch.mul(p_minus_q_RV, real_R1, out=logits_CV[rows])
    return nll_sum, uniform_sum
