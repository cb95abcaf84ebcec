"""A training small enough for a test: pairs of numbers, a model of a few thousand weights."""

from __future__ import annotations

import itertools
import math
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
import torch.distributed as dist
from torch import Tensor, nn

from model.architectures import section_class
from model.batch_plan import Update, plan_epoch
from model.batches import Batch
from model.build import build_model
from model.checkpoint import CheckpointFolder
from model.config import TrainConfig
from model.dataset import TokenDataset
from model.job import TrainingJob
from model.training import plan_settings, train
from model.transformer import Transformer
from model.translation_model import TranslationModel
from model.validation import DevSet
from model.workers import Workers
from pipeline.ragged import Ragged
from pipeline.storage import Storage
from pipeline.tensorize import TensorizeConfig, TokenArrays, tensorize_shard

VOCAB = 20
IDENTITY = {"tokenizer": "tokenizer-aaaa", "training": "train-bbbb"}


class NumberTokenizer:
    """A stand-in for a tokenizer: the text of the ids 4, 5 is ``4 5``."""

    def __len__(self) -> int:
        return VOCAB

    def encode(self, sentences: Sequence[str]) -> list[list[int]]:
        return [[int(word) for word in sentence.split()] for sentence in sentences]

    def encode_ragged(self, sentences: Sequence[str]) -> Ragged:
        return Ragged.of(self.encode(sentences))

    def decode(self, ids: Sequence[Sequence[int]]) -> list[str]:
        return [" ".join(map(str, row)) for row in ids]


@dataclass(frozen=True)
class TinyCorpus:
    """Token arrays of a training split of three shards and of a development set of two."""

    train: tuple[Path, ...]
    dev: tuple[Path, ...]
    references: tuple[str, ...]
    samples: tuple[tuple[Path, ...], ...] = ()


def write_token_arrays(
    path: Path, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]
) -> Path:
    """An Arrow file of pairs of ids, made as the pipeline makes it."""
    words: Any = NumberTokenizer()
    clean = path.with_suffix(".parquet")
    columns = {
        "row": list(range(len(sources))),
        "en": words.decode(sources),
        "hi": words.decode(targets),
    }
    schema = pa.schema({"row": pa.int64(), "en": pa.string(), "hi": pa.string()})
    pq.write_table(pa.table(columns, schema), clean)
    tensorize_shard(clean, words, words, TensorizeConfig(), path)
    return path


def write_tiny_corpus(folder: Path) -> TinyCorpus:
    """The target of each sentence of 1 to 9 numbers is the sentence backwards."""
    rng = np.random.default_rng(7)

    def shard(name: str, pairs: int) -> tuple[Path, list[str]]:
        sources = [rng.integers(4, VOCAB, rng.integers(1, 10)).tolist() for _ in range(pairs)]
        targets = [source[::-1] for source in sources]
        path = write_token_arrays(folder / f"{name}.arrow", sources, targets)
        return path, NumberTokenizer().decode(targets)

    train = [shard(f"train-{index}", pairs) for index, pairs in enumerate((70, 50, 64))]
    dev = [shard(f"validation-{index}", pairs) for index, pairs in enumerate((13, 11))]
    return TinyCorpus(
        tuple(path for path, _ in train),
        tuple(path for path, _ in dev),
        tuple(text for _, texts in dev for text in texts),
    )


def with_samples(corpus: TinyCorpus, folder: Path, variants: int) -> TinyCorpus:
    """The corpus with other token arrays: those of variant n are n tokens longer on each side."""

    def written(variant: int, path: Path) -> Path:
        arrays = TokenArrays.open(path)
        sides = arrays.pairs(range(len(arrays)))
        longer = [[[*ids.tolist(), *[4 + variant] * variant] for ids in side] for side in sides]
        return write_token_arrays(folder / f"{path.stem}.sample-{variant:02}.arrow", *longer)

    samples = [[written(v, path) for path in corpus.train] for v in range(1, variants + 1)]
    return replace(corpus, samples=tuple(map(tuple, samples)))


TRANSFORMER = {"architecture": "transformer"}


def tiny_model(**settings: Any) -> TranslationModel:
    """A model whose weights are the same each time, with dropout on."""
    torch.manual_seed(3)
    sizes = {"embedding_size": 8, "hidden_size": 12, "dropout": 0.3}
    if settings.get("architecture") == "transformer":
        sizes = {"model_size": 12, "heads": 2, "feedforward_size": 16, "dropout": 0.3}
        sizes |= {"encoder_layers": 2, "decoder_layers": 2}
    config = section_class(settings).model_validate(sizes | settings)
    return build_model(config, VOCAB, VOCAB)


