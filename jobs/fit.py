"""Training on Ray: Ray Train starts the workers, :mod:`model.training` does the work.

reads   the token arrays, the tokenizers and the validation text they were made of
writes  checkpoints in ``checkpoints/train-<hash>/`` and, at the end, the artifact
        ``train-<hash>/`` with ``model.safetensors`` (the best), ``history.jsonl`` and
        ``training.json``
holds   the artifact is a function of the data and of the sections ``model`` and ``train``;
        where and on how many workers it ran is none of its business
"""

from __future__ import annotations

import json
import signal
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jobs.config import ComputeConfig, Config, resolved
from jobs.events import Event, EventBoard, EventPump
from model.architectures import AnyModelConfig
from model.config import TrainConfig
from pipeline import artifacts
from pipeline.artifacts import Artifact, ArtifactSpec, Part, code_fingerprint
from pipeline.dedup import DedupConfig
from pipeline.errors import AnuvadError, ArtifactError, TrainingError
from pipeline.stages import (
    StagePlan,
    StageResult,
    clean_shards,
    plan_of,
    sampled_token_arrays,
    token_arrays,
    tokenizer_fact,
)
from pipeline.storage import Storage, sha256_of
from pipeline.tokenizer import LANGUAGES

CHECKPOINTS = "checkpoints"
RAY = "ray"
WEIGHTS = "model.safetensors"
HISTORY = "history.jsonl"
TRAINING = "training.json"

_CODE = (
    "model.attention",
    "model.batch_plan",
    "model.batches",
    "model.build",
    "model.coverage",
    "model.dataset",
    "model.decoder",
    "model.dropout",
    "model.embedding",
    "model.encoder",
    "model.greedy",
    "model.job",
    "model.loss",
    "model.precision",
    "model.progress",
    "model.recurrent",
    "model.rows",
    "model.rules",
    "model.schedule",
    "model.search",
    "model.seq2seq",
    "model.training",
    "model.transformer",
    "model.transformer_attention",
    "model.transformer_layers",
    "model.translation_model",
    "model.update",
    "model.validation",
)


def train_spec(config: Config, data: Mapping[str, ArtifactSpec]) -> ArtifactSpec:
    """What the training artifact is made of."""
    # How often it is saved changes nothing about what is learnt.
    learnt_by = {
        key: value
        for key, value in resolved(config, "train").items()
        if key not in ("checkpoint_every", "keep_checkpoints")
    }
    return ArtifactSpec(
        "train",
        {"model": resolved(config, "model"), "train": learnt_by},
        code_fingerprint(*_CODE),
        {name: data[name].id for name in ("dedup", "tokenizer", "tensorize")},
    )


def refuse_unguarded(arrays: Artifact) -> None:
    """Refuse token arrays that say nothing of copies and of leakage from validation and test.

    Their manifest must name the artifact of the stage `dedup` that their pairs come from, and that
    one's must say which rules ran. One that was switched off is on record there, and accepted.

    Raises:
        TrainingError: saying what is missing, and what to do.
    """
    name = arrays.spec.parents.get("dedup")
    if name is None:
        seen = "its manifest names no such artifact"
    else:
        try:
            unsaid = DedupConfig.model_fields.keys() - {"partition_rows"}
            unsaid -= artifacts.load(arrays.storage, name).spec.settings.keys()
        except ArtifactError as error:
            seen = str(error)
        else:
            if not unsaid:
                return
            seen = f"{name} does not say what was done about {', '.join(sorted(unsaid))}"
    raise TrainingError(
        f"{arrays.uri} must be made of pairs that the stage `dedup` has rid of copies and of what "
        f"validation and test hold, but {seen}; run `anuvad prepare CONFIG`"
    )


def refuse_other_tokenizers(arrays: Artifact, tokenizer: Artifact) -> None:
    """Refuse token arrays whose ids were not made by the tokenizer files as they are now.

    With another tokenizer each id would mean another piece, and nothing else would look wrong.

    Raises:
        TrainingError: naming the file and both hashes.
    """
    for language in LANGUAGES:
        made_by = arrays.facts.get(tokenizer_fact(language), "none that its manifest names")
        path = tokenizer.local(f"{language}.model")
        seen = sha256_of(path)
        if made_by != seen:
            raise TrainingError(
                f"{path} must be the tokenizer that made {arrays.uri}, whose sha256 is {made_by}, "
                f"but has {seen}; delete both folders and run `anuvad prepare CONFIG`"
            )


def plan_training(storage: Storage, spec: ArtifactSpec) -> StagePlan:
    """Whether the training would run, and why; nothing is run."""
    plan = plan_of(storage, spec)
    if plan.state == "run" and storage.list(f"{CHECKPOINTS}/{spec.id}"):
        return StagePlan(plan.name, plan.state, "was interrupted")
    return plan


