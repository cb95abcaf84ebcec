"""The parts of a training that change as it learns, and that a checkpoint keeps."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from model.averaging import Average, build_average
from model.job import TrainingJob
from model.loss_scale import LossScale
from model.optimizer import build_optimizer
from model.precision import resolve_precision
from model.translation_model import TranslationModel


@dataclass(frozen=True)
class Learner:
    """Weights, and what is kept beside them.

    Attributes:
        model: the weights that are trained.
        optimizer: of all of them.
        loss_scale: under fp16.
        average: what is validated instead of them.
    """

    model: TranslationModel
    optimizer: torch.optim.Optimizer
    loss_scale: LossScale
    average: Average


def build_learner(job: TrainingJob) -> Learner:
    """A learner that has learnt nothing yet."""
    return Learner(
        model=job.model,
        optimizer=build_optimizer(job.model, job.config),
        loss_scale=LossScale(
            resolve_precision(job.config.precision, job.workers.device), job.workers.device
        ),
        average=build_average(job.model, job.config, job.folder, job.workers),
    )
