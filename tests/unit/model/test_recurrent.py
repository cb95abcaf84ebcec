"""What stands between recurrent layers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from model.config import ModelConfig
from model.encoder import LstmEncoder
from model.recurrent import LayerEnd, LayerStack, build_layers

X_RTE = torch.tensor([[[1.0, 2.0, 3.0, 4.0]]])
OUTPUT_RTH = torch.tensor([[[0.5, 0.0, -0.5, 1.0]]])


def config_of(**changes: object) -> ModelConfig:
    sizes = {"embedding_size": 4, "hidden_size": 4, "dropout": 0.0}
    return ModelConfig.model_validate({**sizes, **changes})


def test_a_layer_ends_with_its_output_unless_told_otherwise() -> None:
    end = LayerEnd(4, 4, residual=False, layer_norm=False)
    assert end(X_RTE, OUTPUT_RTH) is OUTPUT_RTH
    assert not end.state_dict()


def test_a_residual_connection_adds_what_was_read_where_widths_match() -> None:
    expected = torch.tensor([[[1.5, 2.0, 2.5, 5.0]]])
    torch.testing.assert_close(
        LayerEnd(4, 4, residual=True, layer_norm=False)(X_RTE, OUTPUT_RTH), expected
    )
    other = LayerEnd(3, 4, residual=True, layer_norm=False)
    assert other(X_RTE[..., :3], OUTPUT_RTH) is OUTPUT_RTH


def test_the_sum_is_normalised_to_mean_zero_and_variance_one() -> None:
    end = LayerEnd(4, 4, residual=True, layer_norm=True)
    # 1.5, 2, 2.5, 5: mean 2.75, variance (1.5625 + .5625 + .0625 + 5.0625) / 4 = 1.8125
    expected = torch.tensor([[[-1.25, -0.75, -0.25, 2.25]]]) / 1.8125**0.5
    torch.testing.assert_close(end(X_RTE, OUTPUT_RTH), expected, atol=1e-5, rtol=0)


def test_a_stack_with_nothing_between_is_one_fused_call() -> None:
    layers = build_layers(config_of(decoder_layers=3), 4)
    assert isinstance(layers, nn.LSTM)
    assert layers.num_layers == 3


def test_a_stack_adds_up_layer_by_layer() -> None:
    torch.manual_seed(0)
    stack = build_layers(config_of(decoder_layers=2, residual=True), 4)
    assert isinstance(stack, LayerStack)
    read_RTE, hidden_LRH, cell_LRH = (
        torch.randn(3, 5, 4),
        torch.randn(2, 3, 4),
        torch.randn(2, 3, 4),
    )
    output_RTH, (after_LRH, _) = stack(read_RTE, (hidden_LRH, cell_LRH))
    first_RTH, _ = stack.layers[0](read_RTE, (hidden_LRH[:1], cell_LRH[:1]))
    second_RTH, _ = stack.layers[1](read_RTE + first_RTH, (hidden_LRH[1:], cell_LRH[1:]))
    torch.testing.assert_close(output_RTH, read_RTE + first_RTH + second_RTH)
    # The state of a layer is its own, without what goes past it.
    torch.testing.assert_close(after_LRH, torch.stack((first_RTH[:, -1], second_RTH[:, -1])))


def test_dropout_falls_on_what_goes_into_a_layer_and_not_on_what_goes_past_it() -> None:
    torch.manual_seed(0)
    stack = LayerStack(config_of(decoder_layers=2, residual=True, dropout=0.5), 4)
    zero_LRH, read_RTE = torch.zeros(2, 3, 4), torch.randn(3, 5, 4)
    read: list[Tensor] = []
    for layer in stack.layers:
        layer.register_forward_pre_hook(lambda _, given: read.append(given[0]))
    output_RTH, _ = stack(read_RTE, (zero_LRH, zero_LRH))
    first_RTH, _ = stack.layers[0](read_RTE, (zero_LRH[:1], zero_LRH[:1]))
    second_RTH, _ = stack.layers[1](read[1], (zero_LRH[1:], zero_LRH[1:]))
    assert torch.equal(read[0], read_RTE)
    assert 0.2 < (read[1] == 0).double().mean() < 0.8
    torch.testing.assert_close(output_RTH, read_RTE + first_RTH + second_RTH)


def test_the_encoder_has_residual_connections_too() -> None:
    torch.manual_seed(0)
    config = config_of(bidirectional=False, encoder_layers=2, residual=True)
    encoder = LstmEncoder(config, vocab_size=9)
    source_BS = torch.tensor([[5, 6, 3]])
    embedded_BSE = encoder.embedding(source_BS)
    (first,), (second,) = encoder.layers  # type: ignore[misc]
    lower_BSH = embedded_BSE + first(embedded_BSE)[0]
    expected_BSH = lower_BSH + second(lower_BSH)[0]
    torch.testing.assert_close(encoder(source_BS, torch.tensor([3])).memory_BSH, expected_BSH)
