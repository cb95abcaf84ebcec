"""One optimizer step: the gradient of an update, exact on any number of workers."""

from __future__ import annotations

import contextlib
import math

import numpy as np
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from model.batch_plan import Update
from model.config import TrainConfig
from model.job import TrainingJob, TrainingState
from model.precision import autocast, resolve_precision
from model.progress import Meter
from model.schedule import learning_rate
from model.workers import Workers
from pipeline.errors import TrainingError


def build_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    return torch.optim.AdamW(
        model.parameters(),
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
        # Without it a GPU's default keeps a second copy of the gradients, and a CPU's is slower.
        fused=True,
    )


def wrap(model: nn.Module, workers: Workers) -> nn.Module:
    if workers.world_size == 1:
        return model
    devices = [workers.device] if workers.device.type == "cuda" else None
    return DistributedDataParallel(model, device_ids=devices, gradient_as_bucket_view=True)


def apply_update(
    job: TrainingJob,
    ddp: nn.Module,
    optimizer: torch.optim.Optimizer,
    update: Update,
    state: TrainingState,
    meter: Meter,
) -> None:
    """One optimizer step; none, but counted, if the gradient is no number."""
    config = job.config
    rate = learning_rate(
        state.update + 1,
        peak=config.learning_rate,
        warmup_updates=config.warmup_updates,
        schedule=config.schedule,
        max_updates=config.max_updates,
    )
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad(set_to_none=True)
    nll = backward(job, ddp, update, state.update)
    norm = float(nn.utils.clip_grad_norm_(job.model.parameters(), config.clip_norm))
    # The gradient is summed over all ranks, so they all see the same norm and decide alike.
    if math.isfinite(norm):
        optimizer.step()
        state.bad_updates = 0
        meter.add(update, nll, norm, rate)
    else:
        state.bad_updates += 1
        state.skipped_updates += 1
        if state.bad_updates >= config.max_bad_updates:
            raise TrainingError(
                f"the gradient must be a number, but was {norm} for {state.bad_updates} updates "
                f"in a row, up to update {state.update + 1}; a lower train.learning_rate or "
                f"train.precision=fp32 may help"
            )


def backward(job: TrainingJob, ddp: nn.Module, update: Update, number: int) -> float:
    """Forward and backward of this rank's share, and the sum of the gradients over all ranks.

    DDP averages over W ranks, so each loss is W times its sum divided by the tokens of the whole
    update: what comes out is the gradient of the mean over the update's tokens, exactly, however
    the micro-batches are shared out.

    Args:
        job: model, data and place.
        ddp: the model, as :func:`wrap` made it for the gradients to be exchanged.
        update: what to go through.
        number: updates done before it.

    Returns:
        The negative log-likelihood of this rank's share, in nats.
    """
    config, workers = job.config, job.workers
    data = job.data.of_epoch(update.epoch)
    precision = resolve_precision(config.precision, workers.device)
    share = update.of_rank(workers.rank, workers.world_size)
    scale = workers.world_size / update.target_tokens
    nll = torch.zeros((), device=workers.device)
    for step, (index, micro_batch, weight) in enumerate(share, start=1):
        seed_dropout(workers.device, config.seed, number, index)
        batch = data.batch(micro_batch).to(workers.device)
        with _sync_only_if(step == len(share), ddp):
            with autocast(precision, workers.device):
                sums = ddp(batch, config.label_smoothing)
            if step == len(share):
                workers.at_exchange(number + 1)
            (sums.loss_sum * (weight * scale)).backward()
        nll += sums.nll_sum * weight
    return float(nll)


def _sync_only_if(last: bool, ddp: nn.Module) -> contextlib.AbstractContextManager[None]:
    """Exchange gradients in the last backward of an update only (DDP's ``no_sync``)."""
    if last or not isinstance(ddp, DistributedDataParallel):
        return contextlib.nullcontext()
    return ddp.no_sync()


def seed_dropout(device: torch.device, seed: int, number: int, index: int) -> None:
    """Make dropout a function of the position, so that no generator's state has to be kept.

    The same micro-batch then has the same dropout on whichever rank it falls.
    """
    # torch's generator of the CPU looks at 32 bits of its seed, so they must depend on all three.
    mixed = np.random.SeedSequence((seed, number, index)).generate_state(1)
    # torch.manual_seed formats a stack for each kind of GPU that is not there: a millisecond.
    if device.type == "cuda":
        torch.cuda.manual_seed(int(mixed[0]))
    else:
        torch.default_generator.manual_seed(int(mixed[0]))
