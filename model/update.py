"""One optimizer step, or none where the gradient is no number."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import nn

from model.bad_batch import describe_worst
from model.batch_plan import Update
from model.gradient import Gradients
from model.job import TrainingJob, TrainingState
from model.learner import Learner
from model.parts import PartLoss, total_nll
from model.progress import Meter
from model.schedule import learning_rate
from pipeline.errors import TrainingError


def take_step(
    job: TrainingJob,
    learner: Learner,
    gradients: Gradients,
    update: Update,
    state: TrainingState,
    meter: Meter,
) -> None:
    """One optimizer step; none, but counted, if the gradient is no number.

    The gradient is that of all ranks together, so they all see the same norm and decide alike.

    Raises:
        TrainingError: if ``max_bad_updates`` in a row had none; it shows sentences of the last.
    """
    optimizer = learner.optimizer
    rate = learning_rate(state.update + 1, job.config, state.rate_reductions)
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad(set_to_none=True)
    losses = gradients.add(update, state.update)
    learner.loss_scale.unscale(optimizer)
    norm = float(nn.utils.clip_grad_norm_(learner.model.parameters(), job.config.clip_norm))
    is_good = math.isfinite(norm)
    if is_good:
        optimizer.step()
        learner.average.follow(state.update + 1)
        state.bad_updates = 0
        meter.add(update, total_nll(losses), norm, rate)
    is_lower = learner.loss_scale.adapt()
    if not is_good:
        state.skipped_updates += 1
        # A gradient that was only too large for fp16 will be a number at a lower scale.
        if not is_lower:
            state.bad_updates += 1
            _stop_if_too_many(job, update, losses, state, norm)


def _stop_if_too_many(
    job: TrainingJob, update: Update, losses: Sequence[PartLoss], state: TrainingState, norm: float
) -> None:
    if state.bad_updates >= job.config.max_bad_updates:
        raise TrainingError(
            f"the gradient must be a number, but was {norm} for {state.bad_updates} updates in a "
            f"row, up to update {state.update + 1}; there {describe_worst(job, update, losses)}; "
            f"look at such pairs if they are odd, else a lower train.learning_rate or "
            f"train.precision=fp32 may help"
        )
