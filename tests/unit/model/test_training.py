"""Training: exact, resumable, and over when the configuration says so."""

from __future__ import annotations

import contextlib
import itertools
import logging
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from disturbed_training import (
    Event,
    KilledError,
    ScriptedDev,
    assert_equal_to_the_bit,
    backward,
    bleu,
    killed_at,
    scripted,
    updates_of,
    without_times,
)
from model.batch_plan import Update
from model.batches import collate
from model.checkpoint import MANIFEST, MODEL, OPTIMIZER, STATE, CheckpointFolder
from model.dataset import TokenDataset
from model.gradient import seed_dropout
from model.job import INTERRUPTED, TrainingJob, TrainingState
from model.schedule import learning_rate
from model.training import train
from model.translation_model import TranslationModel
from model.validation import DevScores
from model.workers import Workers
from pipeline.errors import TrainingError
from pipeline.storage import Storage
from tiny_training import (
    IDENTITY,
    TRANSFORMER,
    TinyCorpus,
    tiny_job,
    tiny_model,
    train_with_workers,
    with_samples,
)

pytestmark = pytest.mark.usefixtures("one_thread")


class KillingStorage(Storage):
    """A disk that the training dies on when it writes to a path that ends so."""

    def __init__(self, uri: str, ending: str) -> None:
        super().__init__(uri)
        self.ending = ending

    @contextlib.contextmanager
    def writing(self, path: str) -> Iterator[Path]:
        with super().writing(path) as local:
            yield local
            if path.endswith(self.ending):
                raise KilledError


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path))


