"""Checkpoints: whole or not there, exact, and of this training only."""

from __future__ import annotations

import json
import logging
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from model.checkpoint import (
    AVERAGE,
    FORMAT_VERSION,
    MANIFEST,
    MODEL,
    OPTIMIZER,
    STATE,
    Checkpoint,
    CheckpointFolder,
    optimizer_tensors,
    restore_optimizer,
)
from pipeline.errors import ArtifactError, TrainingError
from pipeline.storage import Storage

IDENTITY = {"tokenizer": "tokenizer-1111", "training": "train-2222"}


@pytest.fixture
def folder(tmp_path: Path) -> CheckpointFolder:
    return CheckpointFolder(Storage(str(tmp_path)), "run", IDENTITY)


def checkpoint(update: int) -> Checkpoint:
    weights = {"w": torch.tensor([[0.1, float(update)]]), "b": torch.ones(3, dtype=torch.bfloat16)}
    return Checkpoint(weights, {"w/step": torch.tensor(7.0)}, {"update": update, "score": 0.1})


def flip_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_what_is_loaded_is_what_was_saved(folder: CheckpointFolder) -> None:
    saved = checkpoint(5)
    folder.save(5, saved)
    loaded = folder.load(5)
    assert loaded.state == saved.state
    for ours, theirs in ((loaded.model, saved.model), (loaded.optimizer, saved.optimizer)):
        assert ours.keys() == theirs.keys()
        for name, tensor in theirs.items():
            assert ours[name].dtype == tensor.dtype
            assert torch.equal(ours[name], tensor)


def test_nothing_on_the_disk_is_pickled(folder: CheckpointFolder, tmp_path: Path) -> None:
    folder.save(5, checkpoint(5))
    written = {path.name: path for path in (tmp_path / "run" / "update-00000005").iterdir()}
    assert set(written) == {MODEL, OPTIMIZER, STATE, MANIFEST}
    for name in (STATE, MANIFEST):
        json.loads(written[name].read_bytes())
    for name in (MODEL, OPTIMIZER):
        content = written[name].read_bytes()
        header = int.from_bytes(content[:8], "little")
        assert "w" in json.loads(content[8 : 8 + header]) or name == OPTIMIZER


def test_a_checkpoint_counts_once_its_manifest_stands(
    folder: CheckpointFolder, tmp_path: Path
) -> None:
    folder.save(5, checkpoint(5))
    folder.save(10, checkpoint(10))
    (tmp_path / "run" / "update-00000010" / MANIFEST).unlink()
    assert folder.updates() == [5]
    latest = folder.load_latest()
    assert latest is not None
    assert latest.state["update"] == 5


def test_the_manifest_is_written_last(
    folder: CheckpointFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    writing = folder.storage.writing

    def note(path: str) -> AbstractContextManager[Path]:
        written.append(path)
        return writing(path)

    monkeypatch.setattr(folder.storage, "writing", note)
    folder.save(5, replace(checkpoint(5), average={"w": torch.ones(2)}))
    assert len(written) == 5
    assert written[-1] == f"run/update-00000005/{MANIFEST}"


def test_averaged_weights_are_kept_beside_the_raw_ones(folder: CheckpointFolder) -> None:
    raw = checkpoint(5)
    folder.save(5, replace(raw, average={"w": torch.tensor([4.0])}))
    loaded = folder.load(5)
    assert torch.equal(loaded.model["w"], raw.model["w"])
    assert loaded.published["w"].tolist() == [4.0]
    assert torch.equal(folder.weights(5)["w"], raw.model["w"])


def test_without_an_average_the_raw_weights_are_published(folder: CheckpointFolder) -> None:
    folder.save(5, checkpoint(5))
    loaded = folder.load(5)
    assert loaded.average is None
    assert loaded.published is loaded.model


def test_the_file_of_what_was_validated_is_verified_before_it_is_handed_out(
    folder: CheckpointFolder, tmp_path: Path
) -> None:
    folder.save(5, checkpoint(5))
    folder.save(6, replace(checkpoint(6), average=checkpoint(7).model))
    for update, expected in ((5, checkpoint(5).model), (6, checkpoint(7).model)):
        found = safetensors.torch.load_file(folder.published(update))
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
    (tmp_path / "run" / "update-00000006" / AVERAGE).write_bytes(b"other")
    with pytest.raises(ArtifactError, match=f"update-00000006/{AVERAGE} must have sha256"):
        folder.published(6)


def test_weights_alone_are_verified_too(folder: CheckpointFolder, tmp_path: Path) -> None:
    folder.save(5, checkpoint(5))
    flip_a_byte(tmp_path / "run" / "update-00000005" / MODEL)
    with pytest.raises(ArtifactError, match=r"model.safetensors must have sha256"):
        folder.weights(5)


def test_an_empty_folder_has_no_checkpoint(folder: CheckpointFolder) -> None:
    assert folder.updates() == []
    assert folder.load_latest() is None


@pytest.mark.parametrize("name", [MODEL, OPTIMIZER, STATE])
def test_a_flipped_byte_sends_back_to_the_checkpoint_before(
    folder: CheckpointFolder, tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    folder.save(5, checkpoint(5))
    folder.save(10, checkpoint(10))
    flip_a_byte(tmp_path / "run" / "update-00000010" / name)
    with caplog.at_level(logging.WARNING):
        latest = folder.load_latest()
    assert latest is not None
    assert latest.state["update"] == 5
    (record,) = caplog.records
    assert f"update-00000010/{name} must have sha256" in record.getMessage()


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b"null", b"[]", b"\xff"])
def test_a_damaged_manifest_is_a_damaged_checkpoint(
    folder: CheckpointFolder, tmp_path: Path, content: bytes
) -> None:
    folder.save(5, checkpoint(5))
    (tmp_path / "run" / "update-00000005" / MANIFEST).write_bytes(content)
    with pytest.raises(ArtifactError, match="must list a checkpoint's files"):
        folder.load(5)


