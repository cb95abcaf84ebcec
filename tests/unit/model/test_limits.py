"""What ends a training, and how long that will take."""

from __future__ import annotations

import math
from typing import Any

import pytest

from disturbed_training import bleu, scripted, updates_of
from model.job import TrainingState
from model.limits import epoch_progress, reason_to_stop, seconds_left
from model.training import train
from pipeline.storage import Storage
from tiny_training import TinyCorpus, tiny_job

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def storage(tmp_path: Any) -> Storage:
    return Storage(str(tmp_path))


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"max_updates": 3}, "max_updates"),
        ({"max_epochs": 1}, "max_epochs"),
        ({"max_target_tokens": 400}, "max_target_tokens"),
        ({"max_minutes": 1e-6, "log_every": 2}, "max_minutes"),
        ({"patience": 1, "validate_every": 2}, "patience"),
    ],
)
def test_the_state_names_the_setting_that_ended_the_training(
    tiny_corpus: TinyCorpus, storage: Storage, settings: dict[str, Any], reason: str
) -> None:
    job = tiny_job(tiny_corpus, storage, **({"metric": "bleu"} | settings))
    state = train(scripted(job, *bleu(2.0, 1.0)))
    assert state.stopped_by == reason
    assert job.folder.load(state.update).state["stopped_by"] == reason
    assert train(scripted(job, *bleu(9.0))) == state


def test_the_update_that_reaches_the_tokens_is_the_last(
    tiny_corpus: TinyCorpus, storage: Storage
) -> None:
    job = tiny_job(tiny_corpus, storage)
    first, second, third = (update.target_tokens for update in updates_of(job)[:3])
    state = train(tiny_job(tiny_corpus, storage, max_target_tokens=first + second + 1))
    assert (state.update, state.target_tokens) == (3, first + second + third)


def test_a_training_that_goes_on_has_not_been_stopped(
    tiny_corpus: TinyCorpus, storage: Storage
) -> None:
    job = tiny_job(tiny_corpus, storage)
    assert reason_to_stop(TrainingState(update=5), job, 1e9) is None


def test_the_share_of_an_epoch_grows_from_none_to_all_of_its_pairs(
    tiny_corpus: TinyCorpus, storage: Storage
) -> None:
    job = tiny_job(tiny_corpus, storage, max_updates=9)
    state = train(job)
    pairs = [sum(len(m.row) for m in update.micro_batches) for update in updates_of(job)]
    expected = [sum(pairs[:n]) / 184 for n in range(1, 8)]
    seen = [e["epoch_progress"] for e in state.history if e["kind"] == "train"]
    assert seen[:7] == pytest.approx(expected)
    assert seen[7] == 0.0  # The epoch is over, and the report says epoch 1.
    assert state.pairs_in_epoch == round(seen[8] * 184)


@pytest.mark.parametrize(
    ("settings", "left"),
    [
        ({"max_updates": 100}, 90.0),
        ({"max_updates": 100, "max_target_tokens": 2000}, 10.0),
        ({"max_updates": 100, "max_minutes": 0.5}, 20.0),
        ({"max_updates": 100, "max_epochs": 3}, 10.0),
        ({"max_updates": 10}, 0.0),
    ],
)
def test_the_limit_that_comes_first_says_what_time_is_left(
    tiny_corpus: TinyCorpus, storage: Storage, settings: dict[str, Any], left: float
) -> None:
    """After 10 seconds: 10 updates, 1,000 tokens, an epoch and a half."""
    job = tiny_job(tiny_corpus, storage, **settings)
    state = TrainingState(update=10, target_tokens=1000, epoch=1, pairs_in_epoch=92)
    assert epoch_progress(state, job) == 0.5
    assert seconds_left(state, job, 10.0) == pytest.approx(left)


def test_reports_say_what_time_is_left(tiny_corpus: TinyCorpus, storage: Storage) -> None:
    state = train(tiny_job(tiny_corpus, storage, max_updates=4))
    left = [e["seconds_left"] for e in state.history if e["kind"] == "train"]
    assert all(math.isfinite(seconds) and seconds > 0 for seconds in left[:3])
    assert left[3] == 0.0