@pytest.fixture(scope="module")
def undisturbed(
    tiny_corpus: TinyCorpus, tmp_path_factory: pytest.TempPathFactory
) -> tuple[TrainingJob, TrainingState]:
    """Three epochs of 8 updates that nothing stopped."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    job = tiny_job(tiny_corpus, Storage(str(tmp_path_factory.mktemp("undisturbed"))))
    state = train(job)
    torch.set_num_threads(threads)
    return job, state


# The same, always.


def test_equal_runs_have_the_same_losses_and_weights_to_the_bit(
    tiny_corpus: TinyCorpus, storage: Storage, undisturbed: tuple[TrainingJob, TrainingState]
) -> None:
    job = tiny_job(tiny_corpus, storage)
    torch.manual_seed(99)  # What the generator was at before is of no consequence.
    state = train(job)
    assert without_times(state.history) == without_times(undisturbed[1].history)
    assert_equal_to_the_bit(job.model, undisturbed[0].model)


def test_it_learns(undisturbed: tuple[TrainingJob, TrainingState]) -> None:
    losses = [e["loss"] for e in undisturbed[1].history if e["kind"] == "train"]
    assert np.mean(losses[-4:]) < np.mean(losses[:4]) - 0.1


@pytest.mark.parametrize("other", [(2, 5, 0), (1, 6, 0), (1, 5, 1), (1, 5, 256), (1, 4, 256)])
def test_dropout_depends_on_seed_update_and_micro_batch(other: tuple[int, int, int]) -> None:
    def mask(seed: int, number: int, index: int) -> list[bool]:
        seed_dropout(torch.device("cpu"), seed, number, index)
        return (nn.functional.dropout(torch.ones(200), 0.5) > 0).tolist()

    assert mask(1, 5, 0) == mask(1, 5, 0)
    assert mask(1, 5, 0) != mask(*other)


def test_another_seed_is_another_training(
    tiny_corpus: TinyCorpus, storage: Storage, undisturbed: tuple[TrainingJob, TrainingState]
) -> None:
    job = tiny_job(tiny_corpus, storage, seed=2, max_updates=2)
    assert train(job).history[0]["loss"] != undisturbed[1].history[0]["loss"]


# Killed and started again.


@pytest.mark.parametrize("update", [1, 5, 6, 8, 9, 13, 24])
def test_killed_and_resumed_is_never_stopped(
    tiny_corpus: TinyCorpus,
    storage: Storage,
    undisturbed: tuple[TrainingJob, TrainingState],
    update: int,
) -> None:
    with pytest.raises(KilledError):
        train(tiny_job(tiny_corpus, storage, killed_at(update)))
    # The new process has other weights, until it has read the checkpoint.
    events: list[Event] = []
    model = tiny_model()
    if update > 5:
        nn.init.normal_(model.output.weight)
    job = tiny_job(tiny_corpus, storage, events.append, model=model)
    state = train(job)
    assert_equal_to_the_bit(job.model, undisturbed[0].model)
    expected = undisturbed[1]
    assert without_times(state.history) == without_times(expected.history)
    assert replace(state, history=[], seconds=0) == replace(expected, history=[], seconds=0)
    if update > 5:
        assert events[0]["kind"] == "resumed"
        assert events[0]["update"] == max(u for u in (5, 8, 10, 15, 16, 20) if u < update)
        assert events[0]["history"] == state.history[: len(events[0]["history"])]


@pytest.mark.parametrize("update", [3, 8, 20], ids=["plain", "validated", "saved anyway"])
def test_asked_to_pause_it_saves_that_very_update_and_goes_on_to_the_same_weights(
    tiny_corpus: TinyCorpus,
    storage: Storage,
    undisturbed: tuple[TrainingJob, TrainingState],
    update: int,
) -> None:
    asked = itertools.count(1)
    paused = train(
        replace(tiny_job(tiny_corpus, storage), should_pause=lambda: next(asked) == update)
    )
    assert (paused.update, paused.stopped_by) == (update, INTERRUPTED)
    events: list[Event] = []
    job = tiny_job(tiny_corpus, storage, events.append)
    assert job.folder.updates()[-1] == update
    state = train(job)
    assert events[0]["update"] == update
    assert_equal_to_the_bit(job.model, undisturbed[0].model)
    assert replace(state, history=[], seconds=0) == replace(undisturbed[1], history=[], seconds=0)


def test_asked_to_pause_at_its_end_it_ends(tiny_corpus: TinyCorpus, storage: Storage) -> None:
    job = tiny_job(tiny_corpus, storage, max_updates=2)
    asked = itertools.count(1)
    state = train(replace(job, should_pause=lambda: next(asked) == 2))
    assert (state.update, state.stopped_by, state.best_update) == (2, "max_updates", 2)


@pytest.mark.integration
@pytest.mark.parametrize(
    "kind",
    [
        {"joint_embedding": True, "tie_output": True, "word_dropout": 0.2},
        {"architecture": "gru", "attention": "additive", "input_feeding": True},
    ],
    ids=["joint, tied, word dropout", "gru, input feeding"],
)
def test_other_architectures_resume_to_the_bit_too(
    tiny_corpus: TinyCorpus, tmp_path: Path, kind: dict[str, Any], one_thread: None
) -> None:
    whole = tiny_job(
        tiny_corpus, Storage(str(tmp_path / "whole")), model=tiny_model(**kind), max_updates=9
    )
    train(whole)
    storage = Storage(str(tmp_path / "killed"))
    with pytest.raises(KilledError):
        train(tiny_job(tiny_corpus, storage, killed_at(7), model=tiny_model(**kind), max_updates=9))
    events: list[Event] = []
    job = tiny_job(tiny_corpus, storage, events.append, model=tiny_model(**kind), max_updates=9)
    train(job)
    assert events[0]["kind"] == "resumed"
    assert_equal_to_the_bit(job.model, whole.model)


@pytest.mark.parametrize("name", [MODEL, OPTIMIZER, STATE, MANIFEST])
def test_killed_while_it_writes_a_checkpoint_it_goes_on_from_the_one_before(
    tiny_corpus: TinyCorpus,
    storage: Storage,
    undisturbed: tuple[TrainingJob, TrainingState],
    name: str,
) -> None:
    with pytest.raises(KilledError):
        train(tiny_job(tiny_corpus, KillingStorage(storage.uri, f"update-00000010/{name}")))
    events: list[Event] = []
    job = tiny_job(tiny_corpus, storage, events.append)
    train(job)
    assert events[0]["update"] == 8
    assert_equal_to_the_bit(job.model, undisturbed[0].model)


def test_a_damaged_checkpoint_is_passed_over_with_a_warning_that_names_it(
    tiny_corpus: TinyCorpus,
    storage: Storage,
    tmp_path: Path,
    undisturbed: tuple[TrainingJob, TrainingState],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pytest.raises(KilledError):
        train(tiny_job(tiny_corpus, storage, killed_at(13)))
    damaged = tmp_path / "run" / "update-00000010" / MODEL
    content = bytearray(damaged.read_bytes())
    content[-1] ^= 1
    damaged.write_bytes(content)
    events: list[Event] = []
    job = tiny_job(tiny_corpus, storage, events.append)
    with caplog.at_level(logging.WARNING):
        train(job)
    assert [str(damaged) in record.getMessage() for record in caplog.records] == [True]
    assert events[0]["update"] == 8
    assert_equal_to_the_bit(job.model, undisturbed[0].model)


@pytest.mark.parametrize("key", ["tokenizer", "training"])
def test_resume_refuses_a_changed_identity(
    tiny_corpus: TinyCorpus, storage: Storage, key: str
) -> None:
    train(tiny_job(tiny_corpus, storage, max_updates=5))
    with pytest.raises(TrainingError, match=f"has {IDENTITY[key]}, this run other-cccc"):
        train(tiny_job(tiny_corpus, storage, identity=IDENTITY | {key: "other-cccc"}))


def test_workers_that_see_different_checkpoints_are_refused(
    tiny_corpus: TinyCorpus, storage: Storage
) -> None:
    class OneOfTwo(Workers):
        def gather(self, value: Any) -> list[Any]:
            return [10, value]

    with pytest.raises(TrainingError, match=r"whole checkpoints of \[10, 0\]"):
        train(tiny_job(tiny_corpus, storage, workers=OneOfTwo()))


def test_a_finished_training_started_again_does_nothing(
    tiny_corpus: TinyCorpus, storage: Storage
) -> None:
    finished = train(tiny_job(tiny_corpus, storage, max_updates=7))
    events: list[Event] = []
    again = train(tiny_job(tiny_corpus, storage, events.append, max_updates=7))
    assert again == finished
    assert [event["kind"] for event in events] == ["resumed"]


def test_time_adds_up_over_starts(tiny_corpus: TinyCorpus, storage: Storage) -> None:
    minutes = itertools.count(step=60)  # One each time it is looked at.

    def clock() -> float:
        return float(next(minutes))

    with pytest.raises(KilledError):
        train(replace(tiny_job(tiny_corpus, storage, killed_at(13)), clock=clock))
    saved = tiny_job(tiny_corpus, storage).folder.load(10).state["seconds"]
    events: list[Event] = []
    train(replace(tiny_job(tiny_corpus, storage, events.append), clock=clock))
    assert events[1]["seconds"] > saved > 10 * 60


# Samples of other segmentations.


def test_each_epoch_trains_on_its_sample(
    tiny_corpus: TinyCorpus, storage: Storage, tmp_path: Path
) -> None:
    corpus = with_samples(tiny_corpus, tmp_path, 2)
    job = tiny_job(corpus, storage, max_epochs=3, max_updates=100)
    state = train(job)
    tokens = sum(map(np.sum, job.data.target_lengths)) + len(job.data)
    # The first epoch's sentences are a token longer, the second's two, the third's one again.
    assert state.epoch == 3
    assert state.target_tokens == 3 * tokens + (1 + 2 + 1) * len(job.data)


def test_an_update_reads_the_sample_that_it_was_planned_of(
    tiny_corpus: TinyCorpus, storage: Storage, tmp_path: Path
) -> None:
    job = exact_job(with_samples(tiny_corpus, tmp_path, 2), storage)
    for epoch, variant in ((0, 1), (1, 2), (2, 1)):
        update = updates_of(job, epoch)[0]
        sample = TokenDataset(with_samples(tiny_corpus, tmp_path, 2).samples[variant - 1])
        expected = reference_gradients(replace(job, data=sample), update)
        job.model.zero_grad(set_to_none=True)
        backward(job, job.model, update, 0)
        gradients = [p.grad for p in job.model.parameters()]
        torch.testing.assert_close(gradients, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.integration
@pytest.mark.parametrize("update", [5, 11, 19])
def test_killed_and_resumed_amid_samples_is_never_stopped(
    tiny_corpus: TinyCorpus, tmp_path: Path, update: int
) -> None:
    corpus = with_samples(tiny_corpus, tmp_path, 3)
    whole = tiny_job(corpus, Storage(str(tmp_path / "whole")))
    expected = train(whole)
    assert expected.epoch >= 2
    storage = Storage(str(tmp_path / "killed"))
    with pytest.raises(KilledError):
        train(tiny_job(corpus, storage, killed_at(update)))
    resumed = tiny_job(corpus, storage)
    state = train(resumed)
    assert_equal_to_the_bit(resumed.model, whole.model)
    assert without_times(state.history) == without_times(expected.history)


# Another architecture.


@pytest.mark.integration
def test_a_transformer_killed_and_resumed_is_never_stopped(
    tiny_corpus: TinyCorpus, tmp_path: Path
) -> None:
    """Its dropout, as an LSTM's, is a function of the position."""
    whole = tiny_job(tiny_corpus, Storage(str(tmp_path / "whole")), model=tiny_model(**TRANSFORMER))
    expected = train(whole)
    losses = [event["loss"] for event in expected.history if event["kind"] == "train"]
    assert np.mean(losses[-4:]) < np.mean(losses[:4]) - 0.1
    storage = Storage(str(tmp_path / "killed"))
    killed = tiny_job(tiny_corpus, storage, killed_at(13), model=tiny_model(**TRANSFORMER))
    with pytest.raises(KilledError):
        train(killed)
    resumed = tiny_job(tiny_corpus, storage, model=tiny_model(**TRANSFORMER))
    torch.manual_seed(99)  # What the generator was at before is of no consequence.
    state = train(resumed)
    assert_equal_to_the_bit(resumed.model, whole.model)
    assert without_times(state.history) == without_times(expected.history)


