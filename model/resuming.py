"""Save a training where it stands, and go on from there."""

from __future__ import annotations

from dataclasses import asdict

import torch

from model import checkpoint as checkpoints
from model.checkpoint import Checkpoint
from model.job import TrainingJob, TrainingState
from pipeline.errors import TrainingError


def save(job: TrainingJob, optimizer: torch.optim.Optimizer, state: TrainingState) -> None:
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


def resume(job: TrainingJob, optimizer: torch.optim.Optimizer) -> TrainingState:
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
