"""What each training process runs: it opens what is read, and hands it to :mod:`model.training`.

reads   the token arrays, the tokenizers, the validation text and the first weights, if any
writes  checkpoints, and on rank 0 the training artifact
holds   it knows nothing of how many others there are, and tells them apart by their rank only
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import platform
import shutil
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from jobs.config import ComputeConfig
from jobs.events import Event, Pulse, WarningPoster
from jobs.failures import Beat, Failure, in_one_line, is_of_exchange
from jobs.interrupted import folder_of
from jobs.ownership import require_own
from jobs.vitals import Vitals
from jobs.warm_start import START, start_weights
from model.architectures import AnyModelConfig
from model.config import TrainConfig
from pipeline import artifacts
from pipeline.artifacts import Artifact, ArtifactSpec, Part
from pipeline.errors import ConfigError, TrainingError
from pipeline.stages import clean_shards, sampled_token_arrays, token_arrays
from pipeline.storage import Storage
from pipeline.tokenizer import LANGUAGES

WEIGHTS = "model.safetensors"
HISTORY = "history.jsonl"
TRAINING = "training.json"


@dataclass(frozen=True)
class TrainOrder:
    """All that a training worker is told; plain data, for it may start on another machine.

    ``start`` names this start of the training, see :mod:`jobs.ownership`.
    """

    start: str
    storage: Storage
    spec: ArtifactSpec
    model: AnyModelConfig
    train: TrainConfig
    compute: ComputeConfig
    splits: tuple[str, str]


def work(loop_config: dict[str, Any]) -> None:
    """The function that Ray Train runs in each worker.

    Args:
        loop_config: ``order``, a :class:`TrainOrder`, and ``board``, the actor of an
            :class:`~jobs.events.EventBoard`.
    """
    import ray
    import ray.train

    board = loop_config["board"]
    if ray.get(board.refusal.remote()):
        # Ray has started the workers anew, but what was refused once would be refused again.
        return
    poster = WarningPoster(lambda event: board.post.remote(event))
    logging.getLogger("model").addHandler(poster)
    place = _Place(board)
    rank = ray.train.get_context().get_world_rank()
    vitals = Vitals(lambda seen: board.post.remote({"kind": "system", "rank": rank, **seen}))
    try:
        with vitals:
            _train_here(loop_config["order"], place, lambda event: board.post.remote(event))
    except (TrainingError, ConfigError) as error:
        ray.get(board.refuse.remote(str(error)))
        raise
    except Exception as error:
        failure = Failure(rank, place.update, in_one_line(error), is_of_exchange(error))
        ray.get(board.fail.remote(failure))
        raise
    finally:
        logging.getLogger("model").removeHandler(poster)
        place.end()


class _Place:
    """Where this worker is, told to the board from when all of its group are there."""

    def __init__(self, board: Any) -> None:
        self._board = board
        self._pulse: Pulse | None = None
        self._answer: Any = None
        self._pauses = False

    @property
    def update(self) -> int:
        return self._pulse.update if self._pulse else 0

    def begin(self, group: str, rank: int) -> None:
        place = f"process {os.getpid()} on {platform.node()}"
        self._pulse = Pulse(self._beat, group, rank, place)

    def _beat(self, beat: Beat) -> None:
        """Beat, and look at the answer to the beat before: a pulse waits for nothing."""
        import ray

        with contextlib.suppress(ray.exceptions.RayError):
            if self._answer is not None and ray.wait([self._answer], timeout=0)[0]:
                self._pauses = ray.get(self._answer)
            self._answer = self._board.beat.remote(beat)

    def should_pause(self) -> bool:
        """Whether the board has asked for a pause."""
        return self._pauses

    def end(self) -> None:
        """Beat no more."""
        if self._pulse is not None:
            self._pulse.stop()

    def at_exchange(self, update: int) -> None:
        assert self._pulse is not None, "an exchange came before the first"
        self._pulse.at_exchange(update)


def _train_here(order: TrainOrder, place: _Place, report: Callable[[Event], None]) -> None:
    import ray.train
    import ray.train.torch
    import torch

    from model.build import build_model
    from model.checkpoint import CheckpointFolder
    from model.dataset import TokenDataset
    from model.job import INTERRUPTED, TrainingJob
    from model.training import train
    from model.validation import DevSet
    from model.workers import Workers
    from pipeline.tokenizer import Tokenizer

    context = ray.train.get_context()
    device = ray.train.torch.get_device()
    if device.type == "cpu":
        torch.set_num_threads(order.compute.threads)
    workers = Workers(context.get_world_rank(), context.get_world_size(), device, place.at_exchange)
    place.begin(workers.gather(uuid.uuid4().hex)[0], workers.rank)
    kept, tokenizer, tensorize = (
        artifacts.load(order.storage, order.spec.parents[name])
        for name in ("dedup", "tokenizer", "tensorize")
    )
    source, target = (Tokenizer.load(tokenizer.local(f"{x}.model")) for x in LANGUAGES)
    train_split, dev_split = order.splits
    dev = TokenDataset([tensorize.local(name) for name in token_arrays(tensorize, dev_split)])
    # Every worker draws the same weights; DDP would send rank 0's anyway.
    torch.manual_seed(order.train.seed)
    model = build_model(order.model, len(source), len(target))
    if START in order.spec.parents:
        model.load_state_dict(start_weights(order.storage, order.spec.parents[START]))
    job = TrainingJob(
        config=order.train,
        model=model.to(device),
        data=TokenDataset(
            [tensorize.local(name) for name in token_arrays(tensorize, train_split)],
            [
                [tensorize.local(name) for name in names]
                for names in sampled_token_arrays(tensorize, train_split)
            ],
        ),
        dev=DevSet(dev, references(kept, dev_split, dev), target, order.train.dev_sentences),
        tokenizers=(source, target),
        folder=CheckpointFolder(
            order.storage,
            folder_of(order.spec.id),
            _identity(order, tensorize.id, tokenizer.id),
            partial(require_own, order.storage, order.spec.id, order.start),
        ),
        workers=workers,
        report=lambda event: report(event | {"workers": workers.world_size}),
        should_pause=place.should_pause,
    )
    state = train(job)
    if state.stopped_by == INTERRUPTED:
        return
    if workers.is_first:
        if state.best_update is None:
            raise TrainingError(
                f"a validation must have a finite score to be the best, but after "
                f"{state.update} updates none had; see {HISTORY} and lower train.learning_rate"
            )
        require_own(order.storage, order.spec.id, order.start)
        best = job.folder.published(state.best_update)
        _publish(order, best, state.history, _summary(state))
    workers.wait()


def _identity(order: TrainOrder, arrays: str, tokenizer: str) -> dict[str, str]:
    """What a checkpoint must have been made of to be resumed, in words that a refusal can show."""
    from model.training import plan_settings

    plan = plan_settings(order.train)
    return {
        "token arrays": arrays,
        "tokenizer": tokenizer,
        "architecture": order.model.model_dump_json(),
        "batch plan": ", ".join(f"{key} {value}" for key, value in asdict(plan).items()),
        "training": order.spec.id,
    }


def _summary(state: Any) -> dict[str, Any]:
    return {
        "updates": state.update,
        "epochs": state.epoch,
        "target_tokens": state.target_tokens,
        "seconds": round(state.seconds, 3),
        "best_update": state.best_update,
        "best_score": state.best_score,
        "skipped_updates": state.skipped_updates,
        "stopped_by": state.stopped_by,
    }


def _publish(
    order: TrainOrder, weights: Path, history: list[Event], summary: dict[str, Any]
) -> None:
    storage, spec = order.storage, order.spec
    # As a file: read, they would stand beside the training's own, which is when memory is largest.
    with storage.writing(f"{spec.path}/{WEIGHTS}") as path:
        shutil.copyfile(weights, path)
    lines = "".join(json.dumps(event) + "\n" for event in history)
    texts = {HISTORY: lines, TRAINING: json.dumps(summary, indent=1) + "\n"}
    for name, text in texts.items():
        storage.write_bytes(f"{spec.path}/{name}", text.encode())
    entries = tuple(artifacts.entry_of(storage, spec, name) for name in (WEIGHTS, *texts))
    counts = {key: summary[key] for key in ("updates", "target_tokens", "best_update")}
    artifacts.commit(storage, spec, [Part(entries, counts)])


def references(kept: Artifact, split: str, dataset: Any) -> list[str]:
    """The text of each target sentence that became token arrays, in their order."""
    import pyarrow.parquet as pq

    found: list[str] = []
    for shard, arrays in zip(clean_shards(kept, split), dataset.shards, strict=True):
        table = pq.read_table(kept.local(f"{shard}.parquet"), columns=["row", "hi"])
        by_row = dict(
            zip(table.column("row").to_pylist(), table.column("hi").to_pylist(), strict=True)
        )
        found += [by_row[row] for row in arrays.rows.tolist()]
    return found
