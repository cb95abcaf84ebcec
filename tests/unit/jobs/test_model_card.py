"""The model card of a small training: every figure in it is one that was measured."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from huggingface_hub import ModelCard

from jobs.config import Config
from jobs.console import JobConsole
from jobs.context import JobContext
from jobs.evaluate import Evaluation
from jobs.fit import train_spec
from jobs.health import Health
from jobs.logged_model import CONTENT_TAG
from jobs.model_card import CARD, DESCRIPTION_CHARACTERS, description_of, model_card
from jobs.origin import UNKNOWN, Origin, note_origin, noted_origin, origin_of
from jobs.registry import TRAINING_TAG, Registry, Version
from jobs.renewed_card import renew_card
from jobs.retrain import _origin
from jobs.scores import Score
from jobs.train import Trained, train_under_lock
from jobs.train_worker import TRAINING, WEIGHTS
from jobs.versions import git_revision, package_versions
from killing import Silent
from pairs import TRAIN
from pipeline import artifacts, stages
from pipeline.artifacts import Part
from pipeline.runner import run_here
from pipeline.stages import DataConfig, StageResult
from pipeline.storage import Storage

CONFIG = Config.model_validate(
    {
        "corpus": {"source": "inline", "licence": "CC0-1.0", "pairs": TRAIN},
        "dedup": {"leakage": False},
        "tokenizer": {"vocab_size": 70, "byte_fallback": False},
        "model": {"embedding_size": 8, "hidden_size": 12},
        "decode": {"beam_size": 3, "length_penalty": 0.6},
        "registry": {"name": "tiny"},
    }
)
SUMMARY = {
    "updates": 1200,
    "epochs": 3,
    "target_tokens": 54321,
    "seconds": 61.5,
    "best_update": 900,
    "best_score": 2.5,
    "stopped_by": "max_updates",
}
ORIGIN = Origin("anuvad retrain tiny.yaml train.seed=2", "a1" * 20, {"torch": "2.1.0"})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, StageResult]:
    """The stages of the data, and a training artifact of 3 x 5 + 4 weights."""
    storage = Storage(str(tmp_path_factory.mktemp("card")))
    data = DataConfig(CONFIG.corpus, CONFIG.clean, CONFIG.tokenizer, CONFIG.tensorize, CONFIG.dedup)
    results = stages.prepare(data, storage, lambda: run_here, Silent())
    spec = train_spec(CONFIG, {name: r.artifact.spec for name, r in results.items()})
    weights = {"layer": np.zeros((3, 5), np.float32), "bias": np.zeros(4, np.float32)}
    files = {WEIGHTS: safetensors.numpy.save(weights), TRAINING: json.dumps(SUMMARY).encode()}
    for name, content in files.items():
        storage.write_bytes(f"{spec.path}/{name}", content)
    entries = tuple(artifacts.entry_of(storage, spec, name) for name in files)
    artifact = artifacts.commit(storage, spec, [Part(entries, {"updates": 1200})])
    return {**results, "train": StageResult("train", artifact, False, 61.5)}


class Scored:
    """One test set's scores, as :class:`jobs.evaluate.ScoredTest` has them."""

    test = "newstest"
    sentences = 1500
    test_hash = "ab" * 32
    scores: Mapping[str, Score] = {
        "bleu_intl": Score(12.345, 11.5, 13.25, "nrefs:1|case:mixed|tok:intl|version:2.6.0"),
        "chrf++": Score(40.0, 39.0, 41.0, "nrefs:1|nw:2|version:2.6.0"),
    }
    health = Health(0.001, 0.003, 0.02, 0.97, 40, 0.05)
    guarded = True


@pytest.fixture
def job(made: Mapping[str, StageResult], monkeypatch: pytest.MonkeyPatch) -> Iterator[JobContext]:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    config = CONFIG.model_copy(update={"storage": made["train"].artifact.storage.uri})
    with JobContext(config, JobConsole()) as opened:
        yield opened


