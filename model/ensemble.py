"""Several models that translate as one.

Legend: R rows of a search, S source positions, V vocabulary, N models.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from model.translation_model import TranslationModel


class Ensemble(nn.Module):
    """The mean of the models' next-token probabilities (Sutskever et al. 2014, §3.6).

    It is a :class:`model.search.SearchModel`: its state is the states of all.

    Args:
        models: of one source and one target vocabulary, whatever their architectures.
    """

    def __init__(self, models: Sequence[TranslationModel]) -> None:
        super().__init__()
        self.models = nn.ModuleList(models)

    def start(self, source_BS: Tensor, source_lengths_B: Tensor) -> list[Any]:
        """The states before the first token."""
        return [model.start(source_BS, source_lengths_B) for model in self._models]

    def step(self, states: list[Any], token_R: Tensor) -> tuple[Tensor, list[Any]]:
        """Read a token a row: float32 log of the mean probability of the next, and the states."""
        told = [
            model.step(state, token_R) for model, state in zip(self._models, states, strict=True)
        ]
        log_probs_NRV = torch.stack([log_probs_RV for log_probs_RV, _ in told])
        mean_RV = torch.logsumexp(log_probs_NRV, dim=0) - torch.tensor(float(len(told))).log()
        return mean_RV, [state for _, state in told]

    def reorder(self, states: list[Any], index_R: Tensor) -> list[Any]:
        """The rows at ``index_R`` of every state."""
        return [
            model.reorder(state, index_R) for model, state in zip(self._models, states, strict=True)
        ]

    def attention(self, states: list[Any]) -> Tensor | None:
        """The mean of the models' attention, (R, S); None if one of them tells none."""
        weights: list[Tensor] = []
        for model, state in zip(self._models, states, strict=True):
            weights_RS = model.attention(state)
            if weights_RS is None:
                return None
            weights.append(weights_RS)
        return torch.stack(weights).mean(0)

    @property
    def _models(self) -> list[TranslationModel]:
        return [model for model in self.models if isinstance(model, TranslationModel)]