# Several workers.


@pytest.mark.integration
@pytest.mark.parametrize(
    ("world_size", "settings", "model"),
    [
        (2, {}, {}),
        (4, {}, {}),
        (2, {}, TRANSFORMER),
        (4, {}, TRANSFORMER),
        # One weight of three names, and a loop over the target.
        (
            2,
            {},
            {"tie_output": True, "joint_embedding": True, "word_dropout": 0.2}
            | {"architecture": "gru", "attention": "additive", "input_feeding": True},
        ),
        # Rank 1 runs out of micro-batches in every update; no attention, two layers.
        (
            2,
            {"micro_batches": 3},
            {"attention": "none", "bidirectional": False}
            | {"encoder_layers": 2, "decoder_layers": 2},
        ),
    ],
)
def test_several_workers_train_what_one_would(
    tiny_corpus: TinyCorpus,
    tmp_path: Path,
    world_size: int,
    settings: dict[str, Any],
    model: dict[str, Any],
) -> None:
    settings = {"max_epochs": 7, "max_updates": 1000, **settings}
    one = tiny_job(tiny_corpus, Storage(str(tmp_path)), model=tiny_model(**model), **settings)
    expected = train(one)
    assert expected.update >= 50
    train_with_workers(world_size, tiny_corpus, tmp_path / "several", model, **settings)
    found = CheckpointFolder(Storage(str(tmp_path / "several")), "run", IDENTITY).load_latest()
    assert found is not None
    state = TrainingState(**found.state)
    assert (state.update, state.epoch) == (expected.update, 7)
    assert state.target_tokens == expected.target_tokens
    for name, tensor in one.model.state_dict().items():
        torch.testing.assert_close(found.model[name], tensor, rtol=0, atol=1e-5)
    for ours, theirs in zip(state.history, expected.history, strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], abs=1e-5)


