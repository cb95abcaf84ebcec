"""Save a training where it stands, and go on from there."""

from __future__ import annotations

from dataclasses import asdict

from model import checkpoint as checkpoints
from model.checkpoint import Checkpoint
from model.job import TrainingJob, TrainingState
from model.learner import Learner
from pipeline.errors import TrainingError


def save(job: TrainingJob, learner: Learner, state: TrainingState) -> None:
    """Write a checkpoint, and delete those that nothing needs; every worker has to come here.

    What did not fit one worker's memory is from here on too large for all, so that the checkpoint
    of one resumes all.
    """
    sizes = [size for (size,) in job.workers.gather((state.too_large,)) if size is not None]
    state.too_large = min(sizes, default=None)
    state.loss_scale = learner.loss_scale.state()
    if job.workers.is_first:
        saved = Checkpoint(
            model=job.model.state_dict(),
            optimizer=checkpoints.optimizer_tensors(job.model, learner.optimizer),
            state=asdict(state),
            average=learner.average.tensors(),
        )
        job.folder.save(state.update, saved)
        _prune(job, state)
    job.workers.wait()


def _prune(job: TrainingJob, state: TrainingState) -> None:
    """Keep the newest checkpoints, and with each what it needs: its best, and those it averages.

    Should the newest be damaged, training goes on from the one before, and needs the best of that.
    """
    newest = job.folder.updates()[-job.config.keep_checkpoints :]
    bests = [e["update"] for e in state.history if e["kind"] == "validation" and e["best"]]
    keep = {*newest, *(max((b for b in bests if b <= u), default=u) for u in newest)}
    if job.config.average == "checkpoints":
        for update in newest:
            validated = [v for v in state.validated if v <= update]
            keep.update(validated[max(0, len(validated) - job.config.average_last + 1) :])
    job.folder.prune(keep)


def resume(job: TrainingJob, learner: Learner) -> TrainingState:
    """Bring the learner to where the newest checkpoint left it, if there is one.

    Raises:
        TrainingError: if that belongs to another training, or not all workers see it.
    """
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
    checkpoints.restore_optimizer(job.model, learner.optimizer, found.optimizer)
    learner.average.restore(found.average)
    state = TrainingState(**found.state)
    learner.loss_scale.restore(state.loss_scale)
    if job.workers.is_first:
        job.report({"kind": "resumed", "update": state.update, "history": state.history})
    return state
