"""The output layer's label-smoothed cross-entropy against its formula, worked out by hand."""

from __future__ import annotations

from math import log

import pytest
import torch
from torch import Tensor

from model import loss
from model.loss import SOFTMAX_ROWS
from pipeline.tokenizer import PAD_ID


def label_smoothed_nll(
    logits_NV: Tensor, targets_N: Tensor, smoothing: float
) -> tuple[Tensor, Tensor]:
    """The loss under an output layer that hands on what it reads."""
    width = logits_NV.shape[1]
    identity = torch.eye(width, dtype=logits_NV.dtype)
    nothing = torch.zeros(width, dtype=logits_NV.dtype)
    return loss.label_smoothed_nll(logits_NV, identity, nothing, targets_N, smoothing)


def by_definition(logits_NV: Tensor, targets_N: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
    """q as a tensor, and its cross-entropy with p: what the fused version must equal."""
    log_p_NV = torch.log_softmax(logits_NV.float(), dim=1)
    q_NV = torch.full_like(log_p_NV, smoothing / logits_NV.shape[1])
    q_NV[torch.arange(len(targets_N)), targets_N] += 1 - smoothing
    real_N = targets_N != PAD_ID
    nll_N = -log_p_NV[torch.arange(len(targets_N)), targets_N]
    return -(q_NV * log_p_NV).sum(1)[real_N].sum(), nll_N[real_N].sum()


def test_without_smoothing_the_loss_is_the_negative_log_likelihood() -> None:
    # p = [1/2, 1/4, 1/8, 1/8]; the third row is padding.
    logits_NV = torch.tensor([[0.5, 0.25, 0.125, 0.125]] * 3).log()
    loss_sum, nll_sum = label_smoothed_nll(logits_NV, torch.tensor([1, 3, PAD_ID]), 0.0)
    assert loss_sum.item() == pytest.approx(log(4) + log(8))
    assert nll_sum.item() == pytest.approx(log(4) + log(8))


def test_smoothing_spreads_its_share_over_the_whole_vocabulary() -> None:
    # q = [.1, .7, .1, .1] at ε = .4 and V = 4: Σ -q log p in halvings is
    # .1 x 1 + .7 x 2 + .1 x 3 + .1 x 3 = 2.1.
    logits_NV = torch.tensor([[0.5, 0.25, 0.125, 0.125]]).log()
    loss_sum, nll_sum = label_smoothed_nll(logits_NV, torch.tensor([1]), 0.4)
    assert loss_sum.item() == pytest.approx(2.1 * log(2))
    assert nll_sum.item() == pytest.approx(2 * log(2))


def test_the_gradient_is_p_minus_q_and_zero_at_padding() -> None:
    logits_NV = torch.tensor([[0.5, 0.25, 0.125, 0.125]] * 2).log().requires_grad_()
    loss_sum, _ = label_smoothed_nll(logits_NV, torch.tensor([1, PAD_ID]), 0.4)
    loss_sum.backward()
    expected = torch.tensor([[0.4, -0.45, 0.025, 0.025], [0.0, 0.0, 0.0, 0.0]])
    torch.testing.assert_close(logits_NV.grad, expected)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_gradient_agrees_with_finite_differences(smoothing: float) -> None:
    torch.manual_seed(1)
    logits_NV = torch.randn(5, 7, dtype=torch.float64, requires_grad=True)
    targets_N = torch.tensor([1, 6, PAD_ID, 3, 3])
    assert torch.autograd.gradcheck(
        lambda logits: label_smoothed_nll(logits, targets_N, smoothing)[0], (logits_NV,)
    )


@pytest.mark.parametrize("rows", [1, SOFTMAX_ROWS, SOFTMAX_ROWS + 1, 3 * SOFTMAX_ROWS - 1])
def test_chunks_add_up_to_the_whole(rows: int) -> None:
    torch.manual_seed(2)
    logits_NV = torch.randn(rows, 11, requires_grad=True)
    targets_N = torch.randint(0, 11, (rows,))
    got = label_smoothed_nll(logits_NV, targets_N, 0.1)
    expected = by_definition(logits_NV, targets_N, 0.1)
    torch.testing.assert_close(got, expected)
    torch.testing.assert_close(
        torch.autograd.grad(got[0], logits_NV), torch.autograd.grad(expected[0], logits_NV)
    )


def test_bf16_logits_are_summed_in_float32() -> None:
    torch.manual_seed(3)
    logits_NV = (4 * torch.randn(200, 50)).bfloat16()
    targets_N = torch.randint(1, 50, (200,))
    loss_sum, nll_sum = label_smoothed_nll(logits_NV.requires_grad_(), targets_N, 0.1)
    assert loss_sum.dtype == nll_sum.dtype == torch.float32
    torch.testing.assert_close((loss_sum, nll_sum), by_definition(logits_NV, targets_N, 0.1))


def test_the_loss_is_the_same_without_gradients() -> None:
    logits_NV = torch.randn(9, 5, requires_grad=True)
    targets_N = torch.randint(0, 5, (9,))
    with_gradient, _ = label_smoothed_nll(logits_NV, targets_N, 0.1)
    with torch.inference_mode():
        without, nll_sum = label_smoothed_nll(logits_NV, targets_N, 0.1)
    assert without.item() == with_gradient.item()
    assert not nll_sum.requires_grad


def test_a_batch_of_padding_alone_costs_nothing() -> None:
    logits_NV = torch.randn(3, 5, requires_grad=True)
    loss_sum, nll_sum = label_smoothed_nll(logits_NV, torch.full((3,), PAD_ID), 0.1)
    loss_sum.backward()
    assert loss_sum.item() == nll_sum.item() == 0.0
    assert logits_NV.grad is not None
    assert not logits_NV.grad.any()


@pytest.mark.parametrize("wanted", [(True, True, True), (False, True, True), (True, False, False)])
def test_all_gradients_agree_with_finite_differences(wanted: tuple[bool, bool, bool]) -> None:
    torch.manual_seed(4)
    layer = [
        torch.randn(*shape, dtype=torch.float64, requires_grad=grad)
        for shape, grad in zip([(5, 3), (7, 3), (7,)], wanted, strict=True)
    ]
    targets_N = torch.tensor([1, 6, PAD_ID, 3, 3])
    assert torch.autograd.gradcheck(
        lambda *given: loss.label_smoothed_nll(*given, targets_N, 0.1)[0], layer
    )


@pytest.mark.parametrize("rows", [3, 4, 5, 11])
def test_chunks_of_the_output_layer_add_up_to_the_whole(
    rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loss, "CHUNK_ROWS", 4)
    torch.manual_seed(5)
    layer = [torch.randn(*shape, requires_grad=True) for shape in [(rows, 3), (7, 3), (7,)]]
    hidden_NH, weight_VH, bias_V = layer
    targets_N = torch.randint(0, 7, (rows,))
    got = loss.label_smoothed_nll(*layer, targets_N, 0.1)
    expected = by_definition(hidden_NH @ weight_VH.T + bias_V, targets_N, 0.1)
    torch.testing.assert_close(got, expected)
    torch.testing.assert_close(
        torch.autograd.grad(got[0], layer), torch.autograd.grad(expected[0], layer)
    )


def test_a_gradient_from_above_scales_all_of_them() -> None:
    torch.manual_seed(6)
    layer = [torch.randn(*shape, requires_grad=True) for shape in [(5, 3), (7, 3), (7,)]]
    targets_N = torch.tensor([1, 6, PAD_ID, 3, 3])
    once = torch.autograd.grad(loss.label_smoothed_nll(*layer, targets_N, 0.1)[0], layer)
    scaled = torch.autograd.grad(8 * loss.label_smoothed_nll(*layer, targets_N, 0.1)[0], layer)
    torch.testing.assert_close(scaled, tuple(8 * gradient for gradient in once))


def test_under_autocast_products_are_bf16_and_weights_have_gradients_of_their_own_dtype() -> None:
    torch.manual_seed(7)
    layer = [torch.randn(*shape, requires_grad=True) for shape in [(50, 16), (30, 16), (30,)]]
    targets_N = torch.randint(1, 30, (50,))
    expected = torch.autograd.grad(loss.label_smoothed_nll(*layer, targets_N, 0.1)[0], layer)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss_sum, _ = loss.label_smoothed_nll(*layer, targets_N, 0.1)
    got = torch.autograd.grad(loss_sum, layer)
    assert loss_sum.dtype == torch.float32
    assert [gradient.dtype for gradient in got] == [torch.float32] * 3
    for ours, theirs in zip(got, expected, strict=True):
        assert 0 < (ours - theirs).norm() / theirs.norm() < 0.02
