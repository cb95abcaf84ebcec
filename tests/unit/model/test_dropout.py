"""Dropout: the share, the scale, and when there is none."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from model.dropout import Dropout


@pytest.mark.parametrize("p", [0.1, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_share_p_is_dropped_and_the_rest_is_scaled(p: float, dtype: torch.dtype) -> None:
    torch.manual_seed(1)
    dropped = Dropout(p)(torch.ones(1000, 301, dtype=dtype))
    # Four standard deviations of the share of 301,000 draws.
    assert (dropped == 0).double().mean().item() == pytest.approx(
        p, abs=4 * (p * (1 - p) / 301e3) ** 0.5
    )
    expected = nn.functional.dropout(torch.ones(1000, dtype=dtype), p).max()
    torch.testing.assert_close(dropped.max(), expected)
    assert len(dropped.unique()) == 2


@pytest.mark.parametrize("shape", [(), (0,), (1,), (3,), (5, 7), (2, 3, 4)])
def test_any_shape_is_taken(shape: tuple[int, ...]) -> None:
    assert Dropout(0.5)(torch.ones(shape)).shape == shape


def test_the_gradient_is_zero_where_the_element_was_dropped() -> None:
    torch.manual_seed(2)
    x = torch.rand(50, requires_grad=True)
    dropped = Dropout(0.5)(x)
    dropped.sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, (dropped != 0).float() * 2)


def test_elements_are_dropped_independently() -> None:
    """Four neighbours share a draw, not a fate."""
    torch.manual_seed(3)
    kept = (Dropout(0.5)(torch.ones(40_000)) != 0).double().view(-1, 4)
    assert torch.corrcoef(kept.T).fill_diagonal_(0).abs().max() < 0.05


def test_the_seed_decides() -> None:
    def drawn(seed: int) -> list[float]:
        torch.manual_seed(seed)
        return Dropout(0.5)(torch.ones(99)).tolist()

    assert drawn(1) == drawn(1) != drawn(2)


def test_nothing_is_dropped_outside_training_or_at_p_0() -> None:
    x = torch.rand(99)
    assert torch.equal(Dropout(0.5).eval()(x), x)
    assert torch.equal(Dropout(0.0)(x), x)
