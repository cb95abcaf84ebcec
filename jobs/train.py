"""The training job: data that is ready, a trained model, a registered challenger.

reads   the whole configuration
writes  the artifacts of all stages, one MLflow run, one version in the registry
holds   the same data, settings and code are the same run and the same version, however often and
        with however many interruptions the command is run
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from jobs.cluster import require_gpus
from jobs.config import Config, dump_yaml, resolved
from jobs.context import JobContext
from jobs.evaluate import require_tests
from jobs.events import Event
from jobs.fit import beside_interrupted, fit, plan_training, read_summary, train_spec
from jobs.journal import Journal
from jobs.lock import hold
from jobs.model_folder import model_folder, restore
from jobs.no_secrets import without_secrets
from jobs.origin import LINEAGE, Origin, note_origin, noted_origin, origin_here
from jobs.prepare import Turn, run_stages
from jobs.registry import CHALLENGER, DECODE_TAG, TRAINING_TAG, Version
from jobs.training_curves import Curves
from jobs.vitals import Vitals
from jobs.warm_start import fetch_start, start_spec, warm_version
from pipeline import artifacts, stages
from pipeline.artifacts import Artifact, ArtifactSpec
from pipeline.corpus import CorpusConfig
from pipeline.errors import AnuvadError, BusyError, OutageError, RegistryError
from pipeline.stages import StageResult

if TYPE_CHECKING:
    from jobs.tracked_run import TrackedRun

REGISTERED_TAG = "anuvad.registered"
TRAIN = "train"
"""What the lock of :func:`lock_name` is held for here; a retraining waits for it."""


@dataclass(frozen=True)
class Trained:
    """A training that is registered.

    Attributes:
        run_id: anuvad's id of the run, a hash of data, settings and code.
        version: in the registry.
        stages: those of the data pipeline, and the training itself, by name.
        was_new: whether anything was done for it now.
    """

    run_id: str
    version: Version
    stages: Mapping[str, StageResult]
    was_new: bool

    @property
    def training(self) -> Artifact:
        """The training artifact."""
        return self.stages["train"].artifact

    def as_json(self) -> dict[str, Any]:
        """What ``anuvad train --json`` prints."""
        return {
            "run_id": self.run_id,
            "version": self.version.number,
            "training": self.training.id,
            **read_summary(self.training),
        }


def run_id_of(config: Config, training_id: str) -> str:
    """The id of a run: a hash of what is registered, the training and how it is decoded."""
    sections = {name: resolved(config, name) for name in ("decode", "registry")}
    identity = json.dumps({"training": training_id, **sections}, sort_keys=True)
    return f"{config.registry.name}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"


def train(job: JobContext, command: Sequence[str]) -> Trained:
    """Prepare, train and register as challenger; whatever stands already is not done again.

    Args:
        job: the job.
        command: what the user typed, for the run's record.

    Raises:
        BusyError: if another process trains the same model in the same storage, or makes data in
            it that this one needs.
    """
    with hold(job.storage, lock_name(job.config), TRAIN):
        return train_under_lock(job, command)


def lock_name(config: Config) -> str:
    """The lock that a training of this model holds."""
    return f"retrain-{config.registry.name}"


def train_under_lock(job: JobContext, command: Sequence[str], turn: Turn | None = None) -> Trained:
    """:func:`train`, for a caller that holds its lock; ``turn``: see :func:`run_stages`."""
    from jobs.model_card import model_card

    config = job.config
    warm = warm_version(job)
    start = start_spec(warm) if warm else None
    planned = stages.specs(job.data, job.storage)
    spec = train_spec(config, planned, start)
    run_id = run_id_of(config, spec.id)
    standing = artifacts.find(job.storage, spec)
    # What can be refused is refused before hours of work.
    uri = job.tracking_uri
    if standing is None and config.compute.use_gpu:
        require_gpus(config.compute.min_workers)
    weights = None
    if standing is None and warm:
        _restore_start(job, warm)
        weights = fetch_start(job, warm)
        said = f"starts from the weights of version {warm.number} of {warm.name}"
        job.console.say("train", said)
    data = run_stages(job, planned=planned, turn=turn)
    require_tests(data["corpus"].artifact, config.evaluation.tests)
    registered = None
    if standing:
        with _model_is_kept(standing, command):
            registered = registered_version(job, spec.id)
            if registered is not None:
                restore(job, registered, standing)
    if standing and registered:
        _send_the_rest(job, run_id)
        result = StageResult("train", standing, True, 0.0)
        job.console.stage_ended(result)
        return Trained(run_id, registered, {**data, "train": result}, was_new=False)
    job.console.doing("mlflow", f"opening {without_secrets(uri)}")
    run = _open_run(job, run_id)
    # Of a training that only has to be registered, what trained it.
    origin = (noted_origin(job.storage, spec.id) if standing else None) or origin_here(command)
    try:
        _record_data(run, job, data, spec.id, origin, warm)
        if standing is None:
            note_origin(job.storage, spec.id, origin)
        trained = _fit(job, run, data, spec, weights)
        with _model_is_kept(trained.artifact, command):
            version = _register(job, trained.artifact, data, run)
            made = {**data, "train": trained}
            card = model_card(config, version.number, made, origin)
            job.registry.write_card(version, card)
        run.end()
    except BaseException as error:
        # An interruption is no failure: the same command goes on with this run. What the journal
        # has to say to that must not hide what happened.
        goes_on = isinstance(error, OutageError) or not isinstance(error, Exception)
        with contextlib.suppress(AnuvadError):
            run.end("KILLED" if goes_on else "FAILED")
        raise
    with _model_is_kept(trained.artifact, command):
        # Last, so that what stands was done to its end, and its run is closed for good.
        job.registry.set_tags(version, {f"{REGISTERED_TAG}.{spec.id}": "yes"})
    job.console.say("register", f"version {version.number} of {version.name}, the {CHALLENGER}")
    return Trained(run_id, version, {**data, "train": trained}, was_new=True)


def _restore_start(job: JobContext, warm: Version) -> None:
    """Store again what MLflow has lost of the version whose weights a training starts from."""
    try:
        restore(job, warm)
    except AnuvadError as error:
        # Its weights may lie in the storage from an earlier start.
        job.console.warn(str(error))


def _open_run(job: JobContext, run_id: str) -> TrackedRun:
    from jobs.tracked_run import TrackedRun

    return TrackedRun(
        job.tracking_uri, job.config.experiment, run_id, job.storage, job.console.warn
    )


@contextlib.contextmanager
def _model_is_kept(training: Artifact, command: Sequence[str]) -> Iterator[None]:
    """Add to what MLflow does not do that nothing is lost, and how to finish."""
    try:
        yield
    except (OutageError, RegistryError) as error:
        raise type(error)(
            f"{error}; the trained model is kept in {training.uri}, and the same command registers "
            f"it, once: {shlex.join(command)}"
        ) from error


def _send_the_rest(job: JobContext, run_id: str) -> None:
    """Send what MLflow did not take when the run ended, if it does now."""
    journal = Journal(job.storage, run_id)
    if journal.pending():
        from jobs.replay import send

        with contextlib.suppress(OutageError, BusyError):
            sent = send(job.tracking_uri, journal, job.storage, job.console.warn)
            job.console.say("mlflow", f"took {sent:,} records that it had missed")


def registered_version(job: JobContext, training_id: str) -> Version | None:
    """The version made of this training with the decoding settings of the configuration."""
    decode = job.config.decode.model_dump_json()
    for version in job.registry.versions(job.config.registry.name):
        # Two trainings can come to the same weights, and so to one version: a tag for each.
        is_ours = f"{REGISTERED_TAG}.{training_id}" in version.tags
        if is_ours and version.tags.get(DECODE_TAG) == decode:
            return version
    return None


def _record_data(
    run: Any,
    job: JobContext,
    data: Mapping[str, StageResult],
    training_id: str,
    origin: Origin,
    warm: Version | None,
) -> None:
    config = job.config
    run.params(artifacts.flatten(config.model_dump(mode="json", exclude={"corpus": {"pairs"}})))
    run.text(dump_yaml(config), "config.yaml")
    lineage = {
        "sources": sources_of(config.corpus, data["corpus"].artifact),
        "training": training_id,
        "warm_start": {"version": warm.uri, "content": warm.content} if warm else None,
        "git_revision": origin.revision,
        "packages": origin.packages,
        "command": origin.command,
        "stages": {
            name: {
                "id": result.artifact.id,
                "counts": result.artifact.counts,
                "files": {f.name: f.sha256 for f in result.artifact.files},
            }
            for name, result in data.items()
        },
    }
    run.text(json.dumps(lineage, indent=1, ensure_ascii=False), LINEAGE)
    run.tags(
        {
            "anuvad.licence": config.corpus.licences,
            "anuvad.git_revision": origin.revision,
            "anuvad.command": origin.command,
            **{f"anuvad.{name}": result.artifact.id for name, result in data.items()},
        }
    )
    run.metrics({f"seconds/{name}": r.seconds for name, r in data.items() if not r.skipped})
    corpus = data["corpus"].artifact
    run.dataset(config.corpus.in_words(), corpus.id, corpus.uri)


def sources_of(config: CorpusConfig, corpus: Artifact) -> list[dict[str, str]]:
    """Each source of a corpus: its name, where it came from, its licence and its revision."""
    found = []
    for source in config.each:
        row = {"name": source.label, "source": source.source, "licence": source.licence}
        revision = corpus.spec.settings["sources"][source.label].get("revision")
        found.append(row | ({"revision": revision} if revision else {}))
    return found


def _fit(
    job: JobContext,
    run: TrackedRun,
    data: Mapping[str, StageResult],
    spec: ArtifactSpec,
    start: Artifact | None,
) -> StageResult:
    """Train, unless the training artifact ``spec`` stands; ``start`` are the first weights."""
    config, console = job.config, job.console
    standing = artifacts.find(job.storage, spec)
    if standing is not None:
        result = StageResult("train", standing, True, 0.0)
        console.stage_ended(result)
        return result
    started = time.monotonic()
    console.stage_started("train", plan_training(job.storage, spec).why)
    if beside := beside_interrupted(job.storage, spec):
        console.say("train", f"begins anew: {beside}")
    console.waiting("train", f"starting {config.compute.workers_in_words}")
    curves = Curves(run)

    def on_event(event: Event) -> None:
        try:
            console.training_event(
                event, config.train.max_updates, config.train.metric, config.compute.max_workers
            )
        finally:
            # Also where the terminal was closed.
            curves.add(event)

    with Vitals(partial(curves.system, "driver")):
        artifact = fit(config, job.storage, data, job.connect, on_event, start)
    result = StageResult("train", artifact, False, time.monotonic() - started)
    console.stage_ended(result)
    run.metrics({"seconds/train": result.seconds})
    return result


def _register(
    job: JobContext, training: Artifact, data: Mapping[str, StageResult], run: Any
) -> Version:
    # It imports torch, which `python -m jobs.train --help` must not wait for.
    from model.translator import content_hash

    config = job.config
    decode = config.decode.model_dump_json()
    tags = {
        TRAINING_TAG: training.id,
        DECODE_TAG: decode,
        "anuvad.corpus": data["corpus"].artifact.id,
        "anuvad.source": config.corpus.in_words(),
        "anuvad.licence": config.corpus.licences,
    }
    with model_folder(training, decode) as folder:
        version = job.registry.register(
            config.registry.name, folder, content_hash(folder), run.mlflow_id(), tags
        )
    job.registry.set_alias(version, CHALLENGER)
    return version


if __name__ == "__main__":
    from jobs.cli import run

    run("train")
