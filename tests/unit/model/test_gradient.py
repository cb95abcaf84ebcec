"""Micro-batches that do not fit the memory: cut, and the same gradient."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from disturbed_training import (
    KilledError,
    assert_equal_to_the_bit,
    backward,
    killed_at,
    updates_of,
    without_times,
)
from model.gradient import Gradients
from model.job import TrainingJob, TrainingState
from model.loss_scale import LossScale
from model.parts import Part, halves, is_out_of_memory, parts_that_fit, total_nll
from model.training import train
from model.translation_model import TranslationModel
from pipeline.errors import TrainingError
from pipeline.storage import Storage
from tiny_training import TinyCorpus, small_memory, tiny_job, tiny_model

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path))


def exact_job(corpus: TinyCorpus, storage: Storage, model: TranslationModel) -> TrainingJob:
    return tiny_job(corpus, storage, model=model.double())


def gradients(model: nn.Module) -> list[torch.Tensor]:
    return [p.grad for p in model.parameters() if p.grad is not None]


def test_torch_says_that_there_is_no_memory() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60)
    assert is_out_of_memory(caught.value)
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory."))
    # As seen of a bf16 product of linear layers when the address space was used up.
    assert is_out_of_memory(RuntimeError("could not create a primitive"))
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not is_out_of_memory(RuntimeError("could not create a primitive descriptor for lstm"))


def test_halves_are_micro_batches_of_their_own(tiny_corpus: TinyCorpus, storage: Storage) -> None:
    job = tiny_job(tiny_corpus, storage)
    whole = max(updates_of(job)[0].micro_batches, key=lambda m: len(m.row))
    cut = halves(Part(whole, 3, 0, 1.0), job.data)
    assert [part.start for part in cut] == [0, len(whole.row) // 2]
    assert [row for part in cut for row in part.pairs.row] == list(whole.row)
    assert sum(part.pairs.target_tokens for part in cut) == whole.target_tokens
    assert sum(part.pairs.real_tokens for part in cut) == whole.real_tokens
    for part in cut:
        batch = job.data.batch(part.pairs)
        assert part.pairs.padded_tokens == batch.source_BS.numel() + batch.target_out_BT.numel()
        assert part.pairs.target_tokens == batch.target_tokens
        assert (part.index, part.weight) == (3, 1.0)


def test_parts_are_cut_until_they_are_small_enough_or_one_pair(
    tiny_corpus: TinyCorpus, storage: Storage
) -> None:
    job = tiny_job(tiny_corpus, storage)
    whole = Part(max(updates_of(job)[0].micro_batches, key=lambda m: len(m.row)), 0, 0, 1.0)
    assert parts_that_fit(whole, job.data, None) == [whole]
    size = whole.pairs.padded_tokens
    assert parts_that_fit(whole, job.data, size + 1) == [whole]
    assert len(parts_that_fit(whole, job.data, size)) == 2
    assert all(len(p.pairs.row) == 1 for p in parts_that_fit(whole, job.data, 1))


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, RuntimeError])
@pytest.mark.parametrize("where", ["forward", "backward"])
def test_the_gradient_is_the_same_in_a_small_memory(
    tiny_corpus: TinyCorpus,
    storage: Storage,
    caplog: pytest.LogCaptureFixture,
    error: type[RuntimeError],
    where: str,
) -> None:
    job = exact_job(tiny_corpus, storage, tiny_model(dropout=0.0))
    update = updates_of(job)[0]
    nll = backward(job, job.model, update, 0)
    expected = gradients(job.model)
    small = tiny_model(dropout=0.0).double()
    tried = small_memory(small, sentences=3, error=error, where=where)
    state = TrainingState()
    of_small = Gradients(
        replace(job, model=small), state, small, LossScale("fp32", torch.device("cpu"))
    )
    with caplog.at_level(logging.WARNING):
        losses = of_small.add(update, 0)
    torch.testing.assert_close(gradients(small), expected, rtol=1e-10, atol=1e-12)
    assert total_nll(losses) == pytest.approx(nll, rel=1e-10)
    assert max(tried) > 3
    # The second time nothing is tried that is known not to fit, and nothing is said.
    tried.clear()
    caplog.clear()
    small.zero_grad(set_to_none=True)
    of_small.add(update, 0)
    assert max(tried) <= 3
    assert not caplog.records


def test_other_errors_pass(tiny_corpus: TinyCorpus, storage: Storage) -> None:
    model = tiny_model()

    def fail(module: nn.Module, inputs: object, output: object) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    model.dropout.register_forward_hook(fail)  # type: ignore[union-attr]
    with pytest.raises(RuntimeError, match="shapes"):
        train(tiny_job(tiny_corpus, storage, model=model))


def test_a_pair_that_does_not_fit_alone_is_named(tiny_corpus: TinyCorpus, storage: Storage) -> None:
    model = tiny_model()
    small_memory(model, sentences=0)
    job = tiny_job(tiny_corpus, storage, model=model)
    first = updates_of(job)[0].micro_batches[0]
    shard = job.data.shards[first.shard[0]]
    row = shard.rows[first.row[0]]
    with pytest.raises(TrainingError, match=rf"worker 0, but row {row} of {shard.path.name}, \d"):
        train(job)


@pytest.mark.integration
@pytest.mark.parametrize("update", [7, 12, 23])
def test_a_training_in_a_small_memory_resumes_to_the_bit(
    tiny_corpus: TinyCorpus, tmp_path: Path, update: int
) -> None:
    """With dropout, whose masks depend on how micro-batches are cut."""

    def job(name: str, **more: Any) -> TrainingJob:
        model = tiny_model()
        small_memory(model, sentences=4)
        return tiny_job(tiny_corpus, Storage(str(tmp_path / name)), model=model, **more)

    whole = job("whole")
    expected = train(whole)
    assert expected.too_large is not None
    with pytest.raises(KilledError):
        train(job("killed", report=killed_at(update)))
    resumed = job("killed")
    assert without_times(train(resumed).history) == without_times(expected.history)
    assert_equal_to_the_bit(resumed.model, whole.model)


def test_dropout_of_the_halves_is_not_the_same(tiny_corpus: TinyCorpus, storage: Storage) -> None:
    job = tiny_job(tiny_corpus, storage)
    masks: list[list[bool]] = []

    class Ones(nn.Module):
        def forward(self, batch: Any, smoothing: float) -> Any:
            masks.append((nn.functional.dropout(torch.ones(64), 0.5) > 0).tolist())
            return job.model(batch, smoothing)

    update = updates_of(job)[0]
    state = TrainingState(too_large=max(m.padded_tokens for m in update.micro_batches))
    Gradients(job, state, Ones(), LossScale("fp32", torch.device("cpu"))).add(update, 0)
    assert len(masks) > len(update.micro_batches)
    assert len(set(map(tuple, masks))) == len(masks)
