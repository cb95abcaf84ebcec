"""Attention against numbers worked out by hand, finite differences and padding."""

from __future__ import annotations

from collections.abc import Callable
from math import atanh, log

import pytest
import torch
from torch import Tensor, nn

from model import attention as attention_module
from model.attention import (
    AdditiveAttention,
    Attention,
    DotAttention,
    GeneralAttention,
    Memory,
    MultiheadAttention,
)

# Queries of 4 numbers; memories of 6, but for dot.
KINDS: dict[str, Callable[[], Attention]] = {
    "additive": lambda: AdditiveAttention(4, 6),
    "dot": lambda: DotAttention(4, 4),
    "general": lambda: GeneralAttention(4, 6),
    "multihead": lambda: MultiheadAttention(4, 6, heads=2),
}
MASK_BS = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]]).bool()


def inputs(attention: Attention, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """Three queries and five source positions of two sentences."""
    width = 4 if isinstance(attention, DotAttention) else 6
    return (
        torch.randn(2, 3, 4, dtype=dtype, requires_grad=True),
        torch.randn(2, 5, width, dtype=dtype, requires_grad=True),
    )


def set_weight(linear: nn.Linear, weight: list[list[float]]) -> None:
    with torch.no_grad():
        linear.weight.copy_(torch.tensor(weight))


def test_general_weights_and_context_are_those_of_the_formula() -> None:
    attention = GeneralAttention(query_size=2, memory_size=3)
    set_weight(attention.key_projection, [[1, 0, 0], [0, 1, 0]])
    # Keys are the first two numbers of each memory; scores of [1, 0]: ln 1, ln 3, and padding.
    memory_BSH = torch.tensor([[[0.0, 0, 4], [log(3), 5, 8], [9, 9, 9]]])
    mask_BS = torch.tensor([[True, True, False]])
    memory = attention.project_memory(memory_BSH, mask_BS)
    context_BTH, weights_BTS = attention(torch.tensor([[[1.0, 0.0]]]), memory)
    torch.testing.assert_close(weights_BTS, torch.tensor([[[0.25, 0.75, 0.0]]]))
    torch.testing.assert_close(context_BTH, torch.tensor([[[0.75 * log(3), 3.75, 7.0]]]))


def test_dot_weights_and_context_are_those_of_the_formula() -> None:
    attention = DotAttention(2, 2)
    memory_BSH = torch.tensor([[[0.0, 4], [log(3), 8], [9, 9]]])
    memory = attention.project_memory(memory_BSH, torch.tensor([[True, True, False]]))
    context_BTH, weights_BTS = attention(torch.tensor([[[1.0, 0.0]]]), memory)
    torch.testing.assert_close(weights_BTS, torch.tensor([[[0.25, 0.75, 0.0]]]))
    torch.testing.assert_close(context_BTH, torch.tensor([[[0.75 * log(3), 7.0]]]))


def test_additive_weights_and_context_are_those_of_the_formula() -> None:
    attention = AdditiveAttention(query_size=1, memory_size=2)
    set_weight(attention.query_projection, [[3]])
    set_weight(attention.key_projection, [[1, 0]])
    set_weight(attention.inner_to_score, [[2 * log(3)]])
    # The query 1 becomes 3. Inner layers: tanh(3 - 3) = 0 and tanh(3 + …) = 1/2; scores 0, ln 3.
    memory_BSH = torch.tensor([[[-3.0, 4], [atanh(0.5) - 3, 8], [9, 9]]])
    memory = attention.project_memory(memory_BSH, torch.tensor([[True, True, False]]))
    context_BTH, weights_BTS = attention(torch.ones(1, 1, 1), memory)
    torch.testing.assert_close(weights_BTS, torch.tensor([[[0.25, 0.75, 0.0]]]))
    torch.testing.assert_close(context_BTH, torch.tensor([[[0.75 * atanh(0.5) - 3, 7.0]]]))


def test_each_head_attends_by_itself_with_scores_divided_by_the_root_of_its_width() -> None:
    attention = MultiheadAttention(query_size=8, memory_size=8, heads=2)
    for linear in attention.children():
        nn.init.eye_(linear.weight)  # type: ignore[arg-type]
    # √4 halves the query's 2: scores are the first number of each head's four.
    query_BTH = torch.tensor([[[2.0, 0, 0, 0, 2, 0, 0, 0]]])
    memory_BSH = torch.tensor(
        [[[0, 1, 0, 0, log(3), 5, 0, 0], [log(3), 3, 0, 0, 0, 9, 0, 0], [9.0] * 8]]
    )
    memory = attention.project_memory(memory_BSH, torch.tensor([[True, True, False]]))
    context_BTH, weights_BTS = attention(query_BTH, memory)
    # Heads weigh 1/4 to 3/4 and 3/4 to 1/4; the weights told are their mean.
    expected = torch.tensor([[[0.75 * log(3), 2.5, 0, 0, 0.75 * log(3), 6, 0, 0]]])
    torch.testing.assert_close(context_BTH, expected)
    torch.testing.assert_close(weights_BTS, torch.tensor([[[0.5, 0.5, 0.0]]]))


@pytest.mark.parametrize("kind", KINDS)
def test_padding_gets_exactly_no_weight_whatever_it_holds(kind: str) -> None:
    torch.manual_seed(0)
    attention = KINDS[kind]()
    query_BTH, memory_BSH = inputs(attention)
    louder_BSH = memory_BSH.masked_fill(~MASK_BS[:, :, None], 1e6)
    context_BTH, weights_BTS = attention(query_BTH, attention.project_memory(memory_BSH, MASK_BS))
    louder, _ = attention(query_BTH, attention.project_memory(louder_BSH, MASK_BS))
    assert torch.equal(weights_BTS[1, :, 2:], torch.zeros(3, 3))
    torch.testing.assert_close(weights_BTS.sum(-1), torch.ones(2, 3))
    torch.testing.assert_close(context_BTH, louder)
    alone, _ = attention(
        query_BTH[1:], attention.project_memory(memory_BSH[1:, :2], MASK_BS[1:, :2])
    )
    torch.testing.assert_close(context_BTH[1:], alone)


@pytest.mark.parametrize("kind", KINDS)
def test_the_context_is_as_wide_as_is_said(kind: str) -> None:
    attention = KINDS[kind]()
    query_BTH, memory_BSH = inputs(attention)
    context_BTH, _ = attention(query_BTH, attention.project_memory(memory_BSH, MASK_BS))
    assert context_BTH.shape == (2, 3, attention.context_size)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_agree_with_finite_differences(kind: str) -> None:
    torch.manual_seed(0)
    attention = KINDS[kind]().double()

    # gradcheck moves the weights in place, so the attention need not be handed them.
    def answer(query_BTH: Tensor, memory_BSH: Tensor, *_: Tensor) -> tuple[Tensor, Tensor]:
        memory = attention.project_memory(memory_BSH, MASK_BS)
        found: tuple[Tensor, Tensor] = attention(query_BTH, memory)
        return found

    wanted = (*inputs(attention, torch.float64), *attention.parameters())
    assert torch.autograd.gradcheck(answer, wanted)


@pytest.mark.parametrize("elements", [1, 2 * 5 * 4, 2 * 5 * 4 * 2, 1 << 20])
def test_chunks_of_additive_attention_are_as_the_whole(
    elements: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    attention = AdditiveAttention(4, 6)
    query_BTH, memory_BSH = inputs(attention)
    memory = attention.project_memory(memory_BSH, MASK_BS)
    # The formula as it stands, with the whole (B, T, S, A) tensor.
    inner_BTSA = (
        attention.query_projection(query_BTH)[:, :, None] + memory.keys_BSH[:, None]
    ).tanh()
    expected_BTS = attention.inner_to_score(inner_BTSA)[..., 0]
    monkeypatch.setattr(attention_module, "ADDITIVE_ELEMENTS", elements)
    scores_BTS = attention.score(query_BTH, memory)
    torch.testing.assert_close(scores_BTS, expected_BTS)
    weight_BTS = torch.randn_like(scores_BTS)
    wanted = (query_BTH, memory_BSH, *attention.parameters())
    torch.testing.assert_close(
        torch.autograd.grad((scores_BTS * weight_BTS).sum(), wanted, retain_graph=True),
        torch.autograd.grad((expected_BTS * weight_BTS).sum(), wanted),
    )


def test_additive_attention_keeps_nothing_that_is_as_large_as_queries_times_sources() -> None:
    attention = AdditiveAttention(16, 16)
    query_BTH, memory_BSH = torch.randn(2, 30, 16), torch.randn(2, 25, 16)
    kept: list[int] = []

    def note(tensor: Tensor) -> Tensor:
        kept.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        memory = attention.project_memory(memory_BSH, torch.ones(2, 25).bool())
        context_BTH, _ = attention(query_BTH, memory)
    context_BTH.sum().backward()
    assert max(kept) <= 2 * 30 * 25
    assert attention.inner_to_score.weight.grad is not None


def test_a_dot_product_of_unequal_widths_is_refused() -> None:
    with pytest.raises(ValueError, match="queries and memory of one width, not 4 and 6"):
        DotAttention(4, 6)


def test_heads_that_do_not_divide_the_width_are_refused() -> None:
    with pytest.raises(ValueError, match=r"heads must divide .* not 3 of 4"):
        MultiheadAttention(4, 6, heads=3)


def test_a_memory_is_selected_by_sentence() -> None:
    memory = Memory(torch.randn(3, 4, 2), torch.randn(3, 4, 5), torch.ones(3, 4).bool())
    selected = memory.select(torch.tensor([2, 0, 2]))
    assert torch.equal(selected.keys_BSH, memory.keys_BSH[[2, 0, 2]])
    assert torch.equal(selected.values_BSH, memory.values_BSH[[2, 0, 2]])
    assert selected.mask_BS.shape == (3, 4)