@dataclass(frozen=True)
class TrainOrder:
    """All that a training worker is told; plain data, for it may start on another machine."""

    storage: Storage
    spec: ArtifactSpec
    model: AnyModelConfig
    train: TrainConfig
    compute: ComputeConfig
    splits: tuple[str, str]


def fit(
    config: Config,
    storage: Storage,
    data: Mapping[str, StageResult],
    connect: Callable[[], None],
    on_event: Callable[[Event], None],
) -> Artifact:
    """Train, or go on where an earlier start stopped, and answer the training artifact.

    Args:
        config: the configuration.
        storage: where checkpoints and the artifact go.
        data: what :func:`pipeline.stages.prepare` answered.
        connect: connects to Ray; not called if the artifact stands.
        on_event: is handed what the training reports, see :func:`model.training.train`.

    Raises:
        TrainingError: if training can't go on; the checkpoints stay. Or if nothing is known of
            leakage into the token arrays, see :func:`refuse_unguarded`, or another tokenizer made
            them, see :func:`refuse_other_tokenizers`.
    """
    arrays, tokenizer = data["tensorize"].artifact, data["tokenizer"].artifact
    refuse_unguarded(arrays)
    refuse_other_tokenizers(arrays, tokenizer)
    spec = train_spec(config, {name: result.artifact.spec for name, result in data.items()})
    found = artifacts.find(storage, spec)
    if found is not None:
        return found
    connect()
    order = TrainOrder(
        storage=storage,
        spec=spec,
        model=config.model,
        train=config.train,
        compute=config.compute,
        splits=(config.corpus.train_split, config.corpus.validation_split),
    )
    _run_workers(order, on_event)
    artifact = artifacts.load(storage, spec.id)
    storage.delete(f"{CHECKPOINTS}/{spec.id}")
    return artifact


def _run_workers(order: TrainOrder, on_event: Callable[[Event], None]) -> None:
    import ray
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer
    from ray.train.v2.api.exceptions import TrainingFailedError

    compute = order.compute
    board: Any = ray.remote(num_cpus=0)(EventBoard).remote()
    # Ray resumes a name it knows, from a snapshot that a kill can leave empty: a fresh name each
    # time leaves resuming to our own checkpoints.
    run = RunConfig(
        name=f"{order.spec.id}-{uuid.uuid4().hex[:8]}",
        storage_path=order.storage.uri_of(RAY),
        failure_config=FailureConfig(max_failures=compute.max_failures),
    )
    trainer = TorchTrainer(
        _worker,
        train_loop_config={"order": order, "board": board},
        torch_config=TorchConfig(
            backend="nccl" if compute.use_gpu else "gloo", timeout_s=int(compute.timeout_s)
        ),
        scaling_config=ScalingConfig(
            num_workers=compute.num_workers,
            use_gpu=compute.use_gpu,
            resources_per_worker=None if compute.use_gpu else {"CPU": 1},
        ),
        run_config=run,
    )
    interrupt = signal.getsignal(signal.SIGINT)
    try:
        with EventPump(board, on_event):
            trainer.fit()
    except TrainingFailedError as error:
        refusal = ray.get(board.refusal.remote())
        raise TrainingError(refusal or _cause(error)) from error
    except SystemExit:
        # Ray Train takes SIGINT, ends the workers and exits; what it was is for the caller to say.
        raise KeyboardInterrupt from None
    finally:
        if threading.current_thread() is threading.main_thread():
            # It would go on exiting, without a word, in whatever follows the training.
            signal.signal(signal.SIGINT, interrupt)
        # A driver that was killed could not delete its own.
        for name in order.storage.list(RAY):
            if name.startswith(f"{order.spec.id}-"):
                order.storage.delete(f"{RAY}/{name}")
    refusal = ray.get(board.refusal.remote())
    if refusal:
        raise TrainingError(refusal)


def _cause(error: Exception) -> str:
    failures: dict[int, Exception] = getattr(error, "worker_failures", {})
    for rank, failure in sorted(failures.items()):
        lines = [line for line in str(failure).strip().splitlines() if line.strip()]
        return f"worker {rank} failed: {lines[-1].strip() if lines else type(failure).__name__}"
    return f"Ray Train stopped: {' '.join(str(error).split())[:300]}"


