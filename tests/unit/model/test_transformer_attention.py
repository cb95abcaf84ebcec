"""Multi-head attention against numbers worked out by hand and against finite differences."""

from __future__ import annotations

from math import log, sqrt

import pytest
import torch
from torch import Tensor

from model.transformer_attention import MultiHeadAttention


def attention_of(*, query: Tensor, key_value: Tensor, heads: int) -> MultiHeadAttention:
    """Attention with these weights, which puts its heads out as they are."""
    attention = MultiHeadAttention(len(query), heads)
    with torch.no_grad():
        attention.query_projection.weight.copy_(query)
        attention.key_value_projection.weight.copy_(key_value)
        attention.output_projection.weight.copy_(torch.eye(len(query)))
    return attention


def test_each_head_weighs_its_own_part_by_the_scaled_product() -> None:
    one = torch.eye(4)
    attention = attention_of(query=one, key_value=torch.cat((one, one)), heads=2)
    # Two heads of two numbers. The scores of the first query are 0 and √2·ln 3 / √2 in the first
    # head, √2·ln 4 / √2 and 0 in the second: weights 1/4 and 3/4, 4/5 and 1/5.
    source_BSH = torch.tensor([[[0, 4, sqrt(2) * log(4), 5], [sqrt(2) * log(3), 8, 0, 0]]])
    query_BTH = torch.tensor([[[1.0, 0, 1, 0], [0, 0, 0, 0]]])
    found = attention(query_BTH, attention.keys_values(source_BSH))
    expected = [0.75 * sqrt(2) * log(3), 7.0, 0.8 * sqrt(2) * log(4), 4.0]
    torch.testing.assert_close(found[0, 0], torch.tensor(expected))
    torch.testing.assert_close(found[0, 1], source_BSH[0].mean(0))  # All scores zero: the mean.


def test_what_the_mask_hides_has_no_weight_whatever_it_holds() -> None:
    torch.manual_seed(0)
    attention = MultiHeadAttention(8, 2)
    query_BTH, source_BSH = torch.randn(2, 3, 8), torch.randn(2, 5, 8)
    mask_BS = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]]).bool()
    louder_BSH = source_BSH.masked_fill(~mask_BS[:, :, None], 1e6)
    quiet = attention(query_BTH, attention.keys_values(source_BSH), mask_BS)
    loud = attention(query_BTH, attention.keys_values(louder_BSH), mask_BS)
    assert torch.equal(loud, quiet)
    short = attention(query_BTH[1:], attention.keys_values(source_BSH[1:, :2]))
    torch.testing.assert_close(quiet[1:], short)


def test_a_causal_query_sees_up_to_itself() -> None:
    torch.manual_seed(0)
    attention = MultiHeadAttention(8, 4)
    x_BTH = torch.randn(2, 5, 8)
    all_at_once = attention(x_BTH, attention.keys_values(x_BTH), causal=True)
    for seen in range(1, 6):
        alone = attention(x_BTH[:, seen - 1 : seen], attention.keys_values(x_BTH[:, :seen]))
        torch.testing.assert_close(alone[:, 0], all_at_once[:, seen - 1])


@pytest.mark.parametrize("causal", [False, True])
def test_gradients_agree_with_finite_differences(causal: bool) -> None:
    torch.manual_seed(0)
    attention = MultiHeadAttention(4, 2).double()
    x_BTH = torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True)
    source_BSH = torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True)
    mask_BS = None if causal else torch.tensor([[1, 1, 1], [1, 0, 0]]).bool()
    weights = list(attention.parameters())

    def attended(x_BTH: Tensor, source_BSH: Tensor, *_: Tensor) -> Tensor:
        found: Tensor = attention(x_BTH, attention.keys_values(source_BSH), mask_BS, causal)
        return found

    assert torch.autograd.gradcheck(attended, (x_BTH, source_BSH, *weights))


def test_keys_and_values_start_as_two_matrices_and_not_as_one() -> None:
    torch.manual_seed(0)
    attention = MultiHeadAttention(64, 4)
    attention.initialise()
    bound = sqrt(6 / (64 + 64))  # Of Xavier's uniform distribution.
    for weight in (*attention.parameters(), *attention.key_value_projection.weight.chunk(2)):
        assert bound * 0.99 < weight.abs().max() <= bound
