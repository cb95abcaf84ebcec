"""The coverage penalty: translations that leave parts of the source untouched pay for it.

Legend: R rows, S source positions.
"""

from __future__ import annotations

from typing import Generic

import torch
from torch import Tensor

from model.config import DecodeConfig
from model.search import SearchModel, StateT
from pipeline.errors import ConfigError

# What attention has underflowed to counts as this much, not as nothing: log 0 would make all
# hypotheses of a sentence equally bad.
_LEAST = 1e-6


class Coverage(Generic[StateT]):
    """How much attention each source position had in each row, and what it costs.

        cp(X; Y) = β Σ_i log(min(Σ_j p_ij, 1))        (Wu et al. 2016, §7, eq. 14)

    p_ij is the attention of the j-th target token to the i-th source token; both sentences' end
    marks take part. The penalty is added to the score of a hypothesis when it is complete, as in
    the paper: it ranks what was found and does not steer the beam. With β = 0 nothing is asked of
    the model.

    Args:
        model: its attention is asked for.
        source_lengths_R: of each row's sentence.
        positions: S, padding included.
        config: ``coverage_penalty`` is β.
    """

    def __init__(
        self,
        model: SearchModel[StateT],
        source_lengths_R: Tensor,
        positions: int,
        config: DecodeConfig,
    ) -> None:
        self.model = model
        self.weight = config.coverage_penalty
        self.rows = len(source_lengths_R)
        position_S = torch.arange(positions, device=source_lengths_R.device)
        # Padding counts as covered: log 1 = 0.
        self.sum_RS = (position_S >= source_lengths_R[:, None]).float()

    def see(self, state: StateT) -> None:
        """Add the attention of the step that led to ``state``.

        Raises:
            ConfigError: if the model tells none.
        """
        if not self.weight:
            return
        weights_RS = self.model.attention(state)
        if weights_RS is None:
            raise ConfigError(
                f"decode.coverage_penalty must be 0 with a model that has no attention or does not "
                f"tell its weights, but is {self.weight}: set it to 0"
            )
        self.sum_RS = self.sum_RS + weights_RS

    def penalty(self) -> Tensor:
        """cp of every row, float64, never above zero."""
        if not self.weight:
            return torch.zeros(self.rows, dtype=torch.float64, device=self.sum_RS.device)
        return self.weight * self.sum_RS.double().clamp(_LEAST, 1.0).log().sum(1)

    def follow(self, index_R: Tensor) -> None:
        """The rows at ``index_R`` go on."""
        self.rows = len(index_R)
        if self.weight:
            self.sum_RS = self.sum_RS[index_R]
