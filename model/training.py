"""One update, and the loop around it.

The loop knows no Ray and no MLflow: it is handed its place among the workers, a folder for its
checkpoints and a function that it reports to. Stopped at any moment and started again it goes on
from its last checkpoint to the same weights, since all that is random in it is a function of the
seed and the position: the order of the updates, and the dropout of each micro-batch. On CPUs they
are the same to the bit; on GPUs cuDNN adds in no fixed order, and between the layers of a decoder
of several it draws dropout from a generator of its own.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from model import checkpoint as checkpoints
from model.batch_plan import PlanSettings, Update, plan_epoch
from model.checkpoint import Checkpoint, CheckpointFolder
from model.config import TrainConfig
from model.dataset import TokenDataset
from model.precision import autocast, resolve_precision
from model.schedule import learning_rate
from model.translation_model import TranslationModel
from model.validation import DevScores, DevSet
from model.workers import Workers
from pipeline.errors import TrainingError


@dataclass
class TrainingState:
    """Where a training stands; with weights and optimizer, all that resuming needs.

    Attributes:
        update: updates done.
        epoch: the epoch in progress, from 0.
        update_in_epoch: updates done of it.
        target_tokens: real target tokens gone through, those of skipped updates included.
        seconds: time spent, in this and earlier starts.
        best_score: the best of ``metric`` so far; None before the first validation.
        best_update: the update that it was reached at.
        bad_validations: validations in a row that were no better.
        bad_updates: updates in a row that were skipped.
        skipped_updates: updates skipped in all.
        history: the reports so far, for the learning curves.
    """

    update: int = 0
    epoch: int = 0
    update_in_epoch: int = 0
    target_tokens: int = 0
    seconds: float = 0.0
    best_score: float | None = None
    best_update: int | None = None
    bad_validations: int = 0
    bad_updates: int = 0
    skipped_updates: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)


Report = Callable[[dict[str, Any]], None]
"""Is handed each event of the training: a dict with ``kind`` and figures, see :func:`train`."""


@dataclass(frozen=True)
class TrainingJob:
    """All that a training is made of.

    Attributes:
        config: what is learnt and for how long.
        model: on ``workers.device``, initialised alike on every worker.
        data: the training split.
        dev: the development set.
        folder: where its checkpoints are.
        workers: this process's place.
        report: called on rank 0 only.
    """

    config: TrainConfig
    model: TranslationModel
    data: TokenDataset
    dev: DevSet
    folder: CheckpointFolder
    workers: Workers
    report: Report


def train(job: TrainingJob) -> TrainingState:
    """Train until the configuration says stop; the best checkpoint is ``state.best_update``'s.

    Reports, on rank 0: ``{"kind": "resumed", "update", "history"}`` once where it goes on;
    ``{"kind": "train", "update", "epoch", "target_tokens", "skipped_updates", "loss",
    "learning_rate", "gradient_norm", "tokens_per_second", "padding", "seconds"}`` every
    ``log_every`` updates, the loss being the mean over the updates since the last report or since
    this start, NaN if all were skipped;
    ``{"kind": "validation", "update", "target_tokens", "loss", "bleu", "chrf", "best"}``.

    Raises:
        TrainingError: if the gradient is no number ``max_bad_updates`` times in a row, the
            checkpoints in the folder belong to another training, or not all workers see them.
    """
    config, workers = job.config, job.workers
    optimizer = _build_optimizer(job.model, config)
    state = _resume(job, optimizer)
    ddp = _wrap(job.model, workers)
    meter = _Meter(state.seconds)
    job.model.train()
    if not _is_over(state, job, meter):
        for update, ends_epoch in _updates(job, state):
            _apply_update(job, ddp, optimizer, update, state, meter)
            _advance(state, update, ends_epoch)
            if state.update % config.log_every == 0:
                _log(job, state, meter)
            over = _is_over(state, job, meter)
            improved = False
            with meter.paused():
                if over or state.update % config.validate_every == 0:
                    improved = _validate(job, state)
                    over = over or _ran_out_of_patience(state, config)
                if over or improved or state.update % config.checkpoint_every == 0:
                    state.seconds = meter.seconds
                    _save(job, optimizer, state)
            if over:
                break
    return state


def plan_settings(config: TrainConfig) -> PlanSettings:
    """What the batch plan needs to know of the configuration."""
    return PlanSettings(
        batch_tokens=config.batch_tokens,
        micro_batches=config.micro_batches,
        window_shards=config.window_shards,
        seed=config.seed,
    )


def _updates(job: TrainingJob, state: TrainingState) -> Iterator[tuple[Update, bool]]:
    """The updates from the state's position on, and whether each ends its epoch."""
    epoch, skip = state.epoch, state.update_in_epoch
    while True:
        data = job.data.of_epoch(epoch)
        plan = plan_epoch(
            data.source_lengths, data.target_lengths, plan_settings(job.config), epoch
        )
        previous: Update | None = None
        for index, update in enumerate(plan):
            if previous is not None and index > skip:
                yield previous, False
            previous = update
        if previous is not None:
            yield previous, True
        epoch, skip = epoch + 1, 0