def test_a_missing_file_is_named(folder: CheckpointFolder, tmp_path: Path) -> None:
    folder.save(5, checkpoint(5))
    (tmp_path / "run" / "update-00000005" / MODEL).unlink()
    with pytest.raises(ArtifactError, match=f"update-00000005/{MODEL}"):
        folder.load(5)


@pytest.mark.parametrize("key", ["tokenizer", "training"])
def test_another_identity_is_refused_naming_both(folder: CheckpointFolder, key: str) -> None:
    folder.save(5, checkpoint(5))
    other = CheckpointFolder(folder.storage, folder.path, IDENTITY | {key: "other-3333"})
    with pytest.raises(TrainingError) as refusal:
        other.load_latest()
    message = str(refusal.value)
    assert f"with the {key} that" in message
    assert IDENTITY[key] in message
    assert "other-3333" in message


def test_another_format_is_refused(
    folder: CheckpointFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model.checkpoint.FORMAT_VERSION", FORMAT_VERSION + 1)
    folder.save(5, checkpoint(5))
    monkeypatch.undo()
    with pytest.raises(TrainingError, match=f"format version {FORMAT_VERSION} to be resumed"):
        folder.load_latest()


def test_pruning_keeps_what_it_is_told(folder: CheckpointFolder, tmp_path: Path) -> None:
    for update in (5, 10, 15, 20):
        folder.save(update, checkpoint(update))
    (tmp_path / "run" / "update-00000010" / MANIFEST).unlink()
    folder.prune({5, 20})
    assert folder.updates() == [5, 20]
    assert sorted(path.name[-2:] for path in (tmp_path / "run").iterdir()) == ["05", "20"]


def test_a_checkpoint_half_deleted_does_not_look_whole(
    folder: CheckpointFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.save(5, checkpoint(5))
    delete, deleted = folder.storage.delete, []

    def killed_after_the_first(path: str) -> None:
        if deleted:
            raise KeyboardInterrupt
        deleted.append(path)
        delete(path)

    monkeypatch.setattr(folder.storage, "delete", killed_after_the_first)
    with pytest.raises(KeyboardInterrupt):
        folder.prune(set())
    assert folder.updates() == []


def test_damaged_checkpoints_ahead_of_a_save_are_deleted(
    folder: CheckpointFolder, tmp_path: Path
) -> None:
    """They would pass for the newest, and have whole ones pruned in their place."""
    folder.save(5, checkpoint(5))
    folder.save(10, checkpoint(10))
    flip_a_byte(tmp_path / "run" / "update-00000010" / MODEL)
    folder.save(8, checkpoint(8))
    assert folder.updates() == [5, 8]


def test_the_optimizer_goes_on_as_if_it_had_never_stopped() -> None:
    def trained(updates: int, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        for index in range(updates):
            optimizer.zero_grad()
            model(torch.full((2, 3), 0.1 * index)).square().sum().backward()
            optimizer.step()

    def make(weights: dict[str, Tensor]) -> tuple[nn.Module, torch.optim.Optimizer]:
        model = nn.Linear(3, 2)
        model.load_state_dict(weights)
        return model, torch.optim.AdamW(model.parameters(), lr=0.1, fused=True)

    torch.manual_seed(1)
    first, optimizer = make(nn.Linear(3, 2).state_dict())
    trained(3, first, optimizer)
    tensors = {k: v.clone() for k, v in optimizer_tensors(first, optimizer).items()}
    assert set(tensors) == {
        f"{parameter}/{state}"
        for parameter in ("weight", "bias")
        for state in ("step", "exp_avg", "exp_avg_sq")
    }
    second, other = make(first.state_dict())
    restore_optimizer(second, other, tensors)
    trained(4, first, optimizer)
    trained(4, second, other)
    assert torch.equal(
        torch.cat([*first.weight, first.bias]), torch.cat([*second.weight, second.bias])
    )
    for key, value in optimizer_tensors(first, optimizer).items():
        assert torch.equal(value, optimizer_tensors(second, other)[key])


def test_an_optimizer_that_took_no_step_has_nothing_to_save(folder: CheckpointFolder) -> None:
    model = nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters())
    folder.save(1, Checkpoint(model.state_dict(), optimizer_tensors(model, optimizer), {}))
    restore_optimizer(model, optimizer, folder.load(1).optimizer)
    assert not optimizer.state
