"""The section `model`: which keys each architecture has, and what is said of others."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from jobs.config import dump_yaml, load_config
from model.architectures import AnyModelConfig, TransformerConfig, section_class
from model.config import ModelConfig
from pipeline.errors import ConfigError

SECTION: TypeAdapter[ModelConfig | TransformerConfig] = TypeAdapter(AnyModelConfig)

SMALL = """\
corpus:
  source: inline
  pairs:
    - [water, पानी]
registry:
  name: small
model:
  architecture: transformer
"""


@pytest.fixture
def small(tmp_path: Path) -> str:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL, encoding="utf-8")
    return str(path)


def refusal(path: str, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides)
    return str(caught.value).removeprefix(f"{path}: ")


@pytest.mark.parametrize("section", [{}, {"architecture": "lstm"}, {"hidden_size": 64}])
def test_without_another_word_the_model_is_an_lstm(section: dict[str, object]) -> None:
    assert isinstance(SECTION.validate_python(section), ModelConfig)
    assert section_class(section) is ModelConfig


def test_a_transformer_is_half_the_papers_base_model_unless_told_otherwise() -> None:
    config = SECTION.validate_python({"architecture": "transformer"})
    assert config == TransformerConfig(
        model_size=256, heads=4, feedforward_size=1024, encoder_layers=3, decoder_layers=3
    )


@pytest.mark.parametrize("config", [ModelConfig(hidden_size=64), TransformerConfig(heads=8)])
def test_a_saved_section_loads_as_the_same(config: ModelConfig | TransformerConfig) -> None:
    assert SECTION.validate_python(config) is config
    assert SECTION.validate_python(config.model_dump()) == config
    assert SECTION.validate_json(config.model_dump_json()) == config


def test_a_saved_configuration_holds_the_keys_of_its_architecture_only(
    small: str, tmp_path: Path
) -> None:
    config = load_config(small, ["model.heads=8"])
    saved = dump_yaml(config)
    assert "heads: 8" in saved
    assert "hidden_size" not in saved
    again = tmp_path / "saved.yaml"
    again.write_text(saved, encoding="utf-8")
    assert load_config(str(again)) == config


def test_a_key_of_the_other_family_is_refused_naming_it(small: str) -> None:
    assert refusal(small, "model.bidirectional=true").startswith(
        "model.bidirectional must be left out with model.architecture: transformer, as it is a key "
        "of lstm"
    )
    assert refusal(small, "model.architecture=lstm", "model.heads=8").startswith(
        "model.heads must be left out with model.architecture: lstm, as it is a key of transformer;"
        " known here: architecture, "
    )


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        (
            "model.heads=3",
            "model_size must be a multiple of heads, which share it, not 256 with 3 heads: change "
            "one of them",
        ),
        ("model.model_size=7", "model.model_size is wrong: input should be a multiple of 2, not 7"),
        ("model.heds=8", "there is no key model.heds; did you mean model.heads?"),
        ("model.architecture=rnn", "model.architecture must be one of lstm, "),
        ("model.dropout=1", "model.dropout is wrong: input should be less than 1, not 1"),
        ("model=5", "model is wrong: input should be a valid dictionary"),
    ],
)
def test_a_wrong_value_is_refused_in_one_sentence(small: str, override: str, sentence: str) -> None:
    found = refusal(small, override)
    assert found.startswith(sentence)
    assert "\n" not in found


def test_a_section_that_is_no_mapping_is_refused() -> None:
    with pytest.raises(ValidationError, match="valid dictionary"):
        SECTION.validate_python(["transformer"])