@pytest.mark.integration
@pytest.mark.parametrize("model", [{}, TRANSFORMER], ids=["lstm", "transformer"])
def test_two_workers_killed_and_resumed_are_never_stopped(
    tiny_corpus: TinyCorpus, tmp_path: Path, model: dict[str, Any]
) -> None:
    undisturbed, resumed = tmp_path / "undisturbed", tmp_path / "resumed"
    train_with_workers(2, tiny_corpus, undisturbed, model, max_updates=20)
    train_with_workers(2, tiny_corpus, resumed, model, max_updates=20, checkpoint_every=3)
    CheckpointFolder(Storage(str(resumed)), "run", IDENTITY).prune({18})
    train_with_workers(2, tiny_corpus, resumed, model, max_updates=20)
    ours, theirs = (
        CheckpointFolder(Storage(str(folder)), "run", IDENTITY).load(20)
        for folder in (resumed, undisturbed)
    )
    for name, tensor in theirs.model.items():
        assert torch.equal(ours.model[name], tensor), name


# Gradients.


def reference_gradients(job: TrainingJob, update: Update) -> list[Tensor]:
    """Those of the mean loss over all pairs of the update in one batch."""
    ids = [job.data.ids(micro_batch) for micro_batch in update.micro_batches]
    batch = collate([s for x, _ in ids for s in x], [t for _, x in ids for t in x])
    sums = job.model(batch, job.config.label_smoothing)
    return list(torch.autograd.grad(sums.loss_sum / sums.tokens, list(job.model.parameters())))


