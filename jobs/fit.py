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
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from jobs.config import Config, resolved
from jobs.events import Event
from jobs.interrupted import folder_of, nearest_other, note, was_interrupted
from jobs.ownership import take_over
from jobs.ray_train import run_workers
from jobs.rounds import SAVED_BY
from jobs.signals import was_terminated
from jobs.train_worker import HISTORY, TRAINING, TrainOrder
from jobs.warm_start import START, refuse_other_tokenizers_of
from pipeline import artifacts
from pipeline.artifacts import Artifact, ArtifactSpec, code_fingerprint
from pipeline.dedup import DedupConfig
from pipeline.errors import ArtifactError, TrainingError
from pipeline.stages import StagePlan, StageResult, plan_of, tokenizer_fact
from pipeline.storage import Storage, sha256_of
from pipeline.tokenizer import LANGUAGES

_CODE = (
    "model.attention",
    "model.averaging",
    "model.batch_plan",
    "model.batches",
    "model.build",
    "model.coverage",
    "model.dataset",
    "model.decoder",
    "model.dropout",
    "model.embedding",
    "model.encoder",
    "model.gradient",
    "model.greedy",
    "model.heap",
    "model.job",
    "model.learner",
    "model.limits",
    "model.loss",
    "model.loss_scale",
    "model.optimizer",
    "model.parts",
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
    "model.verdict",
)


# What a start's name stands for is among the parents.
_NOT_LEARNT_BY = SAVED_BY | {"init_from"}


def train_spec(
    config: Config, data: Mapping[str, ArtifactSpec], start: ArtifactSpec | None = None
) -> ArtifactSpec:
    """What the training artifact is made of.

    Args:
        config: the configuration.
        data: what each stage of the pipeline makes.
        start: the first weights, see :mod:`jobs.warm_start`; None if they are drawn.
    """
    learnt_by = {k: v for k, v in resolved(config, "train").items() if k not in _NOT_LEARNT_BY}
    parents = {name: data[name].id for name in ("dedup", "tokenizer", "tensorize")}
    return ArtifactSpec(
        "train",
        {"model": resolved(config, "model"), "train": learnt_by},
        code_fingerprint(*_CODE),
        parents | ({START: start.id} if start else {}),
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
    if plan.state == "run" and was_interrupted(storage, spec.id):
        return StagePlan(plan.name, plan.state, "was interrupted")
    return plan


def beside_interrupted(storage: Storage, spec: ArtifactSpec) -> str | None:
    """That another training was interrupted, where this one would begin; see :mod:`.interrupted`.

    A setting that was changed, perhaps by mistake, begins another training, and the one that was
    under way waits until it is changed back.
    """
    if artifacts.find(storage, spec) is not None or was_interrupted(storage, spec.id):
        return None
    return nearest_other(storage, spec)


def fit(
    config: Config,
    storage: Storage,
    data: Mapping[str, StageResult],
    connect: Callable[[], None],
    on_event: Callable[[Event], None],
    start: Artifact | None = None,
) -> Artifact:
    """Train, or go on where an earlier start stopped, and answer the training artifact.

    Args:
        config: the configuration.
        storage: where checkpoints and the artifact go.
        data: what :func:`pipeline.stages.prepare` answered.
        connect: connects to Ray; not called if the artifact stands.
        on_event: is handed what the training reports, see :func:`model.training.train`.
        start: the first weights, see :mod:`jobs.warm_start`; None if they are drawn.

    Raises:
        TrainingError: if training can't go on; the checkpoints stay. Or if nothing is known of
            leakage into the token arrays, see :func:`refuse_unguarded`, or another tokenizer made
            them or the first weights, see :func:`refuse_other_tokenizers`.
    """
    arrays, tokenizer = data["tensorize"].artifact, data["tokenizer"].artifact
    refuse_unguarded(arrays)
    refuse_other_tokenizers(arrays, tokenizer)
    if start is not None:
        refuse_other_tokenizers_of(start, tokenizer, config.train.init_from)
    specs = {name: result.artifact.spec for name, result in data.items()}
    spec = train_spec(config, specs, start.spec if start else None)
    found = artifacts.find(storage, spec)
    if found is not None:
        # A command that was killed as it ended may have left them.
        storage.delete(folder_of(spec.id))
        return found
    connect()
    order = TrainOrder(
        # Ray Train too would resume a name that it knows.
        start=f"{spec.id}-{uuid.uuid4().hex[:8]}",
        storage=storage,
        spec=spec,
        model=config.model,
        train=config.train,
        compute=config.compute,
        splits=(config.corpus.train_split, config.corpus.validation_split),
    )
    note(storage, spec)
    take_over(storage, spec.id, order.start)
    run_workers(order, on_event)
    artifact = artifacts.load(storage, spec.id)
    storage.delete(folder_of(spec.id))
    if was_terminated():
        # It came as the training ended; nobody wants to wait for what follows.
        raise KeyboardInterrupt
    return artifact


def read_history(training: Artifact) -> list[Event]:
    """The reports of a finished training."""
    lines = training.local(HISTORY).read_text().splitlines()
    return [json.loads(line) for line in lines]


def read_summary(training: Artifact) -> dict[str, Any]:
    """What a finished training came to: updates, tokens, seconds, the best score."""
    summary: dict[str, Any] = json.loads(training.local(TRAINING).read_bytes())
    return summary