def small_memory(
    model: TranslationModel,
    sentences: int,
    error: type[RuntimeError] = torch.OutOfMemoryError,
    where: str = "forward",
) -> list[int]:
    """Make ``model`` fail as torch does where more sentences come at once; answers what was tried.

    Args:
        model: whose output layer fails.
        sentences: that have room.
        error: of a GPU, ``torch.OutOfMemoryError``, or of a CPU, ``RuntimeError``.
        where: in the ``forward`` or the ``backward`` pass.
    """
    tried: list[int] = []

    def refuse() -> None:
        raise error("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")

    def enter(module: nn.Module, arguments: tuple[Batch, ...]) -> None:
        if module.training:
            tried.append(len(arguments[0].source_lengths_B))

    def leave(module: nn.Module, inputs: object, output: torch.Tensor) -> None:
        if module.training and tried[-1] > sentences:
            if where == "forward":
                refuse()
            output.register_hook(lambda gradient: refuse())

    model.register_forward_pre_hook(enter)
    last = model.decoder.norm if isinstance(model, Transformer) else model.dropout
    last.register_forward_hook(leave)  # type: ignore[union-attr]
    return tried


def tiny_job(
    corpus: TinyCorpus,
    storage: Storage,
    report: Callable[[dict[str, Any]], None] = lambda event: None,
    *,
    workers: Workers | None = None,
    model: TranslationModel | None = None,
    identity: dict[str, str] = IDENTITY,
    **settings: Any,
) -> TrainingJob:
    """A training of 8 updates an epoch, 4 micro-batches an update, checkpoints in ``run/``."""
    config = {
        "batch_tokens": 40,
        "micro_batches": 4,
        "window_shards": 2,
        "learning_rate": 0.01,
        "warmup_updates": 4,
        "max_updates": 24,
        "validate_every": 8,
        "checkpoint_every": 5,
        "log_every": 1,
        "metric": "loss",
        "precision": "fp32",
    }
    dev = TokenDataset(corpus.dev)
    target: Any = NumberTokenizer()
    return TrainingJob(
        config=TrainConfig.model_validate(config | settings),
        model=model or tiny_model(),
        data=TokenDataset(corpus.train, corpus.samples),
        dev=DevSet(dev, corpus.references, target, max_decoded=10),
        tokenizers=(target, target),
        folder=CheckpointFolder(storage, "run", identity),
        workers=workers or Workers(),
        report=report,
    )


def poison_micro_batch(job: TrainingJob, update: int, index: int) -> None:
    """Make what the output layer reads NaN in that micro-batch of that update, from 0."""
    of_update = next(itertools.islice(_first_epoch(job), update, None))
    poisoned_BS = job.data.batch(of_update.micro_batches[index]).source_BS
    is_there = False

    def look(module: nn.Module, inputs: tuple[Batch, float]) -> None:
        nonlocal is_there
        is_there = torch.equal(inputs[0].source_BS, poisoned_BS)

    def hook(module: nn.Module, inputs: object, output: Tensor) -> Tensor:
        return output * math.nan if module.training and is_there else output

    job.model.register_forward_pre_hook(look)
    job.model.dropout.register_forward_hook(hook)  # type: ignore[union-attr]


def _first_epoch(job: TrainingJob) -> Iterator[Update]:
    settings = plan_settings(job.config)
    return plan_epoch(job.data.source_lengths, job.data.target_lengths, settings, 0)


def train_with_workers(
    world_size: int,
    corpus: TinyCorpus,
    folder: Path,
    model: dict[str, Any],
    rooms: tuple[int, ...] = (),
    poisoned: tuple[int, int] | None = None,
    **settings: Any,
) -> None:
    """Train in as many processes, which exchange gradients over the loopback.

    ``rooms`` says how many sentences fit the memory of each rank, if not all do; ``poisoned`` is
    an update and a micro-batch of it, see :func:`poison_micro_batch`.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["model.training", "torch._dynamo", "sacrebleu", "pyarrow.parquet"]
    )
    folder.mkdir(exist_ok=True)
    meeting = folder / f"meeting-{len(list(folder.iterdir()))}"
    workers = [
        context.Process(
            target=_train_as_worker,
            args=(
                *(rank, world_size, str(meeting), corpus, str(folder), model, rooms),
                *(poisoned, settings),
            ),
        )
        for rank in range(world_size)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=200)
    codes = [worker.exitcode for worker in workers]
    for worker in workers:
        worker.kill()
    assert codes == [0] * world_size


def _train_as_worker(
    rank: int,
    world_size: int,
    meeting: str,
    corpus: TinyCorpus,
    folder: str,
    model: dict[str, Any],
    rooms: tuple[int, ...],
    poisoned: tuple[int, int] | None,
    settings: dict[str, Any],
) -> None:
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"file://{meeting}", rank=rank, world_size=world_size)
    workers = Workers(rank, world_size)
    ours = tiny_model(**model)
    if rooms:
        small_memory(ours, rooms[rank], where="backward")
    job = tiny_job(corpus, Storage(folder), workers=workers, model=ours, **settings)
    if poisoned:
        poison_micro_batch(job, *poisoned)
    train(job)
    dist.destroy_process_group()
