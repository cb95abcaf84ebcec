"""Multiplicative attention against numbers worked out by hand."""

from __future__ import annotations

from math import log

import torch
from torch import Tensor

from model.attention import GeneralAttention, Memory


def test_weights_and_context_are_those_of_the_formula() -> None:
    attention = GeneralAttention(query_size=2, memory_size=3)
    with torch.no_grad():
        attention.key_projection.weight.copy_(torch.tensor([[1.0, 0, 0], [0, 1, 0]]))
    # Keys are the first two numbers of each memory; scores of [1, 0]: ln 1, ln 3, and padding.
    memory_BSH = torch.tensor([[[0.0, 0, 4], [log(3), 5, 8], [9, 9, 9]]])
    mask_BS = torch.tensor([[True, True, False]])
    memory = attention.project_memory(memory_BSH, mask_BS)
    context_BTH, weights_BTS = attention(torch.tensor([[[1.0, 0.0]]]), memory)
    torch.testing.assert_close(weights_BTS, torch.tensor([[[0.25, 0.75, 0.0]]]))
    torch.testing.assert_close(context_BTH, torch.tensor([[[0.75 * log(3), 3.75, 7.0]]]))


def test_padding_gets_exactly_no_weight_whatever_it_holds() -> None:
    torch.manual_seed(0)
    attention = GeneralAttention(4, 6)
    query_BTH, memory_BSH = torch.randn(2, 3, 4), torch.randn(2, 5, 6)
    mask_BS = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]]).bool()
    louder_BSH = memory_BSH.masked_fill(~mask_BS[:, :, None], 1e6)
    context_BTH, weights_BTS = attention(query_BTH, attention.project_memory(memory_BSH, mask_BS))
    louder, _ = attention(query_BTH, attention.project_memory(louder_BSH, mask_BS))
    assert torch.equal(weights_BTS[1, :, 2:], torch.zeros(3, 3))
    torch.testing.assert_close(weights_BTS.sum(-1), torch.ones(2, 3))
    torch.testing.assert_close(context_BTH, louder)


def test_gradients_agree_with_finite_differences() -> None:
    torch.manual_seed(0)
    attention = GeneralAttention(3, 2).double()
    query_BTH = torch.randn(2, 2, 3, dtype=torch.float64, requires_grad=True)
    memory_BSH = torch.randn(2, 4, 2, dtype=torch.float64, requires_grad=True)
    mask_BS = torch.tensor([[1, 1, 1, 0], [1, 0, 0, 0]]).bool()

    def context(query_BTH: Tensor, memory_BSH: Tensor) -> Tensor:
        context_BTH: Tensor = attention(query_BTH, attention.project_memory(memory_BSH, mask_BS))[0]
        return context_BTH

    assert torch.autograd.gradcheck(context, (query_BTH, memory_BSH))


def test_a_memory_is_selected_by_sentence() -> None:
    memory = Memory(torch.randn(3, 4, 2), torch.randn(3, 4, 5), torch.ones(3, 4).bool())
    selected = memory.select(torch.tensor([2, 0, 2]))
    assert torch.equal(selected.keys_BSH, memory.keys_BSH[[2, 0, 2]])
    assert torch.equal(selected.values_BSH, memory.values_BSH[[2, 0, 2]])
    assert selected.mask_BS.shape == (3, 4)