def registered(job: JobContext, training: str) -> Version:
    """A version of that training, by a run that says which command it was."""
    client = job.registry._client
    root = job.storage.local_root
    assert root is not None
    if client.get_experiment_by_name("tiny") is None:
        client.create_experiment("tiny", artifact_location=(root / "mlartifacts").as_uri())
        client.create_registered_model("tiny")
    experiment = client.get_experiment_by_name("tiny").experiment_id
    run = client.create_run(experiment).info.run_id
    told = {
        "command": ORIGIN.command,
        "git_revision": ORIGIN.revision,
        "packages": ORIGIN.packages,
    }
    client.log_text(run, json.dumps(told), "lineage.json")
    tags = {CONTENT_TAG: run, TRAINING_TAG: training}
    made = client.create_model_version("tiny", source="runs:/x", run_id=run, tags=tags)
    return job.registry.resolve(f"models:/tiny/{made.version}")


@pytest.mark.integration
@pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")
def test_an_evaluation_by_itself_renews_the_card_of_the_version_that_was_scored(
    job: JobContext, made: Mapping[str, StageResult]
) -> None:
    version = registered(job, made["train"].artifact.id)
    scored: Any = {"newstest": Scored()}
    corpus = made["corpus"].artifact
    assert renew_card(job, Evaluation(version, scored), corpus) is None
    client = job.registry._client
    written = client.get_model_version("tiny", version.number).description
    assert "| bleu_intl | 12.35 | 11.50 to 13.25 | " in written
    # What trained it, not what runs here.
    assert ORIGIN.revision != git_revision()
    assert f"- git revision: `{'a1' * 20}`\n" in written
    assert "- command: `anuvad retrain tiny.yaml train.seed=2`\n" in written
    assert "- packages: torch 2.1.0\n" in written
    # Nor does a retraining that has nothing but new scores say that its own code trained.
    retrain = ["anuvad", "retrain", "tiny.yaml"]
    assert _origin(job, Trained("tiny-1", version, made, was_new=False), retrain) == ORIGIN
    assert _origin(job, Trained("tiny-1", version, made, was_new=True), retrain) == Origin(
        "anuvad retrain tiny.yaml", git_revision(), package_versions()
    )
    # A run that was deleted says nothing.
    client.delete_run(version.run_id)
    assert origin_of(Registry(job.tracking_uri), version) == Origin(UNKNOWN, UNKNOWN, {})
    # What a registry has found to stand it does not ask for again.
    del job.registry
    why = renew_card(job, Evaluation(version, scored), corpus)
    assert why is not None
    assert why.startswith("its MLflow run, which knows the command that made it, was deleted, or ")
    client.restore_run(version.run_id)
    del job.registry
    # Nor does a text that was cut off: there the tags do.
    client.set_tag(version.run_id, "anuvad.command", ORIGIN.command)
    client.log_text(version.run_id, '{"command": "anuvad re', "lineage.json")
    assert origin_of(job.registry, version) == Origin(ORIGIN.command, UNKNOWN, {})
    # What was noted as it trained goes before what the run says, and before who registers it.
    noted = Origin("anuvad train tiny.yaml", "b2" * 20, {"torch": "2.1.0"})
    note_origin(job.storage, made["train"].artifact.id, noted)
    assert _origin(job, Trained("tiny-1", version, made, was_new=True), retrain) == noted
    assert renew_card(job, Evaluation(version, scored), corpus) is None
    written = client.get_model_version("tiny", version.number).description
    assert f"- git revision: `{'b2' * 20}`\n" in written
    job.storage.write_bytes(f"origins/{made['train'].artifact.id}.json", b'{"command": "anu')
    assert noted_origin(job.storage, made["train"].artifact.id) is None
    # Of another training this configuration knows nothing.
    other = registered(job, "train-0123456789ab")
    why = renew_card(job, Evaluation(other, scored), corpus)
    assert why == "another configuration made the version"
    assert not client.get_model_version("tiny", other.number).description
    # Nor is an evaluation at fault where somebody has made room in the storage.
    job.storage.delete(f"{made['dedup'].artifact.spec.path}/manifest.json")
    why = renew_card(job, Evaluation(version, scored), corpus)
    assert why is not None
    assert why.startswith(f"what it tells of is gone: {made['dedup'].artifact.uri}/")


