"""The training loop.

The loop knows no Ray and no MLflow: it is handed its place among the workers, a folder for its
checkpoints and a function that it reports to. Stopped at any moment and started again it goes on
from its last checkpoint to the same weights, since all that is random in it is a function of the
seed and the position: the order of the updates, and the dropout of each micro-batch. On CPUs they
are the same to the bit; on GPUs cuDNN adds in no fixed order, and between the layers of a decoder
of several it draws dropout from a generator of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict

from model.batch_plan import PlanSettings, Update, plan_epoch
from model.config import TrainConfig
from model.job import TrainingJob, TrainingState
from model.precision import resolve_precision
from model.progress import Meter, log, report_event
from model.resuming import resume, save
from model.update import apply_update, build_optimizer, wrap
from model.validation import DevScores


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
    optimizer = build_optimizer(job.model, config)
    state = resume(job, optimizer)
    ddp = wrap(job.model, workers)
    meter = Meter(state.seconds)
    job.model.train()
    if not _is_over(state, job, meter):
        for update, ends_epoch in _updates(job, state):
            apply_update(job, ddp, optimizer, update, state, meter)
            _advance(state, update, ends_epoch)
            if state.update % config.log_every == 0:
                log(job, state, meter)
            over = _is_over(state, job, meter)
            improved = False
            with meter.paused():
                if over or state.update % config.validate_every == 0:
                    improved = _validate(job, state)
                    over = over or _ran_out_of_patience(state, config)
                if over or improved or state.update % config.checkpoint_every == 0:
                    state.seconds = meter.seconds
                    save(job, optimizer, state)
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
    report_event(
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


def _is_over(state: TrainingState, job: TrainingJob, meter: Meter) -> bool:
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
