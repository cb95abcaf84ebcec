"""Any number of workers, also a changing one, trains and validates what one would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from disturbed_training import Event
from model.checkpoint import Checkpoint, CheckpointFolder
from pipeline.storage import Storage
from tiny_training import IDENTITY, TRANSFORMER, TinyCorpus, train_with_workers

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("one_thread")]


def checkpoint(folder: Path, update: int) -> Checkpoint:
    return CheckpointFolder(Storage(str(folder)), "run", IDENTITY).load(update)


def validations(found: Checkpoint) -> list[Event]:
    return [event for event in found.state["history"] if event["kind"] == "validation"]


def assert_alike(found: Checkpoint, expected: Checkpoint) -> None:
    for ours, theirs in ((found.model, expected.model), (found.published, expected.published)):
        for name, tensor in theirs.items():
            torch.testing.assert_close(ours[name], tensor, rtol=0, atol=1e-5, msg=name)


@pytest.fixture(scope="module")
def alone(tiny_corpus: TinyCorpus, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """24 updates of one worker."""
    folder = tmp_path_factory.mktemp("alone")
    train_with_workers(1, tiny_corpus, folder, {}, average="ema")
    return checkpoint(folder, 24)


@pytest.mark.parametrize("world_size", [2, 4])
def test_scores_do_not_depend_on_the_number_of_workers(
    tiny_corpus: TinyCorpus, tmp_path: Path, alone: Checkpoint, world_size: int
) -> None:
    train_with_workers(world_size, tiny_corpus, tmp_path, {}, average="ema")
    found = checkpoint(tmp_path, 24)
    assert len(validations(found)) == 3
    for ours, theirs in zip(validations(found), validations(alone), strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], abs=1e-5)
        assert (ours["bleu"], ours["chrf"]) == (theirs["bleu"], theirs["chrf"])


@pytest.mark.parametrize("then", [1, 4])
def test_stopped_with_two_workers_it_goes_on_with_fewer_or_more(
    tiny_corpus: TinyCorpus, tmp_path: Path, alone: Checkpoint, then: int
) -> None:
    train_with_workers(2, tiny_corpus, tmp_path, {}, average="ema", max_updates=11)
    train_with_workers(then, tiny_corpus, tmp_path, {}, average="ema")
    assert_alike(checkpoint(tmp_path, 24), alone)


@pytest.mark.parametrize("rooms", [(3, 100), (100, 2)], ids=["rank 0", "rank 1"])
@pytest.mark.parametrize("model", [{}, TRANSFORMER], ids=["lstm", "transformer"])
def test_one_worker_of_small_memory_holds_up_nobody_and_changes_nothing(
    tiny_corpus: TinyCorpus, tmp_path: Path, rooms: tuple[int, ...], model: dict[str, Any]
) -> None:
    exact = model | {"dropout": 0.0}
    roomy, small = tmp_path / "roomy", tmp_path / "small"
    train_with_workers(2, tiny_corpus, roomy, exact, max_updates=12)
    train_with_workers(2, tiny_corpus, small, exact, rooms, max_updates=12)
    found, expected = checkpoint(small, 12), checkpoint(roomy, 12)
    assert found.state["too_large"] is not None
    assert expected.state["too_large"] is None
    assert_alike(found, expected)


def test_fp16_has_one_scale_for_all(tiny_corpus: TinyCorpus, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for world_size, folder in ((1, one), (2, two)):
        train_with_workers(
            world_size, tiny_corpus, folder, {"dropout": 0.0}, precision="fp16", max_updates=6
        )
    ours, theirs = checkpoint(two, 6), checkpoint(one, 6)
    assert ours.state["loss_scale"] == theirs.state["loss_scale"]
    for name, tensor in theirs.model.items():
        torch.testing.assert_close(ours.model[name], tensor, rtol=0, atol=5e-3, msg=name)


def test_where_one_worker_has_no_gradient_all_skip_the_update(
    tiny_corpus: TinyCorpus, tmp_path: Path
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    exact = {"dropout": 0.0}
    # Of the third update the second micro-batch, which is rank 1's where there are two. Had a rank
    # stepped there all the same, what follows would be learnt from other weights.
    train_with_workers(1, tiny_corpus, one, exact, poisoned=(2, 1), max_updates=6)
    train_with_workers(2, tiny_corpus, two, exact, poisoned=(2, 1), max_updates=6)
    ours, theirs = checkpoint(two, 6), checkpoint(one, 6)
    assert (theirs.state["skipped_updates"], ours.state["skipped_updates"]) == (1, 1)
    assert_alike(ours, theirs)