@pytest.mark.integration
@pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*An input example was not provided")
@pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType")
def test_who_only_registers_a_training_is_not_told_to_have_trained_it(
    job: JobContext, made: Mapping[str, StageResult]
) -> None:
    training = made["train"].artifact
    note_origin(job.storage, training.id, ORIGIN)
    trained = train_under_lock(job, ["anuvad", "retrain", "tiny.yaml"])
    assert (trained.training.id, trained.was_new) == (training.id, True)
    run = job.registry._client.get_run(trained.version.run_id)
    assert run.data.tags["anuvad.command"] == ORIGIN.command
    assert run.data.tags["anuvad.git_revision"] == ORIGIN.revision
    assert origin_of(job.registry, trained.version) == ORIGIN


def card(made: Mapping[str, StageResult], **tests: Any) -> str:
    return model_card(CONFIG, "7", made, ORIGIN, tests)


def test_a_card_says_what_was_measured(made: Mapping[str, StageResult]) -> None:
    text = card(made, newstest=Scored())
    for said in (
        "# tiny, version 7",
        "An LSTM encoder and decoder of 19 parameters, 0.0 MB",
        '"models:/tiny/7"',
        'params={"beam_size": 3, "length_penalty": 0.6}',
        f"newstest: 1,500 sentences, sha256 `{'ab' * 32}`, beam 3",
        "| bleu_intl | 12.35 | 11.50 to 13.25 | ",
        "| `nrefs:1\\|case:mixed\\|tok:intl\\|version:2.6.0` |",
        "| chrf++ | 40.00 | 39.00 to 41.00 |",
        "1,200 updates, 54,321 target tokens, 3 epochs, 62 seconds",
        "is that of update 900: 2.500",
        "On newstest: 0.10% of the translations are empty, 2.00% say one thing over and over",
        "Pairs of the test sets may be among the training pairs: `dedup.leakage: false`.",
        "- command: `anuvad retrain tiny.yaml train.seed=2`",
        "| CC0-1.0 |",
        f"train: {len(TRAIN)} rows",
    ):
        assert said in text, f"{said!r} is not in:\n{text}"
    assert "Not evaluated yet" not in text


def test_its_metadata_is_what_the_hub_reads(made: Mapping[str, StageResult]) -> None:
    data = ModelCard(card(made, newstest=Scored())).data
    assert data.language == ["en", "hi"]
    assert data["license_name"] == "CC0-1.0"
    assert data.pipeline_tag == "translation"
    found = {result.metric_type: result.metric_value for result in data.eval_results}
    assert found == {"bleu": 12.35, "chrf": 40.0}


def test_before_an_evaluation_it_has_no_score(made: Mapping[str, StageResult]) -> None:
    text = card(made)
    assert "Not evaluated yet." in text
    assert "| metric |" not in text
    assert ModelCard(text).data.eval_results is None


def test_the_description_is_the_text_as_far_as_mlflow_takes_it(
    made: Mapping[str, StageResult],
) -> None:
    text = card(made, newstest=Scored())
    assert description_of(text).startswith("# tiny, version 7\n")
    long = text + "पंक्ति\n" * 2000
    cut = description_of(long)
    assert len(cut) <= DESCRIPTION_CHARACTERS
    assert cut.endswith(f"पंक्ति\n\nThe rest is in {CARD} of the run.\n")


def test_the_template_is_installed_with_the_package() -> None:
    assert (Path(__file__).parents[3] / "jobs" / "templates" / CARD).is_file()
