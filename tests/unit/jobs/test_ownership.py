"""Whose workers may write the checkpoints of a training."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch

from jobs.interrupted import folder_of
from jobs.ownership import require_own, take_over
from model.checkpoint import Checkpoint, CheckpointFolder
from pipeline.errors import TrainingError
from pipeline.storage import Storage

TRAINING = "train-5d1f09c2b7aa"
EARLIER, LATER = f"{TRAINING}-00000001", f"{TRAINING}-00000002"
CHECKPOINT = Checkpoint({"weight": torch.ones(2)}, {}, {})


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path / "store"))


def folder_as_seen_by(start: str, storage: Storage) -> CheckpointFolder:
    """What a worker of this start of the training has."""
    guard = partial(require_own, storage, TRAINING, start)
    return CheckpointFolder(storage, folder_of(TRAINING), {}, guard)


def test_a_worker_that_outlived_its_command_writes_and_deletes_nothing(storage: Storage) -> None:
    take_over(storage, TRAINING, EARLIER)
    left_behind = folder_as_seen_by(EARLIER, storage)
    left_behind.save(20, CHECKPOINT)
    take_over(storage, TRAINING, LATER)
    folder_as_seen_by(LATER, storage).save(10, CHECKPOINT)
    with pytest.raises(TrainingError) as raised:
        left_behind.save(21, CHECKPOINT)
    assert str(raised.value) == (
        f"{storage.uri}/checkpoints/{TRAINING} must be written by the command that was started "
        f"last, but this is a worker of {EARLIER}, and {LATER} has taken over"
    )
    with pytest.raises(TrainingError, match="has taken over"):
        left_behind.prune({21})
    # The later one passed over update 20, and so deleted it.
    assert left_behind.updates() == [10]


def test_nor_does_it_bring_back_a_training_that_another_has_ended(storage: Storage) -> None:
    take_over(storage, TRAINING, EARLIER)
    storage.delete(folder_of(TRAINING))
    with pytest.raises(TrainingError, match="one that has ended the training has taken over"):
        folder_as_seen_by(EARLIER, storage).save(21, CHECKPOINT)
    assert storage.list(folder_of(TRAINING)) == []
