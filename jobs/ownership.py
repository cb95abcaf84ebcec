"""Whose workers may write a training's checkpoints: those of the command that was started last.

writes  ``checkpoints/train-<hash>/owner``, the name of a start: ``train-<hash>-<8 hex digits>``
holds   a worker asks just before it writes, so one that outlived its command, on a cluster whose
        node has gone silent, does not write beside those of the command that goes on

What such a worker is in the middle of writing it ends; of that the checkpoint's manifest tells.
"""

from __future__ import annotations

from jobs.interrupted import folder_of
from pipeline.errors import TrainingError
from pipeline.storage import Storage

OWNER = "owner"


def take_over(storage: Storage, training_id: str, start: str) -> None:
    """From now on the workers of ``start`` may write, and no others."""
    storage.write_bytes(_path(training_id), start.encode())


def require_own(storage: Storage, training_id: str, start: str) -> None:
    """Go on only if no other command has taken over since ``start``.

    Raises:
        TrainingError: if one has, or has even ended the training, naming both.
    """
    path = _path(training_id)
    stands = storage.size(path) is not None
    owner = storage.read_bytes(path).decode() if stands else "one that has ended the training"
    if owner != start:
        raise TrainingError(
            f"{storage.uri_of(folder_of(training_id))} must be written by the command that was "
            f"started last, but this is a worker of {start}, and {owner} has taken over"
        )


def _path(training_id: str) -> str:
    return f"{folder_of(training_id)}/{OWNER}"
