"""The models that are held against each other at equal time, all of about one width."""

from __future__ import annotations

from model.architectures import AnyModelConfig, TransformerConfig
from model.config import ModelConfig


def _recurrent(**settings: object) -> ModelConfig:
    return ModelConfig.model_validate(
        {"embedding_size": 512, "hidden_size": 512, "dropout": 0.2, **settings}
    )


MODELS: dict[str, AnyModelConfig] = {
    "none": _recurrent(attention="none", bidirectional=False),
    "additive": _recurrent(attention="additive"),
    "general": _recurrent(attention="general"),
    "multihead": _recurrent(
        attention="multihead",
        encoder_layers=2,
        decoder_layers=2,
        residual=True,
        layer_norm=True,
    ),
    "input_feeding": _recurrent(attention="general", input_feeding=True),
    "transformer": TransformerConfig(model_size=256, dropout=0.1),
}

TITLES = {
    "none": "LSTM, no attention",
    "additive": "LSTM, additive attention",
    "general": "LSTM, general attention",
    "multihead": "LSTM 2+2 layers, multihead attention, residual, layer norm",
    "input_feeding": "LSTM, general attention, input feeding",
    "transformer": "Transformer 3+3 layers of 256",
}

# What all of them are trained with.
TRAINING = {
    "batch_tokens": 2048,
    "micro_batches": 1,
    "learning_rate": 1e-3,
    "warmup_updates": 300,
    "schedule": "inverse_sqrt",
    "label_smoothing": 0.1,
    "max_updates": 10**6,
    "validate_every": 10**6,
    "checkpoint_every": 200,
    "log_every": 10,
    "metric": "loss",
    "patience": None,
    "dev_sentences": 10**4,
}
