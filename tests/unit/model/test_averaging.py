"""Averaged weights: what is validated and published; the raw ones are what is trained."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from disturbed_training import KilledError, assert_equal_to_the_bit, killed_at, without_times
from model.averaging import MovingAverage, build_average
from model.checkpoint import MODEL, Checkpoint, CheckpointFolder
from model.config import TrainConfig
from model.dataset import TokenDataset
from model.job import TrainingJob
from model.training import train
from model.translation_model import TranslationModel
from model.validation import DevScores, DevSet
from model.workers import Workers
from pipeline.errors import TrainingError
from pipeline.storage import Storage
from tiny_training import TRANSFORMER, NumberTokenizer, TinyCorpus, tiny_job, tiny_model

pytestmark = pytest.mark.usefixtures("one_thread")

EMA: dict[str, Any] = {"average": "ema", "ema_decay": 0.9}
CHECKPOINTS: dict[str, Any] = {"average": "checkpoints", "average_last": 3, "validate_every": 4}


class Weight(nn.Module):
    """One weight."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([value]))


def set_to(model: Weight, value: float) -> None:
    with torch.no_grad():
        model.weight.fill_(value)


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path))


# The averages themselves.


def test_a_moving_average_soon_forgets_where_it_began() -> None:
    model = Weight(8.0)
    average = MovingAverage(model, decay=0.25)
    set_to(model, 0.0)
    average.follow(1)  # It keeps 2/11 of itself.
    tensors = average.tensors()
    assert tensors is not None
    assert tensors["weight"].item() == pytest.approx(8 * 2 / 11)
    average.follow(2)  # 3/12 is its decay, and no more is kept from here on.
    average.follow(100)
    assert tensors["weight"].item() == pytest.approx(8 * 2 / 11 / 4 / 4)


def test_weights_and_average_change_places_and_back() -> None:
    model = Weight(8.0)
    average = MovingAverage(model, decay=0.25)
    place = model.weight.data_ptr()
    set_to(model, 1.0)
    seen = []

    def look_and_fail() -> None:
        seen.append((model.weight.item(), model.weight.data_ptr()))
        raise KeyError

    with pytest.raises(KeyError), average.in_place([]):
        look_and_fail()
    assert seen == [(8.0, place)]
    assert (model.weight.item(), model.weight.data_ptr()) == (1.0, place)


def test_a_moving_average_of_half_precision_is_kept_in_float32() -> None:
    model = Weight(1.0).bfloat16()
    average = MovingAverage(model, decay=0.999)
    set_to(model, 2.0)
    average.follow(100_000)
    tensors = average.tensors()
    assert tensors is not None
    # bfloat16 has nothing between 1 and 1.0078.
    assert tensors["weight"].item() == pytest.approx(1.001, abs=1e-5)


def test_the_last_checkpoints_count_alike(storage: Storage) -> None:
    folder = CheckpointFolder(storage, "run", {})
    for update, value in ((2, 100.0), (4, 1.0), (6, 2.0)):
        folder.save(update, Checkpoint({"weight": torch.tensor([value])}, {}, {}))
    model = Weight(6.0)
    average = build_average(
        model, TrainConfig(average="checkpoints", average_last=3), folder, Workers()
    )
    assert average.tensors() is None
    with average.in_place([2, 4, 6]):
        assert model.weight.item() == pytest.approx(3.0)
    assert model.weight.item() == 6.0
    tensors = average.tensors()
    assert tensors is not None
    assert tensors["weight"].item() == pytest.approx(3.0)
    average.follow(7)
    assert average.tensors() is None


def test_of_fewer_checkpoints_there_is_a_mean_too(storage: Storage) -> None:
    folder = CheckpointFolder(storage, "run", {})
    folder.save(2, Checkpoint({"weight": torch.tensor([1.0])}, {}, {}))
    model = Weight(5.0)
    for last, expected in ((5, 3.0), (1, 5.0)):
        config = TrainConfig(average="checkpoints", average_last=last)
        with build_average(model, config, folder, Workers()).in_place([2]):
            assert model.weight.item() == pytest.approx(expected)


def test_a_damaged_checkpoint_is_left_out_of_the_mean(
    storage: Storage, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = CheckpointFolder(storage, "run", {})
    for update, value in ((2, 100.0), (4, 1.0)):
        folder.save(update, Checkpoint({"weight": torch.tensor([value])}, {}, {}))
    damaged = tmp_path / "run" / "update-00000002" / MODEL
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"!")
    model = Weight(5.0)
    average = build_average(model, TrainConfig(average="checkpoints"), folder, Workers())
    with caplog.at_level(logging.WARNING), average.in_place([2, 4]):
        assert model.weight.item() == pytest.approx(3.0)
    assert str(damaged) in caplog.text


# In a training.


class NotingDev(DevSet):
    """A development set that keeps the weights it was shown."""

    def __init__(self, corpus: TinyCorpus) -> None:
        target: Any = NumberTokenizer()
        super().__init__(TokenDataset(corpus.dev), corpus.references, target, 10)
        self.seen: list[dict[str, Tensor]] = []

    def score(self, model: TranslationModel, workers: Workers, precision: Any) -> DevScores:
        self.seen.append({k: v.clone() for k, v in model.state_dict().items()})
        return super().score(model, workers, precision)


