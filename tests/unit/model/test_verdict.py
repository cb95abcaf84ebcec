"""Schedule plateau: the rate falls when validations get no better."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from disturbed_training import KilledError, assert_equal_to_the_bit, bleu, killed_at, scripted
from model.job import TrainingJob, TrainingState
from model.training import train
from model.validation import DevScores
from pipeline.storage import Storage
from tiny_training import TinyCorpus, tiny_job

pytestmark = pytest.mark.usefixtures("one_thread")

PLATEAU: dict[str, Any] = {
    "schedule": "plateau",
    "plateau_factor": 0.5,
    "plateau_patience": 2,
    "learning_rate": 0.08,
    "warmup_updates": 2,
    "validate_every": 2,
    "max_updates": 16,
    "metric": "bleu",
}


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path))


def rates(state: TrainingState) -> list[float]:
    return [e["learning_rate"] for e in state.history if e["kind"] == "train"]


def test_the_rate_falls_after_so_many_validations_that_are_no_better(
    tiny_corpus: TinyCorpus, storage: Storage
) -> None:
    # After updates 2 (in the warm-up), 4, 6, 8, …
    scores = bleu(1.0, 5.0, 4.0, 4.5, 4.9, 6.0, 5.0, 5.0)
    state = train(scripted(tiny_job(tiny_corpus, storage, **PLATEAU), *scores))
    assert rates(state) == pytest.approx([0.04, *[0.08] * 7, *[0.04] * 8])
    assert (state.rate_reductions, state.plateau_validations) == (2, 0)


def test_it_does_not_fall_below_the_lowest(tiny_corpus: TinyCorpus, storage: Storage) -> None:
    settings = PLATEAU | {"plateau_patience": 1, "min_learning_rate": 0.03}
    state = train(scripted(tiny_job(tiny_corpus, storage, **settings), *bleu(5.0, 1.0)))
    assert rates(state) == pytest.approx([0.04, *[0.08] * 3, *[0.04] * 2, *[0.03] * 10])


def test_an_equal_score_is_no_plateau_and_one_that_is_no_number_is(
    tiny_corpus: TinyCorpus, storage: Storage
) -> None:
    state = train(scripted(tiny_job(tiny_corpus, storage, **PLATEAU), *bleu(3.0)))
    assert state.rate_reductions == 0
    nothing = DevScores(math.nan, math.nan, math.nan)
    job = tiny_job(tiny_corpus, Storage(f"{storage.uri}/other"), **PLATEAU)
    assert train(scripted(job, *bleu(3.0), nothing)).rate_reductions == 3


def test_validations_in_the_warm_up_do_not_count(tiny_corpus: TinyCorpus, storage: Storage) -> None:
    settings = PLATEAU | {"warmup_updates": 16}
    state = train(scripted(tiny_job(tiny_corpus, storage, **settings), *bleu(5.0, 1.0)))
    assert (state.rate_reductions, state.plateau_validations) == (0, 0)


@pytest.mark.integration
@pytest.mark.parametrize("update", [6, 9, 13])
def test_a_plateau_that_was_interrupted_goes_on(
    tiny_corpus: TinyCorpus, tmp_path: Path, update: int
) -> None:
    settings = PLATEAU | {"metric": "loss", "plateau_patience": 1, "learning_rate": 3.0}

    def job(name: str, **more: Any) -> TrainingJob:
        return tiny_job(tiny_corpus, Storage(str(tmp_path / name)), **settings, **more)

    whole = job("whole")
    expected = train(whole)
    assert expected.rate_reductions > 1
    with pytest.raises(KilledError):
        train(job("killed", report=killed_at(update)))
    resumed = job("killed")
    assert rates(train(resumed)) == rates(expected)
    assert_equal_to_the_bit(resumed.model, whole.model)
