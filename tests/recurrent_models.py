"""The recurrent architectures, each a few settings away from the default one."""

from __future__ import annotations

ONE_WAY = {"attention": "none", "bidirectional": False}
DEEP = {"encoder_layers": 2, "decoder_layers": 2}

RECURRENT: dict[str, dict[str, object]] = {
    "general": {},
    "general, deep": {"encoder_layers": 2, "decoder_layers": 3},
    "none": {**ONE_WAY},
    "none, deep": {**ONE_WAY, **DEEP},
    "additive": {"attention": "additive"},
    "additive, one way, deep": {"attention": "additive", "bidirectional": False, **DEEP},
    "dot": {"attention": "dot"},
    "multihead": {"attention": "multihead", "attention_heads": 2},
    "multihead, wide": {
        "attention": "multihead",
        "attention_heads": 2,
        "encoder_hidden_size": 20,
        **DEEP,
    },
    "residual": {"residual": True, **DEEP},
    "layer norm, deep": {"layer_norm": True, "decoder_layers": 2},
    "modern": {
        "attention": "multihead",
        "attention_heads": 2,
        "residual": True,
        "layer_norm": True,
        "encoder_layers": 3,
        "decoder_layers": 3,
    },
    "none, residual": {**ONE_WAY, **DEEP, "residual": True, "layer_norm": True},
    "gru": {"architecture": "gru"},
    "gru, none": {"architecture": "gru", **ONE_WAY},
    "gru, modern": {
        "architecture": "gru",
        "attention": "additive",
        "residual": True,
        "layer_norm": True,
        **DEEP,
    },
    "input feeding": {"input_feeding": True},
    "input feeding, modern": {
        "input_feeding": True,
        "attention": "multihead",
        "attention_heads": 2,
        "residual": True,
        "layer_norm": True,
        **DEEP,
    },
    "input feeding, gru, additive": {
        "architecture": "gru",
        "input_feeding": True,
        "attention": "additive",
    },
    "tied": {"tie_output": True, "embedding_size": 16, "hidden_size": 16},
    "tied, projected": {"tie_output": True},
    "joint": {"joint_embedding": True},
    "joint and tied": {"joint_embedding": True, "tie_output": True},
}
