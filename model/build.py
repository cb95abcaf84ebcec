"""From the section ``model`` of a configuration to a model with its first weights."""

from __future__ import annotations

from model.architectures import AnyModelConfig, TransformerConfig
from model.seq2seq import Seq2Seq
from model.transformer import Transformer
from model.translation_model import TranslationModel


def build_model(
    config: AnyModelConfig, source_vocab_size: int, target_vocab_size: int
) -> TranslationModel:
    """The model of ``config.architecture``, its weights drawn from torch's generator."""
    if isinstance(config, TransformerConfig):
        return Transformer(config, source_vocab_size, target_vocab_size)
    return Seq2Seq(config, source_vocab_size, target_vocab_size)
