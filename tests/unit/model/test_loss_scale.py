"""fp16: the loss is scaled, overflows lower the scale and are no fault."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from disturbed_training import KilledError, assert_equal_to_the_bit, killed_at, without_times
from model.job import TrainingJob
from model.loss_scale import LOWEST_SCALE, LossScale
from model.training import train
from model.translation_model import TranslationModel
from pipeline.errors import TrainingError
from pipeline.storage import Storage
from tiny_training import TRANSFORMER, TinyCorpus, tiny_job, tiny_model

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path))


def overflow(model: TranslationModel, calls: set[int]) -> None:
    """Make the gradient infinite in these backward passes, counted from 0."""
    counter = itertools.count()

    def hook(module: nn.Module, inputs: object, output: Tensor) -> None:
        if module.training and next(counter) in calls:
            output.register_hook(lambda gradient: gradient * math.inf)

    model.dropout.register_forward_hook(hook)  # type: ignore[union-attr]


def one_weight(gradient: float) -> tuple[nn.Parameter, torch.optim.Optimizer]:
    weight = nn.Parameter(torch.tensor([1.0]))
    weight.grad = torch.tensor([gradient])
    return weight, torch.optim.SGD([weight], lr=0.1)


def test_without_fp16_nothing_is_scaled() -> None:
    scale, (weight, optimizer) = LossScale("bf16", CPU), one_weight(3.0)
    loss = torch.tensor(5.0)
    assert scale.scale(loss) is loss
    scale.unscale(optimizer)
    assert weight.grad is not None
    assert weight.grad.item() == 3.0
    assert not scale.adapt()
    assert scale.state() is None


def test_gradients_come_out_as_without_a_scale() -> None:
    scale, (weight, optimizer) = LossScale("fp16", CPU), one_weight(0.0)
    weight.grad = None
    scale.scale((weight * 3).sum()).backward()  # type: ignore[no-untyped-call]
    assert weight.grad is not None
    assert weight.grad.item() == 3.0 * 65536
    scale.unscale(optimizer)
    assert weight.grad.item() == 3.0
    assert not scale.adapt()


def test_an_overflow_halves_the_scale_down_to_the_lowest() -> None:
    scale = LossScale("fp16", CPU)
    scale.scale(torch.tensor(1.0))
    lowered = []
    for _ in range(18):
        scale.unscale(one_weight(math.inf)[1])
        lowered.append(scale.adapt())
    # 65,536 is halved 16 times.
    assert lowered == [*[True] * 16, False, False]
    assert (scale.state() or {})["scale"] == LOWEST_SCALE


@pytest.mark.parametrize(
    "model",
    [{}, TRANSFORMER, {"architecture": "gru", "attention": "additive"}, {"input_feeding": True}],
    ids=["lstm", "transformer", "gru", "input feeding"],
)
def test_fp16_trains_too(tiny_corpus: TinyCorpus, storage: Storage, model: dict[str, Any]) -> None:
    def losses(name: str, precision: str) -> list[float]:
        job = tiny_job(
            tiny_corpus,
            Storage(f"{storage.uri}/{name}"),
            model=tiny_model(**model, dropout=0.0),
            precision=precision,
            max_updates=8,
        )
        state = train(job)
        assert state.skipped_updates == 0
        return [event["loss"] for event in state.history]

    half, whole = losses("half", "fp16"), losses("whole", "fp32")
    assert half != whole
    assert half == pytest.approx(whole, abs=0.02)


def test_an_overflow_is_skipped_and_counted_but_no_bad_update(
    tiny_corpus: TinyCorpus, storage: Storage
) -> None:
    model = tiny_model()
    overflow(model, set(range(4, 12)))  # Updates 2 and 3; each has 4 micro-batches.
    settings = {"precision": "fp16", "max_updates": 5, "max_bad_updates": 1}
    state = train(tiny_job(tiny_corpus, storage, model=model, **settings))
    assert (state.skipped_updates, state.bad_updates) == (2, 0)
    assert state.loss_scale is not None
    assert state.loss_scale["scale"] == 65536 / 4


def test_at_the_lowest_scale_an_overflow_is_a_bad_update(
    tiny_corpus: TinyCorpus, storage: Storage
) -> None:
    model = tiny_model()
    overflow(model, set(range(1000)))
    events: list[dict[str, Any]] = []
    settings = {"precision": "fp16", "max_bad_updates": 3}
    with pytest.raises(TrainingError, match="for 3 updates in a row, up to update 19"):
        train(tiny_job(tiny_corpus, storage, events.append, model=model, **settings))


@pytest.mark.integration
@pytest.mark.parametrize("update", [4, 6, 13])
def test_a_scale_that_was_interrupted_goes_on(
    tiny_corpus: TinyCorpus, tmp_path: Path, update: int
) -> None:
    def job(name: str, done: int = 0, **more: Any) -> TrainingJob:
        model = tiny_model()
        overflow(model, {n - 4 * done for n in (5, 17, 33)})
        storage = Storage(str(tmp_path / name))
        return tiny_job(
            tiny_corpus, storage, model=model, precision="fp16", checkpoint_every=3, **more
        )

    whole = job("whole")
    expected = train(whole)
    assert expected.skipped_updates == 3
    with pytest.raises(KilledError):
        train(job("killed", report=killed_at(update)))
    # Each update has 4 micro-batches, on one rank.
    found = job("killed").folder.updates()[-1]
    resumed = job("killed", found)
    state = train(resumed)
    # As text, since the loss of a skipped update is no number and equals nothing.
    assert str(without_times(state.history)) == str(without_times(expected.history))
    assert state.loss_scale == expected.loss_scale
    assert_equal_to_the_bit(resumed.model, whole.model)