def exact_job(
    corpus: TinyCorpus, storage: Storage, model: dict[str, Any] | None = None
) -> TrainingJob:
    exact = tiny_model(dropout=0.0, **(model or {})).double()
    return tiny_job(corpus, storage, model=exact)


@pytest.mark.parametrize("model", [{}, TRANSFORMER], ids=["lstm", "transformer"])
def test_micro_batches_add_up_to_the_gradient_of_the_whole_update(
    tiny_corpus: TinyCorpus, storage: Storage, model: dict[str, Any]
) -> None:
    job = exact_job(tiny_corpus, storage, model)
    update = updates_of(job)[0]
    assert len({len(m.row) for m in update.micro_batches}) > 1
    expected = reference_gradients(job, update)
    backward(job, job.model, update, 0)
    gradients = [p.grad for p in job.model.parameters()]
    torch.testing.assert_close(gradients, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("world_size", [2, 3, 4, 5])
def test_shares_of_the_workers_average_to_the_gradient_of_the_whole_update(
    tiny_corpus: TinyCorpus, storage: Storage, world_size: int
) -> None:
    job = exact_job(tiny_corpus, storage)
    update = updates_of(job)[1]
    expected = reference_gradients(job, update)
    nll = 0.0
    for rank in range(world_size):
        nll += backward(replace(job, workers=Workers(rank, world_size)), job.model, update, 0)
    # Here the gradients of all ranks were added up; DistributedDataParallel averages.
    averages = [p.grad / world_size for p in job.model.parameters() if p.grad is not None]
    torch.testing.assert_close(averages, expected, rtol=1e-10, atol=1e-12)
    assert nll == pytest.approx(backward(job, job.model, update, 0), rel=1e-6)


@pytest.fixture
def process_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    dist.init_process_group("gloo", f"file://{tmp_path}/meeting", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.usefixtures("process_group")
def test_gradients_are_exchanged_once_an_update(tiny_corpus: TinyCorpus, storage: Storage) -> None:
    job = tiny_job(tiny_corpus, storage)
    update = updates_of(job)[0]
    backward(job, job.model, update, 0)
    expected = [p.grad for p in job.model.parameters()]
    job.model.zero_grad(set_to_none=True)
    exchanged: list[int] = []

    def note(_, bucket):  # type: ignore[no-untyped-def]  # DDP looks at the annotations.
        exchanged.append(bucket.buffer().numel())
        done: torch.futures.Future[Tensor] = torch.futures.Future()
        done.set_result(bucket.buffer())
        return done

    ddp = DistributedDataParallel(job.model, gradient_as_bucket_view=True)
    ddp.register_comm_hook(None, note)
    backward(job, ddp, update, 0)
    assert exchanged == [sum(p.numel() for p in job.model.parameters())]
    torch.testing.assert_close([p.grad for p in job.model.parameters()], expected)


# Gradients that are no number.


def poison(model: nn.Module, calls: set[int]) -> None:
    """Make what the output layer reads NaN in these forward passes of training, counted from 0."""
    counter = itertools.count()

    def hook(module: nn.Module, inputs: object, output: Tensor) -> Tensor:
        return output * math.nan if module.training and next(counter) in calls else output

    model.dropout.register_forward_hook(hook)  # type: ignore[union-attr]


def test_an_update_without_a_gradient_is_skipped_and_counted(
    tiny_corpus: TinyCorpus, storage: Storage
) -> None:
    model, weights = tiny_model(), []
    poison(model, {9})  # Of update 3; each has 4 micro-batches.
    job = tiny_job(
        tiny_corpus,
        storage,
        lambda event: weights.append(model.output.weight.detach().clone()),
        model=model,
        max_updates=5,
        max_bad_updates=2,
    )
    state = train(job)
    assert (state.update, state.skipped_updates, state.bad_updates) == (5, 1, 0)
    reports = [event for event in state.history if event["kind"] == "train"]
    assert [event["skipped_updates"] for event in reports] == [0, 0, 1, 1, 1]
    assert [math.isnan(event["loss"]) for event in reports] == [False, False, True, False, False]
    changed = [not torch.equal(a, b) for a, b in itertools.pairwise(weights[:5])]
    assert changed == [True, False, True, True]
    assert all(p.isfinite().all() for p in model.parameters())


def test_so_many_in_a_row_end_the_training(tiny_corpus: TinyCorpus, storage: Storage) -> None:
    model = tiny_model()
    poison(model, {4, *range(12, 100)})  # Update 2, and all from 4 on.
    events: list[Event] = []
    job = tiny_job(tiny_corpus, storage, events.append, model=model, max_bad_updates=3)
    with pytest.raises(TrainingError, match="was nan for 3 updates in a row, up to update 6"):
        train(job)
    assert events[-1]["update"] == 5


def test_an_infinite_loss_is_a_bad_update_though_its_gradient_is_a_number(
    tiny_corpus: TinyCorpus, storage: Storage
) -> None:
    model = tiny_model()
    with torch.no_grad():
        model.output.bias[5] = -math.inf  # type: ignore[index,union-attr]
    with pytest.raises(TrainingError, match="was nan for 2 updates in a row, up to update 2;"):
        train(tiny_job(tiny_corpus, storage, model=model, max_bad_updates=2))


def test_damaged_weights_are_never_called_best(tiny_corpus: TinyCorpus, storage: Storage) -> None:
    model = tiny_model()
    with torch.no_grad():
        model.output.bias[5] = math.nan
    events: list[Event] = []
    settings = {"validate_every": 1, "max_bad_updates": 4}
    with pytest.raises(TrainingError, match="in a row"):
        train(tiny_job(tiny_corpus, storage, events.append, model=model, **settings))
    validations = [event for event in events if event["kind"] == "validation"]
    assert len(validations) == 3
    assert not any(event["best"] for event in validations)
    assert all(math.isnan(event["loss"]) for event in validations)


def test_a_rate_that_explodes_ends_with_an_error(tiny_corpus: TinyCorpus, storage: Storage) -> None:
    settings = {"learning_rate": 1e38, "warmup_updates": 0, "max_bad_updates": 3}
    with pytest.raises(TrainingError, match=r"a lower train\.learning_rate"):
        train(tiny_job(tiny_corpus, storage, **settings))


# Best, and over.


def test_patience_ends_the_training(tiny_corpus: TinyCorpus, storage: Storage) -> None:
    job = tiny_job(tiny_corpus, storage, metric="bleu", patience=2, validate_every=2)
    state = train(scripted(job, *bleu(1.0, 3.0, 2.0, 2.5)))
    assert (state.update, state.bad_validations) == (8, 2)
    assert (state.best_update, state.best_score) == (4, 3.0)
    assert {4, 8} <= set(job.folder.updates())
    again = train(scripted(job, *bleu(9.0)))
    assert again == state


def test_an_equal_score_is_neither_better_nor_worse(
    tiny_corpus: TinyCorpus, storage: Storage
) -> None:
    job = tiny_job(tiny_corpus, storage, metric="bleu", patience=1, validate_every=2)
    state = train(scripted(job, *bleu(1.0)))
    assert (state.update, state.best_update, state.bad_validations) == (24, 2, 0)


def test_a_better_score_makes_patience_whole_again(
    tiny_corpus: TinyCorpus, storage: Storage
) -> None:
    job = tiny_job(tiny_corpus, storage, metric="chrf", patience=2, validate_every=2)
    state = train(scripted(job, *bleu(1.0, 0.5, 2.0, 1.0, 1.5)))
    assert (state.update, state.best_update) == (10, 6)


def test_a_score_that_is_no_number_counts_as_worse(
    tiny_corpus: TinyCorpus, storage: Storage
) -> None:
    job = tiny_job(tiny_corpus, storage, metric="bleu", patience=2, validate_every=2)
    state = train(scripted(job, *bleu(0.0), DevScores(math.nan, math.nan, math.nan)))
    assert (state.update, state.best_update) == (6, 2)


def test_of_losses_the_lower_is_better(tiny_corpus: TinyCorpus, storage: Storage) -> None:
    scores = [DevScores(loss, 0.0, 0.0) for loss in (3.0, 2.0, 2.5)]
    job = tiny_job(tiny_corpus, storage, validate_every=2, max_updates=6)
    state = train(scripted(job, *scores))
    assert (state.best_update, state.best_score) == (4, 2.0)


def test_epochs_may_be_counted(tiny_corpus: TinyCorpus, storage: Storage) -> None:
    job = tiny_job(tiny_corpus, storage, max_epochs=2, max_updates=1000)
    state = train(job)
    assert (state.epoch, state.update_in_epoch) == (2, 0)
    assert state.update == len(updates_of(job, 0)) + len(updates_of(job, 1))
    data = job.data
    assert state.target_tokens == 2 * (sum(map(np.sum, data.target_lengths)) + len(data))


@pytest.mark.parametrize("max_updates", [1, 7, 8, 11])
def test_the_last_update_is_validated_and_kept(
    tiny_corpus: TinyCorpus, storage: Storage, max_updates: int
) -> None:
    job = tiny_job(tiny_corpus, storage, max_updates=max_updates)
    state = train(job)
    assert state.update == max_updates
    last = state.history[-1]
    assert (last["kind"], last["update"]) == ("validation", max_updates)
    assert job.folder.updates()[-1] == max_updates
    saved = job.folder.load(max_updates)
    assert TrainingState(**saved.state) == state
    for name, tensor in job.model.state_dict().items():
        assert torch.equal(saved.model[name], tensor)


def test_time_that_has_run_out_ends_it_with_a_validation_and_a_checkpoint(
    tiny_corpus: TinyCorpus, storage: Storage
) -> None:
    job = tiny_job(tiny_corpus, storage, max_minutes=1e-6, log_every=3)
    state = train(job)
    assert state.update == 3
    assert state.history[-1]["kind"] == "validation"
    assert job.folder.updates() == [3]
    assert train(job).update == 3


# Checkpoints and reports.


def test_the_newest_checkpoints_and_the_best_are_kept(
    tiny_corpus: TinyCorpus, storage: Storage, tmp_path: Path
) -> None:
    job = tiny_job(
        tiny_corpus,
        storage,
        lambda event: seen.append(len(list((tmp_path / "run").glob("*")))),
        metric="bleu",
        validate_every=4,
        checkpoint_every=2,
        keep_checkpoints=2,
    )
    seen: list[int] = []
    state = train(scripted(job, *bleu(1.0, 5.0, 2.0)))
    assert state.best_update == 8
    assert job.folder.updates() == [8, 22, 24]
    assert max(seen) <= 4


def test_the_checkpoint_before_the_newest_has_its_best_beside_it(
    tiny_corpus: TinyCorpus, storage: Storage, tmp_path: Path
) -> None:
    """The newest may turn out damaged, and then the best of the one before is needed."""
    settings = {"metric": "bleu", "validate_every": 8, "keep_checkpoints": 2, "max_updates": 16}
    job = tiny_job(tiny_corpus, storage, **settings)
    train(scripted(job, *bleu(1.0, 2.0)))
    assert job.folder.updates() == [8, 15, 16]
    (tmp_path / "run" / "update-00000016" / MODEL).write_bytes(b"")
    assert job.folder.load_latest() is not None
    before = job.folder.load(15).state
    assert job.folder.load(before["best_update"]).state["update"] == 8


def test_reports_carry_what_they_say(undisturbed: tuple[TrainingJob, TrainingState]) -> None:
    job, state = undisturbed
    updates = [update for epoch in range(3) for update in updates_of(job, epoch)]
    reports = [event for event in state.history if event["kind"] == "train"]
    tokens = itertools.accumulate(update.target_tokens for update in updates)
    assert [event["target_tokens"] for event in reports] == list(tokens)
    assert [event["epoch"] for event in reports] == [*[0] * 7, *[1] * 8, *[2] * 8, 3]
    rates = [learning_rate(update, job.config) for update in range(1, 25)]
    assert [event["learning_rate"] for event in reports] == rates
    for event, update in zip(reports, updates, strict=True):
        real = sum(m.real_tokens for m in update.micro_batches)
        padded = sum(m.padded_tokens for m in update.micro_batches)
        assert event["padding"] == pytest.approx(1 - real / padded)


def test_a_report_is_the_mean_since_the_one_before(
    tiny_corpus: TinyCorpus, storage: Storage, undisturbed: tuple[TrainingJob, TrainingState]
) -> None:
    state = train(tiny_job(tiny_corpus, storage, log_every=4, max_updates=4))
    ones = [event for event in undisturbed[1].history if event["kind"] == "train"][:4]
    counts = np.diff([0, *(event["target_tokens"] for event in ones)])
    expected = np.average([event["loss"] for event in ones], weights=counts)
    assert state.history[0]["loss"] == pytest.approx(expected, rel=1e-6)


def test_validation_time_does_not_count_into_tokens_per_second(
    tiny_corpus: TinyCorpus, storage: Storage
) -> None:
    now = [0.0]

    def look() -> float:
        now[0] += 0.001
        return now[0]

    class SlowDev(ScriptedDev):
        def score(self, model: TranslationModel, workers: Workers, precision: str) -> DevScores:
            now[0] += 1000.0
            return super().score(model, workers, precision)

    dev: Any = SlowDev(bleu(1.0))
    job = tiny_job(tiny_corpus, storage, validate_every=1, max_updates=3)
    state = train(replace(job, dev=dev, clock=look))
    reports = [event for event in state.history if event["kind"] == "train"]
    assert all(event["tokens_per_second"] > 1000 for event in reports)
    assert reports[-1]["seconds"] > 2000


@pytest.mark.parametrize("model", [{}, TRANSFORMER], ids=["lstm", "transformer"])
def test_bf16_trains_too(tiny_corpus: TinyCorpus, storage: Storage, model: dict[str, Any]) -> None:
    settings = {"precision": "bf16", "max_updates": 8}
    state = train(tiny_job(tiny_corpus, storage, model=tiny_model(**model), **settings))
    assert state.skipped_updates == 0
    assert math.isfinite(state.history[-1]["loss"])
