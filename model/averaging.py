"""Averages of weights over a training: what is validated, called best and published.

The raw weights go on being trained; at a validation both change places, in place, so that whatever
holds on to a weight (the optimizer, DDP, cuDNN) goes on holding the right one.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from model.checkpoint import CheckpointFolder
from model.config import TrainConfig
from model.workers import Workers
from pipeline.errors import ArtifactError

logger = logging.getLogger(__name__)


class Average:
    """The weights of the last update: no average, and no cost. Its subclasses are averages."""

    def follow(self, updates: int) -> None:
        """Take in the weights after so many updates, the last of which changed them."""

    @contextlib.contextmanager
    def in_place(self, validated: Sequence[int]) -> Iterator[None]:
        """Inside, the model's weights are the average.

        Args:
            validated: the updates validated so far, ascending, without the present one.
        """
        yield

    def tensors(self) -> dict[str, Tensor] | None:
        """What a checkpoint keeps of it: the averaged weights by name, as the model's are named."""
        return None

    def restore(self, tensors: Mapping[str, Tensor] | None) -> None:
        """Put :meth:`tensors` back, where there is a need to."""


class _Averaged(Average):
    """An average in float32 at least, one tensor beside each weight."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._average: dict[str, Tensor] = {}

    @property
    def _weights(self) -> dict[str, Tensor]:
        return {name: p.detach() for name, p in self._model.named_parameters()}

    def tensors(self) -> dict[str, Tensor] | None:
        return {**self._model.state_dict(), **self._average} if self._average else None

    @torch.no_grad()
    def _exchange(self) -> None:
        for name, weight in self._weights.items():
            kept = weight.clone()
            weight.copy_(self._average[name])
            self._average[name].copy_(kept)


def _wide(weight: Tensor) -> torch.dtype:
    return torch.promote_types(weight.dtype, torch.float32)


class MovingAverage(_Averaged):
    """An exponential moving average: after update u, a += (1 - d) (w - a).

    d = min(decay, (1 + u) / (10 + u)), so that the first weights are soon forgotten.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        super().__init__(model)
        self._decay = decay
        self._average = {n: w.to(_wide(w), copy=True) for n, w in self._weights.items()}

    @torch.no_grad()
    def follow(self, updates: int) -> None:
        decay = min(self._decay, (1 + updates) / (10 + updates))
        averages = list(self._average.values())
        weights = [w.to(a.dtype) for w, a in zip(self._weights.values(), averages, strict=True)]
        torch._foreach_lerp_(averages, weights, 1 - decay)

    @contextlib.contextmanager
    def in_place(self, validated: Sequence[int]) -> Iterator[None]:
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    def restore(self, tensors: Mapping[str, Tensor] | None) -> None:
        assert tensors is not None, "a checkpoint of a training with average 'ema' has one"
        for name, average in self._average.items():
            average.copy_(tensors[name])


class LastCheckpoints(_Averaged):
    """The mean of the weights at the last validations (Vaswani et al. 2017, §6.1).

    The present weights are one of them, the others are read from their checkpoints, one after the
    other: the memory of one model more, and that at validations only. So no checkpoint has to keep
    it for resuming; it is in there to be published.
    """

    def __init__(
        self, model: nn.Module, last: int, folder: CheckpointFolder, workers: Workers
    ) -> None:
        super().__init__(model)
        self._last = last
        self._folder = folder
        self._workers = workers

    def _read(self, update: int) -> dict[str, Tensor] | None:
        try:
            return self._folder.weights(update)
        except ArtifactError as error:
            logger.warning("%s; the average is of the other checkpoints", error)
            return None

    def follow(self, updates: int) -> None:
        self._average = {}

    @contextlib.contextmanager
    def in_place(self, validated: Sequence[int]) -> Iterator[None]:
        total = {n: w.to(_wide(w), copy=True) for n, w in self._weights.items()}
        taken = 1
        for update in validated[max(0, len(validated) - self._last + 1) :]:
            theirs = self._read(update)
            # A checkpoint that one rank can't read is left out by all: they score one model.
            if not all(self._workers.gather(theirs is not None)):
                continue
            assert theirs is not None, "this rank said that it had read them"
            taken += 1
            for name, summed in total.items():
                summed += theirs[name].to(summed.device)
        for summed in total.values():
            summed /= taken
        self._average = total
        self._exchange()
        try:
            yield
        finally:
            self._exchange()


def build_average(
    model: nn.Module,
    config: TrainConfig,
    folder: CheckpointFolder,
    workers: Workers,
) -> Average:
    """The average that ``train.average`` asks for, of the weights as they are now."""
    if config.average == "ema":
        return MovingAverage(model, config.ema_decay)
    if config.average == "checkpoints":
        return LastCheckpoints(model, config.average_last, folder, workers)
    return Average()