def _worker(loop_config: dict[str, Any]) -> None:
    """What each training process runs."""
    import ray
    import ray.train

    order: TrainOrder = loop_config["order"]
    board = loop_config["board"]
    if ray.get(board.refusal.remote()):
        # Ray has started the workers anew, but what was refused once would be refused again.
        return
    try:
        _train_here(order, lambda event: board.post.remote(event))
    except AnuvadError as error:
        ray.get(board.refuse.remote(str(error)))
        raise


def _train_here(order: TrainOrder, report: Callable[[Event], None]) -> None:
    import ray.train
    import ray.train.torch
    import torch

    from model.build import build_model
    from model.checkpoint import CheckpointFolder
    from model.dataset import TokenDataset
    from model.job import TrainingJob
    from model.training import train
    from model.validation import DevSet
    from model.workers import Workers
    from pipeline.tokenizer import Tokenizer

    context = ray.train.get_context()
    device = ray.train.torch.get_device()
    if device.type == "cpu":
        torch.set_num_threads(order.compute.threads)
    workers = Workers(context.get_world_rank(), context.get_world_size(), device)
    kept, tokenizer, tensorize = (
        artifacts.load(order.storage, order.spec.parents[name])
        for name in ("dedup", "tokenizer", "tensorize")
    )
    source, target = (Tokenizer.load(tokenizer.local(f"{x}.model")) for x in LANGUAGES)
    train_split, dev_split = order.splits
    dev = TokenDataset([tensorize.local(name) for name in token_arrays(tensorize, dev_split)])
    # Every worker draws the same weights; DDP would send rank 0's anyway.
    torch.manual_seed(order.train.seed)
    job = TrainingJob(
        config=order.train,
        model=build_model(order.model, len(source), len(target)).to(device),
        data=TokenDataset(
            [tensorize.local(name) for name in token_arrays(tensorize, train_split)],
            [
                [tensorize.local(name) for name in names]
                for names in sampled_token_arrays(tensorize, train_split)
            ],
        ),
        dev=DevSet(dev, _references(kept, dev_split, dev), target, order.train.dev_sentences),
        folder=CheckpointFolder(
            order.storage,
            f"{CHECKPOINTS}/{order.spec.id}",
            {"token arrays": tensorize.id, "tokenizer": tokenizer.id, "training": order.spec.id},
        ),
        workers=workers,
        report=report,
    )
    state = train(job)
    if workers.is_first:
        if state.best_update is None:
            raise TrainingError(
                f"a validation must have a finite score to be the best, but after "
                f"{state.update} updates none had; see {HISTORY} and lower train.learning_rate"
            )
        best = job.folder.load(state.best_update)
        _publish(order, best.model, state.history, _summary(state))
    workers.wait()


def _summary(state: Any) -> dict[str, Any]:
    return {
        "updates": state.update,
        "epochs": state.epoch,
        "target_tokens": state.target_tokens,
        "seconds": round(state.seconds, 3),
        "best_update": state.best_update,
        "best_score": state.best_score,
        "skipped_updates": state.skipped_updates,
    }


def _publish(
    order: TrainOrder, weights: Any, history: list[Event], summary: dict[str, Any]
) -> None:
    import safetensors.torch

    storage, spec = order.storage, order.spec
    lines = "".join(json.dumps(event) + "\n" for event in history)
    files = {
        WEIGHTS: safetensors.torch.save(weights),
        HISTORY: lines.encode(),
        TRAINING: (json.dumps(summary, indent=1) + "\n").encode(),
    }
    for name, content in files.items():
        storage.write_bytes(f"{spec.path}/{name}", content)
    entries = tuple(artifacts.entry_of(storage, spec, name) for name in files)
    counts = {key: summary[key] for key in ("updates", "target_tokens", "best_update")}
    artifacts.commit(storage, spec, [Part(entries, counts)])


def _references(kept: Artifact, split: str, dataset: Any) -> list[str]:
    """The text of each target sentence that became token arrays, in their order."""
    import pyarrow.parquet as pq

    references: list[str] = []
    for shard, arrays in zip(clean_shards(kept, split), dataset.shards, strict=True):
        table = pq.read_table(kept.local(f"{shard}.parquet"), columns=["row", "hi"])
        by_row = dict(
            zip(table.column("row").to_pylist(), table.column("hi").to_pylist(), strict=True)
        )
        references += [by_row[row] for row in arrays.rows.tolist()]
    return references


def read_history(training: Artifact) -> list[Event]:
    """The reports of a finished training."""
    lines = training.local(HISTORY).read_text().splitlines()
    return [json.loads(line) for line in lines]


def read_summary(training: Artifact) -> dict[str, Any]:
    """What a finished training came to: updates, tokens, seconds, the best score."""
    summary: dict[str, Any] = json.loads(training.local(TRAINING).read_bytes())
    return summary
