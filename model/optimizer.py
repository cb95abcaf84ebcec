"""The optimizer: Adam or AdamW, in one fused call for all weights."""

from __future__ import annotations

import torch
from torch import nn

from model.config import TrainConfig


def build_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """The optimizer of ``model``'s weights; only matrices decay, as in BERT (Devlin et al. 2019).

    A bias or a gain of normalisation has few weights and scales what a whole row does, so pulling
    it to zero regularises nothing.
    """
    kind = torch.optim.Adam if config.optimizer == "adam" else torch.optim.AdamW
    parameters = list(model.parameters())
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    # Without it a GPU's default keeps a second copy of the gradients, and a CPU's is slower.
    return kind([g for g in groups if g["params"]], lr=config.learning_rate, fused=True)
