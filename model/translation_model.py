"""What training, search and the translator ask of a model, whatever its architecture."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

from torch import Tensor, nn

from model.architectures import AnyModelConfig
from model.batches import Batch


class LossSums(NamedTuple):
    """The loss of a batch as sums, so that batches and workers add up exactly.

    Attributes:
        loss_sum: label-smoothed, differentiable, over all real target tokens.
        nll_sum: plain negative log-likelihood in nats, detached.
        tokens: how many real target tokens there were.
    """

    loss_sum: Tensor
    nll_sum: Tensor
    tokens: int


class TranslationModel(nn.Module, ABC):
    """Source ids to a loss in training, and to next-token probabilities in search.

    None of it depends on how far a batch is padded. ``start``, ``step``, ``reorder`` and
    ``attention`` are those of :class:`model.search.SearchModel`; only the model looks inside the
    state.

    Attributes:
        config: what it was built of; see :func:`model.build.build_model`.
    """

    config: AnyModelConfig

    @abstractmethod
    def forward(self, batch: Batch, label_smoothing: float = 0.0) -> LossSums:
        """The loss of a teacher-forced batch."""

    @abstractmethod
    def start(self, source_BS: Tensor, source_lengths_B: Tensor) -> Any:
        """The state of a search before its first token: a row a sentence."""

    @abstractmethod
    def step(self, state: Any, token_R: Tensor) -> tuple[Tensor, Any]:
        """Read one token a row: float32 log-probabilities of the next, (R, V), and the state."""

    @abstractmethod
    def reorder(self, state: Any, index_R: Tensor) -> Any:
        """The rows at ``index_R``, in its order; repeated ones grow, missing ones leave."""

    def attention(self, state: Any) -> Tensor | None:
        """Weights of the step that led to ``state``, (R, S), zero at padding.

        None where the model has no attention or, as with fused attention, does not tell them.
        """
        return None
