"""The encoder against torch's own packed, stacked, bidirectional LSTM."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from model.config import ModelConfig
from model.encoder import LstmEncoder, RecurrentEncoder, mask_and_reversal, take_positions
from pipeline.tokenizer import EOS_ID, PAD_ID

SOURCE_BS = torch.tensor(
    [
        [5, 6, 7, 8, EOS_ID],
        [9, EOS_ID, PAD_ID, PAD_ID, PAD_ID],
        [4, 5, 4, EOS_ID, PAD_ID],
        [EOS_ID, PAD_ID, PAD_ID, PAD_ID, PAD_ID],
    ]
)
LENGTHS_B = torch.tensor([5, 2, 4, 1])
MASK_BS = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [1, 1, 1, 1, 0], [1, 0, 0, 0, 0]]).bool()


def encoder_of(**changes: object) -> LstmEncoder:
    torch.manual_seed(0)
    config = ModelConfig.model_validate(
        {"embedding_size": 6, "hidden_size": 8, "dropout": 0.0, **changes}
    )
    return LstmEncoder(config, vocab_size=10)


def packed_reference(encoder: LstmEncoder, config_layers: int, directions: int) -> list[Tensor]:
    """Memory, final hidden and final cell states of one nn.LSTM with the encoder's weights."""
    first = encoder.layers[0][0]  # type: ignore[index]
    lstm = nn.LSTM(
        first.input_size,
        first.hidden_size,
        num_layers=config_layers,
        bidirectional=directions == 2,
        batch_first=True,
    )
    weights = {}
    for layer, modules in enumerate(encoder.layers):
        for direction, module in enumerate(modules):  # type: ignore[arg-type]
            suffix = f"_l{layer}" + ("_reverse" if direction else "")
            for name, weight in module.named_parameters():
                weights[name.replace("_l0", suffix)] = weight
    lstm.load_state_dict(weights)
    packed = pack_padded_sequence(
        encoder.embedding(SOURCE_BS), LENGTHS_B, batch_first=True, enforce_sorted=False
    )
    output, states = lstm(packed)
    memory_BSH, _ = pad_packed_sequence(output, batch_first=True, total_length=5)
    # (L x directions, B, H) -> (L, B, directions x H)
    joined = [
        state.unflatten(0, (config_layers, directions)).transpose(1, 2).flatten(2)
        for state in states
    ]
    return [memory_BSH, *joined]


def test_mask_and_reversal_are_the_ones_drawn_by_hand() -> None:
    mask_BS, reversed_BS = mask_and_reversal(SOURCE_BS, LENGTHS_B)
    assert torch.equal(mask_BS, MASK_BS)
    expected = torch.tensor([[4, 3, 2, 1, 0], [1, 0, 2, 3, 4], [3, 2, 1, 0, 4], [0, 1, 2, 3, 4]])
    assert torch.equal(reversed_BS, expected)
    x_BSH = torch.randn(4, 5, 2)
    twice = take_positions(take_positions(x_BSH, reversed_BS), reversed_BS)
    assert torch.equal(twice, x_BSH)


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_values_are_those_of_a_packed_lstm(layers: int, bidirectional: bool) -> None:
    encoder = encoder_of(encoder_layers=layers, bidirectional=bidirectional)
    encoded = encoder(SOURCE_BS, LENGTHS_B)
    memory_BSH, hidden_LBH, _ = packed_reference(encoder, layers, 2 if bidirectional else 1)
    torch.testing.assert_close(encoded.memory_BSH, memory_BSH)
    torch.testing.assert_close(encoded.final_hidden_LBH, hidden_LBH)
    assert encoded.final_cell_LBH is None


def test_without_attention_the_final_cells_are_kept_and_exact() -> None:
    encoder = encoder_of(attention="none", bidirectional=False, encoder_layers=2, decoder_layers=2)
    encoded = encoder(SOURCE_BS, LENGTHS_B)
    memory_BSH, hidden_LBH, cell_LBH = packed_reference(encoder, 2, 1)
    torch.testing.assert_close(encoded.memory_BSH, memory_BSH)
    torch.testing.assert_close(encoded.final_hidden_LBH, hidden_LBH)
    torch.testing.assert_close(encoded.final_cell_LBH, cell_LBH)


def test_padding_is_zero_and_masked() -> None:
    encoded = encoder_of()(SOURCE_BS, LENGTHS_B)
    assert torch.equal(encoded.mask_BS, MASK_BS)
    assert not encoded.memory_BSH[~MASK_BS].any()
    assert encoded.memory_BSH[MASK_BS].any(-1).all()


@pytest.mark.parametrize("kind", [{}, {"attention": "none", "bidirectional": False}])
def test_more_padding_changes_nothing(kind: dict[str, object]) -> None:
    encoder = encoder_of(**kind)
    encoded = encoder(SOURCE_BS, LENGTHS_B)
    wider_BS = nn.functional.pad(SOURCE_BS, (0, 3), value=PAD_ID)
    wider = encoder(wider_BS, LENGTHS_B)
    torch.testing.assert_close(wider.memory_BSH[:, :5], encoded.memory_BSH)
    torch.testing.assert_close(wider.final_hidden_LBH, encoded.final_hidden_LBH)
    assert not wider.mask_BS[:, 5:].any()


def test_what_padding_holds_reaches_no_gradient() -> None:
    encoder = encoder_of()
    source_BS = SOURCE_BS.masked_fill(~MASK_BS, 3)  # Not even a padding_idx protects it now.
    encoder(source_BS, LENGTHS_B).memory_BSH.sum().backward()
    expected = torch.autograd.grad(
        encoder(SOURCE_BS, LENGTHS_B).memory_BSH.sum(), encoder.embedding.weight
    )[0]
    torch.testing.assert_close(encoder.embedding.weight.grad, expected)


def test_final_states_of_gated_recurrent_units_are_exact() -> None:
    config = ModelConfig(architecture="gru", embedding_size=6, hidden_size=8, dropout=0.0)
    torch.manual_seed(0)
    encoded = RecurrentEncoder(config, vocab_size=10)(SOURCE_BS, LENGTHS_B)
    assert encoded.final_cell_LBH is None
    # The forward direction ends at the last word, the backward one at the first.
    last = encoded.memory_BSH[torch.arange(4), LENGTHS_B - 1, :4]
    assert torch.equal(
        encoded.final_hidden_LBH[0], torch.cat((last, encoded.memory_BSH[:, 0, 4:]), 1)
    )


def test_an_lstm_encoder_refuses_to_be_another() -> None:
    with pytest.raises(ValueError, match="needs architecture 'lstm', not 'gru'"):
        LstmEncoder(ModelConfig(architecture="gru"), vocab_size=10)
