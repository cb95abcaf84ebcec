"""What a training that stopped left behind, damaged: it goes on from what is whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.cluster import RaySession
from pipeline.errors import TrainingError
from pipeline.storage import Storage
from training_on_ray import Fault, TinyTraining, weights_of

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    # Ray warns of its own settings when it is imported.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def stop_at(at: int) -> Fault:
    """End the training there; made by a call, so that it travels to the workers by value."""

    def stop(rank: int, update: int) -> None:
        from pipeline.errors import TrainingError

        if update == at:
            raise TrainingError("it must stop here")

    return stop


def test_a_damaged_checkpoint_is_passed_over_with_a_warning_and_garbage_of_ray_is_deleted(
    ray_session: RaySession, tmp_path: Path
) -> None:
    one = {"num_workers": 1}
    expected = TinyTraining(Storage(str(tmp_path / "undisturbed")), one).run()
    root = tmp_path / "storage"
    training = TinyTraining(Storage(str(root)), one)
    with pytest.raises(TrainingError, match="it must stop here"):
        training.run(stop_at(13))
    checkpoints = root / "checkpoints" / expected.id
    newest = checkpoints / "update-00000010" / "optimizer.safetensors"
    newest.write_bytes(newest.read_bytes()[:-1] + b"\0\1")
    # What Ray notes in place a kill can leave empty or cut; it is of no run that starts now.
    for name, content in ("dead-1", b""), ("dead-2", b'{"checkpoint_results": ['):
        notes = root / "ray" / f"{expected.id}-{name}"
        notes.mkdir(parents=True)
        (notes / "checkpoint_manager_snapshot.json").write_bytes(content)
    made = training.run()
    [warning] = training.warnings()
    assert warning.startswith(f"{newest} must have sha256 ")
    assert warning.endswith("; going back to the checkpoint before")
    assert training.resumed() == [5]
    assert weights_of(made) == weights_of(expected)
    assert list((root / "ray").iterdir()) == []
