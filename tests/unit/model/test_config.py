"""The sections of the configuration that model code reads."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from model.config import DecodeConfig, ModelConfig, TrainConfig


def test_directions_share_the_width_of_the_decoder() -> None:
    config = ModelConfig(hidden_size=512)
    assert (config.directions, config.encoder_size, config.memory_size) == (2, 256, 512)


def test_the_encoder_may_have_a_width_of_its_own() -> None:
    config = ModelConfig(hidden_size=512, encoder_hidden_size=512)
    assert (config.encoder_size, config.memory_size) == (512, 1024)


def test_an_odd_width_needs_an_encoder_width() -> None:
    with pytest.raises(ValidationError, match=r"hidden_size must be even .* not 33"):
        ModelConfig(hidden_size=33)
    assert ModelConfig(hidden_size=33, encoder_hidden_size=16).memory_size == 32


def test_without_attention_the_encoder_must_run_one_way() -> None:
    with pytest.raises(ValidationError, match="set bidirectional: false"):
        ModelConfig(attention="none")


@pytest.mark.parametrize(
    ("changes", "seen"),
    [
        ({"encoder_layers": 2}, "not 2 layers of 512 and 1 of 512"),
        ({"encoder_hidden_size": 256}, "not 1 layers of 256 and 1 of 512"),
    ],
)
def test_without_attention_encoder_and_decoder_must_be_of_one_shape(
    changes: dict[str, int], seen: str
) -> None:
    with pytest.raises(ValidationError, match=seen):
        ModelConfig.model_validate({"attention": "none", "bidirectional": False} | changes)


def test_attention_dot_needs_one_width() -> None:
    with pytest.raises(ValidationError, match="needs both of one width, not 1024 and 512"):
        ModelConfig(attention="dot", encoder_hidden_size=512)
    assert ModelConfig(attention="dot", bidirectional=False).memory_size == 512


def test_heads_must_divide_the_width_of_the_decoder() -> None:
    with pytest.raises(ValidationError, match="multiple of attention_heads, not 512 and 7"):
        ModelConfig(attention="multihead", attention_heads=7)
    assert ModelConfig(attention="general", attention_heads=7)


def test_without_attention_there_is_nothing_to_feed() -> None:
    with pytest.raises(ValidationError, match="needs an attention, not attention: none"):
        ModelConfig(attention="none", bidirectional=False, input_feeding=True)


@pytest.mark.parametrize("section", [ModelConfig, TrainConfig, DecodeConfig])
def test_an_unknown_key_is_refused(
    section: type[ModelConfig] | type[TrainConfig] | type[DecodeConfig],
) -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        section.model_validate({"learning_rat": 1})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed", -1),
        ("batch_tokens", 0),
        ("micro_batches", 0),
        ("learning_rate", 0),
        ("label_smoothing", 1.0),
        ("max_minutes", 0),
        ("patience", 0),
        ("precision", "fp8"),
        ("plateau_factor", 1.0),
        ("ema_decay", 1.0),
        ("average_last", 0),
        ("max_target_tokens", 0),
        ("optimizer", "sgd"),
        ("metric", "ter"),
    ],
)
def test_a_value_that_can_not_train_is_refused(key: str, value: object) -> None:
    with pytest.raises(ValidationError, match=key):
        TrainConfig.model_validate({key: value})


def test_more_translations_than_the_beam_holds_are_refused() -> None:
    with pytest.raises(ValidationError, match="n_best must be at most beam_size, not 6 and 5"):
        DecodeConfig(beam_size=5, n_best=6)


def test_a_rate_that_can_not_fall_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"at most learning_rate, not 0\.01 and 0\.001"):
        TrainConfig(learning_rate=0.001, min_learning_rate=0.01)