@pytest.mark.integration
@pytest.mark.parametrize("average", [EMA, CHECKPOINTS], ids=["ema", "checkpoints"])
def test_training_itself_does_not_depend_on_the_average(
    tiny_corpus: TinyCorpus, tmp_path: Path, average: dict[str, Any]
) -> None:
    raw, averaged = (
        tiny_job(tiny_corpus, Storage(str(tmp_path / name)), **({"validate_every": 4} | settings))
        for name, settings in (("raw", {}), ("averaged", average))
    )
    histories = [train(raw).history, train(averaged).history]
    assert_equal_to_the_bit(averaged.model, raw.model)
    losses = [[e["loss"] for e in history if e["kind"] == "train"] for history in histories]
    assert losses[0] == losses[1]
    dev = [[e["loss"] for e in history if e["kind"] == "validation"] for history in histories]
    assert dev[0] != dev[1]


@pytest.mark.parametrize("model", [{}, TRANSFORMER], ids=["lstm", "transformer"])
@pytest.mark.parametrize("average", [EMA, CHECKPOINTS], ids=["ema", "checkpoints"])
def test_what_was_validated_as_the_best_is_what_is_published(
    tiny_corpus: TinyCorpus, storage: Storage, average: dict[str, Any], model: dict[str, Any]
) -> None:
    dev = NotingDev(tiny_corpus)
    job = tiny_job(tiny_corpus, storage, model=tiny_model(**model), max_updates=12, **average)
    state = train(replace(job, dev=dev))
    assert state.best_update is not None
    best = job.folder.load(state.best_update)
    validated = dev.seen[state.validated.index(state.best_update)]
    assert best.published.keys() == best.model.keys() == validated.keys()
    for name, tensor in validated.items():
        assert torch.equal(best.published[name], tensor), name
    assert any(not torch.equal(best.model[name], tensor) for name, tensor in validated.items())


def test_the_moving_average_follows_every_update_by_the_formula(
    tiny_corpus: TinyCorpus, storage: Storage
) -> None:
    model = tiny_model(joint_embedding=True, tie_output=True)
    average = {name: p.detach().double() for name, p in model.named_parameters()}

    def follow(event: dict[str, Any]) -> None:
        if event["kind"] == "train":
            decay = min(0.9, (1 + event["update"]) / (10 + event["update"]))
            for name, p in model.named_parameters():
                average[name] = decay * average[name] + (1 - decay) * p.detach().double()

    job = tiny_job(tiny_corpus, storage, follow, model=model, max_updates=8, **EMA)
    train(job)
    found = job.folder.load(8).average
    assert found is not None
    for name, expected in average.items():
        torch.testing.assert_close(found[name].double(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.integration
@pytest.mark.parametrize("update", [3, 6, 10, 17, 23])
@pytest.mark.parametrize("average", [EMA, CHECKPOINTS], ids=["ema", "checkpoints"])
def test_averages_resume_to_the_bit(
    tiny_corpus: TinyCorpus, tmp_path: Path, average: dict[str, Any], update: int
) -> None:
    def job(name: str, **more: Any) -> TrainingJob:
        return tiny_job(tiny_corpus, Storage(str(tmp_path / name)), **average, **more)

    whole = job("whole")
    expected = train(whole)
    with pytest.raises(KilledError):
        train(job("killed", report=killed_at(update)))
    resumed = job("killed", model=tiny_model())
    state = train(resumed)
    assert without_times(state.history) == without_times(expected.history)
    for at in {state.update, state.best_update}:
        ours, theirs = resumed.folder.load(at or 0), whole.folder.load(at or 0)
        for name, tensor in theirs.published.items():
            assert torch.equal(ours.published[name], tensor), name
        for name, tensor in theirs.model.items():
            assert torch.equal(ours.model[name], tensor), name


def test_a_damaged_newest_checkpoint_leaves_those_that_the_mean_needs(
    tiny_corpus: TinyCorpus, tmp_path: Path
) -> None:
    def job(name: str) -> TrainingJob:
        return tiny_job(
            tiny_corpus, Storage(str(tmp_path / name)), **CHECKPOINTS, keep_checkpoints=2
        )

    whole = job("whole")
    expected = train(whole)
    assert len(whole.folder.updates()) <= 6
    (tmp_path / "whole" / "run" / "update-00000024" / MODEL).write_bytes(b"")
    again = job("whole")
    state = train(again)
    assert without_times(state.history) == without_times(expected.history)


@pytest.mark.parametrize("average", [EMA, CHECKPOINTS], ids=["ema", "checkpoints"])
def test_damaged_weights_are_never_called_best_by_their_average(
    tiny_corpus: TinyCorpus, storage: Storage, average: dict[str, Any]
) -> None:
    model = tiny_model()
    with torch.no_grad():
        model.output.bias[5] = math.nan
    events: list[dict[str, Any]] = []
    settings = average | {"validate_every": 1, "max_bad_updates": 4}
    with pytest.raises(TrainingError, match="in a row"):
        train(tiny_job(tiny_corpus, storage, events.append, model=model, **settings))
    validations = [event for event in events if event["kind"] == "validation"]
    assert len(validations) == 3
    assert not any(event["best"] for event in validations)
