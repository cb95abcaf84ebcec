"""What ends a training, and when that will be."""

from __future__ import annotations

from model.config import TrainConfig
from model.job import TrainingJob, TrainingState


def reason_to_stop(state: TrainingState, job: TrainingJob, seconds: float) -> str | None:
    """The setting that says stop, such as ``max_updates``; None while none does.

    The clock is looked at every ``log_every`` updates; all workers follow rank 0's.

    Args:
        state: where the training stands.
        job: its configuration and workers.
        seconds: spent so far, in this and earlier starts.
    """
    config = job.config
    if state.update >= config.max_updates:
        return "max_updates"
    if config.max_epochs is not None and state.epoch >= config.max_epochs:
        return "max_epochs"
    if config.max_target_tokens is not None and state.target_tokens >= config.max_target_tokens:
        return "max_target_tokens"
    if ran_out_of_patience(state, config):
        return "patience"
    if config.max_minutes is None or not state.update or state.update % config.log_every:
        return None
    return "max_minutes" if job.workers.agree(seconds > config.max_minutes * 60) else None


def ran_out_of_patience(state: TrainingState, config: TrainConfig) -> bool:
    """Whether ``patience`` validations in a row were no better."""
    return config.patience is not None and state.bad_validations >= config.patience


def epoch_progress(state: TrainingState, job: TrainingJob) -> float:
    """The share of the epoch's pairs gone through, 0 to 1."""
    return state.pairs_in_epoch / len(job.data)


def seconds_left(state: TrainingState, job: TrainingJob, seconds: float) -> float:
    """Seconds until the limit that comes first, if all goes on as it did so far.

    Validations and checkpoints so far count into the pace; what patience will say is not foreseen.
    There must have been an update.
    """
    config = job.config
    shares = [state.update / config.max_updates]
    if config.max_epochs is not None:
        shares.append((state.epoch + epoch_progress(state, job)) / config.max_epochs)
    if config.max_target_tokens is not None:
        shares.append(state.target_tokens / config.max_target_tokens)
    if config.max_minutes is not None:
        shares.append(seconds / (config.max_minutes * 60))
    return max(0.0, seconds * (1 / max(shares) - 1))
