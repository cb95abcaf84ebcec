"""Sentences of a batch whose gradient is no number, in the message that ends the training."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from disturbed_training import updates_of
from model.bad_batch import describe_worst, name_pair
from model.batch_plan import Update
from model.job import TrainingJob
from model.parts import Part, PartLoss
from model.training import train
from model.workers import Workers
from pipeline.errors import TrainingError
from pipeline.storage import Storage
from tiny_training import TinyCorpus, tiny_job, tiny_model

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def job(tiny_corpus: TinyCorpus, tmp_path: Path) -> TrainingJob:
    return tiny_job(tiny_corpus, Storage(str(tmp_path)))


def losses(update: Update, nats_a_token: dict[int, float], weight: float = 1.0) -> list[PartLoss]:
    return [
        PartLoss(Part(m, index, 0, weight), torch.tensor(nats_a_token[index] * m.target_tokens))
        for index, m in enumerate(update.micro_batches)
        if index in nats_a_token
    ]


def first_pair(job: TrainingJob, update: Update, index: int) -> str:
    pairs = update.micro_batches[index]
    sources, targets = job.data.ids(pairs)
    source, target = (" ".join(map(str, side[0])) for side in (sources, targets))
    return f"{name_pair(job.data, pairs, 0)}: “{source}” → “{target}”"


@pytest.mark.parametrize(
    ("nats", "worst"),
    [
        ({0: 2.0, 1: 9.0, 2: 3.0}, 1),
        ({0: 2.0, 1: 9.0, 2: math.inf}, 2),
        ({0: math.nan, 1: 9.0, 2: 3.0}, 0),
    ],
)
def test_the_worst_micro_batch_is_shown(
    job: TrainingJob, nats: dict[int, float], worst: int
) -> None:
    update = updates_of(job)[0]
    said = describe_worst(job, update, losses(update, nats))
    assert first_pair(job, update, worst) in said
    assert said.count("→") == min(2, len(update.micro_batches[worst].row))
    assert f"{nats[worst]:.2f} nats a token" in said


def test_all_workers_say_the_worst_of_all(job: TrainingJob) -> None:
    update = updates_of(job)[0]
    worst = describe_worst(job, update, losses(update, {2: 7.0}))

    class Rank(Workers):
        def gather(self, value: Any) -> list[Any]:
            everyones.append(value)
            return list(everyones)

    everyones: list[Any] = []
    placed = replace(job, workers=Rank())
    describe_worst(placed, update, losses(update, {2: 7.0}))
    assert describe_worst(placed, update, losses(update, {0: 3.0})) == worst
    # A rank without a micro-batch of its own repeats one with weight 0.
    assert describe_worst(placed, update, losses(update, {1: 8.0}, weight=0.0)) == worst


def test_long_sentences_are_shortened(job: TrainingJob) -> None:
    class Wordy:
        def decode(self, ids: list[list[int]]) -> list[str]:
            return ["आज बारिश हो रही है। " * 50 for _ in ids]

    words: Any = Wordy()
    update = updates_of(job)[0]
    said = describe_worst(replace(job, tokenizers=(words, words)), update, losses(update, {0: 1.0}))
    assert "“आज बारिश हो रही है। आज" in said
    assert " …”" in said
    assert len(said) < 600


def test_a_training_that_ends_for_its_gradients_shows_the_pairs(
    tiny_corpus: TinyCorpus, tmp_path: Path
) -> None:
    model = tiny_model()
    with torch.no_grad():
        model.output.bias[5] = math.nan
    job = tiny_job(tiny_corpus, Storage(str(tmp_path)), model=model, max_bad_updates=2)
    with pytest.raises(TrainingError, match="for 2 updates in a row, up to update 2; there") as e:
        train(job)
    update = updates_of(job)[1]
    assert any(first_pair(job, update, i) in str(e.value) for i in range(len(update.micro_batches)))
