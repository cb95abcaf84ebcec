"""The decoder: unrolled over a target and step by step are one and the same."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from model.config import ModelConfig
from model.decoder import DecoderState, RecurrentDecoder
from model.encoder import EncoderOutput
from recurrent_models import RECURRENT

TARGET_IN_BT = torch.tensor([[2, 5, 6, 7], [2, 8, 0, 0], [2, 4, 4, 0]])


def decoder_and_start(kind: str) -> tuple[RecurrentDecoder, DecoderState]:
    torch.manual_seed(0)
    config = ModelConfig.model_validate(
        {"embedding_size": 6, "hidden_size": 8, "dropout": 0.0, **RECURRENT[kind]}
    )
    decoder = RecurrentDecoder(config, vocab_size=10)
    mask_BS = torch.tensor([[1, 1, 1, 1, 1], [1, 0, 0, 0, 0], [1, 1, 1, 0, 0]]).bool()
    keeps_cells = config.attention == "none" and config.architecture == "lstm"
    encoded = EncoderOutput(
        memory_BSH=torch.randn(3, 5, config.memory_size) * mask_BS[:, :, None],
        final_hidden_LBH=torch.randn(config.encoder_layers, 3, config.memory_size),
        final_cell_LBH=torch.randn(config.encoder_layers, 3, 8) if keeps_cells else None,
        mask_BS=mask_BS,
    )
    return decoder, decoder.start(encoded)


@pytest.mark.parametrize("kind", RECURRENT)
def test_step_by_step_is_the_same_as_unrolled(kind: str) -> None:
    decoder, state = decoder_and_start(kind)
    unrolled_BTH = decoder.unrolled(TARGET_IN_BT, state)
    for position in range(TARGET_IN_BT.shape[1]):
        step_BH, state = decoder.step(TARGET_IN_BT[:, position], state)
        torch.testing.assert_close(step_BH, unrolled_BTH[:, position])


@pytest.mark.parametrize("kind", RECURRENT)
def test_a_beam_of_rows_steps_as_each_of_them_would_alone(kind: str) -> None:
    decoder, start = decoder_and_start(kind)
    unrolled_BTH = decoder.unrolled(TARGET_IN_BT, start)
    grown = start.reorder(torch.tensor([0, 0, 1, 1, 2, 2]))
    step_RH, grown = decoder.step(torch.tensor([2, 9, 2, 9, 2, 9]), grown)
    torch.testing.assert_close(step_RH[::2], unrolled_BTH[:, 0])
    # The beams swap places, and then the middle sentence leaves.
    swapped = grown.reorder(torch.tensor([1, 0, 5, 4]))
    step_RH, _ = decoder.step(torch.tensor([7, 5, 7, 4]), swapped)
    torch.testing.assert_close(step_RH[[1, 3]], unrolled_BTH[[0, 2], 1])


def test_an_uneven_reordering_is_right_too() -> None:
    decoder, start = decoder_and_start("general")
    expected_RH, _ = decoder.step(torch.tensor([2, 2, 2]), start)
    index_R = torch.tensor([2, 0, 0, 0, 1])
    step_RH, _ = decoder.step(torch.full((5,), 2), start.reorder(index_R))
    torch.testing.assert_close(step_RH, expected_RH[index_R])


def test_growing_to_a_beam_and_shuffling_it_copies_no_memory() -> None:
    _, start = decoder_and_start("general")
    grown = start.reorder(torch.arange(3).repeat_interleave(4))
    shuffled = grown.reorder(torch.tensor([3, 0, 0, 1, 7, 7, 7, 7, 8, 9, 10, 11]))
    assert shuffled.memory is start.memory
    assert shuffled.hidden_LRH.shape[1] == 12


def test_the_attention_of_a_step_is_on_the_state_and_moves_with_its_row() -> None:
    decoder, start = decoder_and_start("general")
    _, state = decoder.step(torch.tensor([2, 2, 2]), start)
    assert state.weights_RS is not None
    torch.testing.assert_close(state.weights_RS[1], torch.tensor([1.0, 0, 0, 0, 0]))
    moved = state.reorder(torch.tensor([2, 1])).weights_RS
    assert moved is not None
    assert torch.equal(moved, state.weights_RS[[2, 1]])


def test_with_attention_the_cell_starts_at_zero_and_the_state_within_tanh() -> None:
    _, start = decoder_and_start("general, deep")
    assert start.cell_LRH is not None
    assert start.hidden_LRH.shape == start.cell_LRH.shape == (3, 3, 8)
    assert not start.cell_LRH.any()
    assert start.hidden_LRH.abs().max() < 1


def test_without_attention_the_encoders_states_are_the_first() -> None:
    torch.manual_seed(0)
    config = ModelConfig(attention="none", bidirectional=False, embedding_size=6, hidden_size=8)
    hidden_LBH, cell_LBH = torch.randn(2, 1, 3, 8)
    encoded = EncoderOutput(torch.zeros(3, 5, 8), hidden_LBH, cell_LBH, torch.ones(3, 5).bool())
    start = RecurrentDecoder(config, vocab_size=10).start(encoded)
    assert start.hidden_LRH is hidden_LBH
    assert start.cell_LRH is cell_LBH
    assert start.memory is None


@pytest.mark.parametrize("kind", ["gru", "gru, none", "gru, modern"])
def test_gated_recurrent_units_have_no_cell(kind: str) -> None:
    decoder, start = decoder_and_start(kind)
    _, state = decoder.step(torch.tensor([2, 2, 2]), start)
    assert start.cell_LRH is state.cell_LRH is state.reorder(torch.tensor([1])).cell_LRH is None


def test_the_first_word_is_fed_zeros_and_the_next_what_was_said_of_it() -> None:
    decoder, start = decoder_and_start("input feeding")
    assert start.fed_RH is not None
    assert not start.fed_RH.any()
    said_RH, state = decoder.step(torch.tensor([2, 2, 2]), start)
    assert state.fed_RH is not None
    assert torch.equal(state.fed_RH, said_RH)
    moved = state.reorder(torch.tensor([2, 2])).fed_RH
    assert moved is not None
    assert torch.equal(moved, said_RH[[2, 2]])


def test_what_is_fed_reaches_the_next_step() -> None:
    decoder, start = decoder_and_start("input feeding")
    _, state = decoder.step(torch.tensor([2, 2, 2]), start)
    assert state.fed_RH is not None
    next_RH, _ = decoder.step(torch.tensor([5, 5, 5]), state)
    deaf_RH, _ = decoder.step(
        torch.tensor([5, 5, 5]), replace(state, fed_RH=torch.zeros_like(state.fed_RH))
    )
    assert not torch.allclose(next_RH, deaf_RH)
