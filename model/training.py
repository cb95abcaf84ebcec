"""The training loop.

The loop knows no Ray and no MLflow: it is handed its place among the workers, a folder for its
checkpoints and a function that it reports to. Stopped at any moment and started again it goes on
from its last checkpoint to the same weights, since all that is random in it is a function of the
seed and the position: the order of the updates, and the dropout of each micro-batch. On CPUs they
are the same to the bit; on GPUs cuDNN adds in no fixed order, and between the layers of a decoder
of several it draws dropout from a generator of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

from model.batch_plan import PlanSettings, Update, plan_epoch
from model.config import TrainConfig
from model.gradient import Gradients, wrap
from model.heap import Heap
from model.job import INTERRUPTED, TrainingJob, TrainingState
from model.learner import build_learner
from model.limits import ran_out_of_patience, reason_to_stop
from model.progress import Meter, log
from model.resuming import resume, save
from model.update import take_step
from model.verdict import validate


def train(job: TrainingJob) -> TrainingState:
    """Train until the configuration says stop; the best checkpoint is ``state.best_update``'s.

    ``state.stopped_by`` names the setting that said so, or says that it was asked to pause: then a
    checkpoint stands of the very update that it came to, and there need be no best one yet.

    Reports, on rank 0: ``{"kind": "resumed", "update", "history"}`` once where it goes on;
    ``{"kind": "train", "update", "epoch", "epoch_progress", "target_tokens", "skipped_updates",
    "loss", "learning_rate", "gradient_norm", "tokens_per_second", "padding", "seconds",
    "seconds_left"}`` every ``log_every`` updates, the loss being the mean over the updates since
    the last report or since this start, NaN if all were skipped;
    ``{"kind": "validation", "update", "target_tokens", "loss", "bleu", "chrf", "best",
    "took_s"}``.

    Raises:
        TrainingError: if the gradient is no number ``max_bad_updates`` times in a row, a sentence
            pair does not fit the memory, the checkpoints in the folder belong to another training,
            or not all workers see them.
    """
    config = job.config
    learner = build_learner(job)
    state = resume(job, learner)
    gradients = Gradients(job, state, wrap(job.model, job.workers), learner.loss_scale)
    meter = Meter(state.seconds, job.clock)
    heap = Heap()
    job.model.train()
    state.stopped_by = reason_to_stop(state, job, meter.seconds)
    if state.stopped_by is not None:
        return state
    for update, ends_epoch in _updates(job, state):
        take_step(job, learner, gradients, update, state, meter)
        _advance(state, update, ends_epoch)
        heap.give_back()
        if state.update % config.log_every == 0:
            log(job, state, meter)
        state.stopped_by = reason_to_stop(state, job, meter.seconds)
        with meter.paused():
            is_last, improved = state.stopped_by is not None, False
            validates = is_last or state.update % config.validate_every == 0
            if validates:
                improved = validate(job, learner, state)
                if not is_last and ran_out_of_patience(state, config):
                    is_last, state.stopped_by = True, "patience"
            # All ranks must pause after the same update, or one would wait for the others for ever.
            pauses = not is_last and job.workers.agree(job.should_pause())
            if (
                is_last
                or pauses
                or improved
                or state.update % config.checkpoint_every == 0
                or (validates and config.average == "checkpoints")
            ):
                state.seconds = meter.seconds
                save(job, learner, state)
        if pauses:
            state.stopped_by = INTERRUPTED
        if is_last or pauses:
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
        state.epoch, state.update_in_epoch, state.pairs_in_epoch = state.epoch + 1, 0, 0
    else:
        state.update_in_epoch += 1
        state.pairs_in_epoch += sum(len(m.row) for m in update.micro_batches)
