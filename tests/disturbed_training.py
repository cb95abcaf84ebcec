"""Trainings that are killed, or whose scores are given beforehand, and how to compare them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from model.batch_plan import Update, plan_epoch
from model.gradient import Gradients
from model.job import TrainingJob, TrainingState
from model.loss_scale import LossScale
from model.parts import total_nll
from model.training import plan_settings
from model.translation_model import TranslationModel
from model.validation import DevScores
from model.workers import Workers

Event = dict[str, Any]
TIMES = {"seconds", "seconds_left", "tokens_per_second", "took_s"}


class KilledError(Exception):
    """What a test stops a training with."""


class ScriptedDev:
    """A development set whose scores are given beforehand; the last one is repeated."""

    def __init__(self, scores: Sequence[DevScores]) -> None:
        self.scores = iter([*scores, *itertools.repeat(scores[-1], 100)])

    def score(self, model: TranslationModel, workers: Workers, precision: str) -> DevScores:
        return next(self.scores)


def scripted(job: TrainingJob, *scores: DevScores) -> TrainingJob:
    dev: Any = ScriptedDev(scores)
    return replace(job, dev=dev)


def bleu(*scores: float) -> list[DevScores]:
    return [DevScores(loss=1.0, bleu=score, chrf=score) for score in scores]


def killed_at(update: int, kind: str = "train") -> Any:
    def report(event: Event) -> None:
        if event["kind"] == kind and event["update"] >= update:
            raise KilledError

    return report


def without_times(history: list[Event]) -> list[Event]:
    return [{key: v for key, v in event.items() if key not in TIMES} for event in history]


def updates_of(job: TrainingJob, epoch: int = 0) -> list[Update]:
    data = job.data.of_epoch(epoch)
    return list(
        plan_epoch(data.source_lengths, data.target_lengths, plan_settings(job.config), epoch)
    )


def backward(job: TrainingJob, ddp: nn.Module, update: Update, number: int) -> float:
    """Add up this rank's gradients; answers its negative log-likelihood."""
    scale = LossScale("fp32", job.workers.device)
    return total_nll(Gradients(job, TrainingState(), ddp, scale).add(update, number))


def assert_equal_to_the_bit(one: nn.Module, other: nn.Module) -> None:
    theirs = other.state_dict()
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, theirs[name]), name