def _apply_update(
    job: TrainingJob,
    ddp: nn.Module,
    optimizer: torch.optim.Optimizer,
    update: Update,
    state: TrainingState,
    meter: _Meter,
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
        ddp: the model, as :func:`train` wrapped it for the gradients to be exchanged.
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
        _seed_dropout(workers.device, config.seed, number, index)
        batch = data.batch(micro_batch).to(workers.device)
        with _sync_only_if(step == len(share), ddp):
            with autocast(precision, workers.device):
                sums = ddp(batch, config.label_smoothing)
            (sums.loss_sum * (weight * scale)).backward()
        nll += sums.nll_sum * weight
    return float(nll)


def _advance(state: TrainingState, update: Update, ends_epoch: bool) -> None:
    state.update += 1
    state.target_tokens += update.target_tokens
    if ends_epoch:
        state.epoch, state.update_in_epoch = state.epoch + 1, 0
    else:
        state.update_in_epoch += 1


def _validate(job: TrainingJob, state: TrainingState) -> bool:
    """Score the development set; answers whether it is better than ever before."""
    precision = resolve_precision(job.config.precision, job.workers.device)
    scores = job.dev.score(job.model, job.workers, precision)
    improved = _is_better(scores, state, job.config)
    if improved:
        state.best_score = getattr(scores, job.config.metric)
        state.best_update = state.update
        state.bad_validations = 0
    elif getattr(scores, job.config.metric) != state.best_score:
        # An equal score is not counted as worse; one that is no number is.
        state.bad_validations += 1
    _report(
        job,
        state,
        {
            "kind": "validation",
            "update": state.update,
            "target_tokens": state.target_tokens,
            **asdict(scores),
            "best": improved,
        },
    )
    return improved


def _is_better(scores: DevScores, state: TrainingState, config: TrainConfig) -> bool:
    score: float = getattr(scores, config.metric)
    if not math.isfinite(scores.loss) or not math.isfinite(score):
        return False
    if state.best_score is None:
        return True
    return score < state.best_score if config.metric == "loss" else score > state.best_score


def _is_over(state: TrainingState, job: TrainingJob, meter: _Meter) -> bool:
    config = job.config
    if state.update >= config.max_updates or _ran_out_of_patience(state, config):
        return True
    if config.max_epochs is not None and state.epoch >= config.max_epochs:
        return True
    if config.max_minutes is None or not state.update or state.update % config.log_every:
        return False
    return job.workers.agree(meter.seconds > config.max_minutes * 60)


def _ran_out_of_patience(state: TrainingState, config: TrainConfig) -> bool:
    return config.patience is not None and state.bad_validations >= config.patience


def _log(job: TrainingJob, state: TrainingState, meter: _Meter) -> None:
    (nll,) = job.workers.sum(meter.nll)
    _report(
        job,
        state,
        {
            "kind": "train",
            "update": state.update,
            "epoch": state.epoch,
            "target_tokens": state.target_tokens,
            "skipped_updates": state.skipped_updates,
            **meter.figures(nll),
        },
    )


def _report(job: TrainingJob, state: TrainingState, event: dict[str, Any]) -> None:
    state.history.append(event)
    if job.workers.is_first:
        job.report(event)


def _save(job: TrainingJob, optimizer: torch.optim.Optimizer, state: TrainingState) -> None:
    if job.workers.is_first:
        weights = {k: v.detach().cpu().contiguous() for k, v in job.model.state_dict().items()}
        tensors = checkpoints.optimizer_tensors(job.model, optimizer)
        job.folder.save(state.update, Checkpoint(weights, tensors, asdict(state)))
        _prune(job, state)
    job.workers.wait()


def _prune(job: TrainingJob, state: TrainingState) -> None:
    """Keep the newest checkpoints, and with each the one that was the best when it was written.

    Should the newest be damaged, training goes on from the one before, and needs the best of that.
    """
    newest = job.folder.updates()[-job.config.keep_checkpoints :]
    bests = [e["update"] for e in state.history if e["kind"] == "validation" and e["best"]]
    bests_then = (max((b for b in bests if b <= update), default=update) for update in newest)
    job.folder.prune({*newest, *bests_then})


def _resume(job: TrainingJob, optimizer: torch.optim.Optimizer) -> TrainingState:
    found = job.folder.load_latest()
    updates = job.workers.gather(found.state["update"] if found else 0)
    if len(set(updates)) > 1:
        raise TrainingError(
            f"all workers must resume after the same update, but by rank they found whole "
            f"checkpoints of {updates} in {job.folder.storage.uri_of(job.folder.path)}: it must be "
            f"a folder that every worker reads"
        )
    if found is None:
        return TrainingState()
    job.model.load_state_dict(found.model)
    checkpoints.restore_optimizer(job.model, optimizer, found.optimizer)
    state = TrainingState(**found.state)
    if job.workers.is_first:
        job.report({"kind": "resumed", "update": state.update, "history": state.history})
    return state


def _build_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    return torch.optim.AdamW(
        model.parameters(),
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
        # Without it a GPU's default keeps a second copy of the gradients, and a CPU's is slower.
        fused=True,
    )


def _wrap(model: nn.Module, workers: Workers) -> nn.Module:
    if workers.world_size == 1:
        return model
    devices = [workers.device] if workers.device.type == "cuda" else None
    return DistributedDataParallel(model, device_ids=devices, gradient_as_bucket_view=True)


def _sync_only_if(last: bool, ddp: nn.Module) -> contextlib.AbstractContextManager[None]:
    """Exchange gradients in the last backward of an update only (DDP's ``no_sync``)."""
    if last or not isinstance(ddp, DistributedDataParallel):
        return contextlib.nullcontext()
    return ddp.no_sync()


def _seed_dropout(device: torch.device, seed: int, number: int, index: int) -> None:
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


class _Meter:
    """What happened since the last report."""

    def __init__(self, seconds_before: float) -> None:
        self._before = seconds_before
        self._start = time.monotonic()
        self._clear()

    @property
    def seconds(self) -> float:
        return self._before + time.monotonic() - self._start

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """What happens inside does not count as time spent on tokens."""
        start = time.monotonic()
        yield
        self._since += time.monotonic() - start

    def add(self, update: Update, nll: float, norm: float, rate: float) -> None:
        self.nll += nll
        self._tokens += update.target_tokens
        self._padded += sum(m.padded_tokens for m in update.micro_batches)
        self._real += sum(m.real_tokens for m in update.micro_batches)
        self._norm, self._rate = norm, rate

    def figures(self, nll: float) -> dict[str, float]:
        elapsed = time.monotonic() - self._since
        figures = {
            "loss": nll / self._tokens if self._tokens else math.nan,
            "learning_rate": self._rate,
            "gradient_norm": self._norm,
            "tokens_per_second": self._tokens / elapsed,
            "padding": 1 - self._real / self._padded if self._padded else 0.0,
            "seconds": self.seconds,
        }
        self._clear()
        return figures

    def _clear(self) -> None:
        self._since = time.monotonic()
        self.nll = 0.0
        self._tokens = self._padded = self._real = 0
        self._norm = self._rate = 0.0
