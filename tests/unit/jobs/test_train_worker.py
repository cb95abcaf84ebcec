"""What a checkpoint must have been made of to be resumed by a training worker."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from jobs.config import ComputeConfig
from jobs.train_worker import TrainOrder, _identity
from model.checkpoint import Checkpoint, CheckpointFolder
from model.config import ModelConfig, TrainConfig
from pipeline.artifacts import ArtifactSpec
from pipeline.errors import TrainingError
from pipeline.storage import Storage


@pytest.fixture
def order(tmp_path: Path) -> TrainOrder:
    return TrainOrder(
        start="train-1-00000001",
        storage=Storage(str(tmp_path)),
        spec=ArtifactSpec("train", {}, "", {}),
        model=ModelConfig(hidden_size=64),
        train=TrainConfig(batch_tokens=2048),
        compute=ComputeConfig(),
        splits=("train", "validation"),
    )


def resume(saved: dict[str, str], ours: dict[str, str], storage: Storage) -> str:
    """What is said to a worker of identity ``ours`` of a checkpoint of identity ``saved``."""
    checkpoint = Checkpoint({"weight": torch.ones(2)}, {}, {})
    CheckpointFolder(storage, "run", saved).save(5, checkpoint)
    with pytest.raises(TrainingError) as refusal:
        CheckpointFolder(storage, "run", ours).load_latest()
    return str(refusal.value)


def test_another_tokenizer_and_other_token_arrays_are_refused_naming_both(
    order: TrainOrder,
) -> None:
    ours = _identity(order, "tensorize-1", "tokenizer-1")
    said = resume(_identity(order, "tensorize-1", "tokenizer-2"), ours, order.storage)
    assert "with the tokenizer that it was made with" in said
    assert "has tokenizer-2, this run tokenizer-1" in said
    said = resume(_identity(order, "tensorize-2", "tokenizer-1"), ours, order.storage)
    assert "has tensorize-2, this run tensorize-1" in said


def test_another_architecture_is_refused_naming_both(order: TrainOrder) -> None:
    wider = replace(order, model=ModelConfig(hidden_size=128))
    said = resume(_identity(wider, "a", "t"), _identity(order, "a", "t"), order.storage)
    assert "with the architecture that it was made with" in said
    theirs, _, ours = said.partition(", this run ")
    assert '"hidden_size":128' in theirs
    assert '"hidden_size":64' in ours


@pytest.mark.parametrize(
    ("changed", "theirs", "ours"),
    [
        ({"batch_tokens": 4096}, "batch_tokens 4096", "batch_tokens 2048"),
        ({"micro_batches": 5}, "micro_batches 5", "micro_batches 2"),
        ({"seed": 7}, "seed 7", "seed 1"),
    ],
)
def test_another_batch_plan_is_refused_naming_both(
    order: TrainOrder, changed: dict[str, int], theirs: str, ours: str
) -> None:
    other = replace(order, train=order.train.model_copy(update=changed))
    said = resume(_identity(other, "a", "t"), _identity(order, "a", "t"), order.storage)
    assert "with the batch plan that it was made with" in said
    before, _, after = said.partition(", this run ")
    assert theirs in before
    assert ours in after
