"""Files of the champion and of the challenger that MLflow has lost, whatever is trained now."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from jobs import retrain as retraining
from jobs.context import JobContext
from jobs.model_folder import model_folder, restore_named
from jobs.registry import CHALLENGER, CHAMPION, DECODE_TAG, TRAINING_TAG, Version
from jobs.train_worker import WEIGHTS
from model.config import DecodeConfig, ModelConfig
from model.translator import TranslatorConfig, content_hash, save_folder
from pipeline import artifacts
from pipeline.artifacts import Artifact, ArtifactSpec, Part
from pipeline.normalize import NormalizeConfig
from pipeline.storage import Storage
from scored_versions import open_job

pytestmark = [
    pytest.mark.integration,
    # SQLAlchemy's, of MLflow's code.
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"),
    # MLflow says this of its own code, as it is imported, and that of a signature that we give it.
    pytest.mark.filterwarnings("ignore:.*An input example was not provided"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType"),
]

MODEL = ModelConfig(embedding_size=24, hidden_size=48)
NORMALIZE = NormalizeConfig()
TOKENIZERS = {"en": b"hello", "hi": "नमस्ते".encode()}
GREEDY, BEAM = DecodeConfig(beam_size=1), DecodeConfig(beam_size=4)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobContext]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        with open_job(tmp_path_factory.mktemp("lost") / "storage") as opened:
            yield opened


@pytest.fixture
def job(opened: JobContext) -> JobContext:
    """One storage for all tests, as a new registry takes seconds; the last one leaves a ruin."""
    # What a registry has found whole it does not look at again.
    opened.__dict__.pop("registry", None)
    return opened


@pytest.fixture(scope="module")
def training(opened: JobContext) -> Artifact:
    """What a training leaves in the storage, but that nothing was learnt."""
    storage = opened.storage
    clean = made(storage, "clean", {"normalize": NORMALIZE.model_dump(mode="json")}, {}, {})
    dedup = made(storage, "dedup", {}, {"clean": clean}, {})
    files = {f"{language}.model": data for language, data in TOKENIZERS.items()}
    tokenizer = made(storage, "tokenizer", {}, {"dedup": dedup}, files)
    arrays = made(storage, "tensorize", {"max_source_tokens": 20}, {"tokenizer": tokenizer}, {})
    settings = {"model": MODEL.model_dump(mode="json"), "train": {"precision": "fp32"}}
    parents = {"dedup": dedup, "tokenizer": tokenizer, "tensorize": arrays}
    return made(storage, "train", settings, parents, {WEIGHTS: b"weights"})


def made(
    storage: Storage,
    stage: str,
    settings: dict[str, Any],
    parents: dict[str, Artifact],
    files: dict[str, bytes],
) -> Artifact:
    spec = ArtifactSpec(stage, settings, "", {name: each.id for name, each in parents.items()})
    for name, data in files.items():
        storage.write_bytes(f"{spec.path}/{name}", data)
    entries = tuple(artifacts.entry_of(storage, spec, name) for name in files)
    return artifacts.commit(storage, spec, [Part(entries, {})])


@pytest.fixture(scope="module")
def two(opened: JobContext, training: Artifact) -> Sequence[Version]:
    """Version 1, the champion, and version 2, a challenger that the gate has refused."""
    job = opened
    client = job.registry._client
    root = job.storage.local_root
    assert root is not None
    run = client.create_run(
        client.create_experiment("seed", artifact_location=(root / "mlartifacts").as_uri())
    )
    versions = []
    for decode, alias in ((GREEDY, CHAMPION), (BEAM, CHALLENGER)):
        said = decode.model_dump_json()
        tags = {TRAINING_TAG: training.id, DECODE_TAG: said}
        with model_folder(training, said) as folder:
            version = job.registry.register(
                "seed", folder, content_hash(folder), run.info.run_id, tags
            )
        job.registry.set_alias(version, alias)
        versions.append(version)
    assert [version.number for version in versions] == ["1", "2"]
    return versions


def unit(job: JobContext, version: Version) -> Path:
    """Where MLflow keeps the version's files."""
    uri = job.registry._client.get_model_version_download_uri("seed", version.number)
    return Path(uri.removeprefix("file://"))


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def warnings(capfd: pytest.CaptureFixture[str]) -> list[str]:
    lines = capfd.readouterr().err.splitlines()
    return [line.removeprefix("warning    ") for line in lines if line.startswith("warning")]


def test_the_folder_of_a_training_is_the_one_that_its_settings_say(
    training: Artifact, tmp_path: Path
) -> None:
    by_hand = tmp_path / "translator"
    settings = TranslatorConfig(
        model=MODEL, normalize=NORMALIZE, decode=BEAM, max_source_tokens=20, precision="fp32"
    )
    save_folder(by_hand, settings, b"weights", TOKENIZERS)
    with model_folder(training, BEAM.model_dump_json()) as folder:
        assert content_hash(folder) == content_hash(by_hand)


class BegunError(Exception):
    """The training would begin."""


def test_a_retraining_stores_the_champion_again_before_it_trains_another(
    job: JobContext,
    two: Sequence[Version],
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    champion = unit(job, two[0])
    whole = names(champion)
    shutil.rmtree(champion)

    def begin(*_: Any, **__: Any) -> None:
        raise BegunError

    monkeypatch.setattr(retraining, "train_under_lock", begin)
    with pytest.raises(BegunError):
        retraining.retrain(job, ["anuvad", "retrain"])
    assert names(champion) == whole
    assert warnings(capfd) == [
        "MLflow had lost MLmodel, artifacts/translator/en.model and 5 more files of "
        "models:/seed/1; they are stored again"
    ]
    # It compares the content with what was registered.
    job.registry.download_verified(two[0], tmp_path)


def test_nothing_is_stored_where_the_disk_of_the_artifacts_is_away(
    job: JobContext, two: Sequence[Version], capfd: pytest.CaptureFixture[str]
) -> None:
    root = job.storage.local_root
    assert root is not None
    store, elsewhere = root / "mlartifacts", root / "elsewhere"
    store.rename(elsewhere)
    # Where a disk is mounted there is an empty folder without it.
    store.mkdir()
    restore_named(job)
    assert names(store) == set()
    assert warnings(capfd) == [
        f"MLflow's artifact store must be mounted, but there is no {store}/models; mount it, or, "
        f"if all of it was lost, make that folder; whether files of models:/seed/{n} are lost is "
        f"asked next time"
        for n in (1, 2)
    ]
    store.rmdir()
    elsewhere.rename(store)
    del job.registry
    restore_named(job)
    assert warnings(capfd) == []


def test_what_can_not_be_stored_again_is_told_and_ends_nothing(
    job: JobContext,
    two: Sequence[Version],
    training: Artifact,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (unit(job, two[0]) / "MLmodel").unlink()
    shutil.rmtree(unit(job, two[1]))
    shutil.rmtree(training.uri)
    restore_named(job)
    cause = f"{training.uri}/manifest.json must stand, but does not"
    advice = (
        "bring them back from a backup, or make another version with `anuvad retrain CONFIG "
        "--force`"
    )
    assert warnings(capfd) == [
        f"MLflow must have all files of models:/seed/1, but has lost MLmodel, which can't be "
        f"stored again, as {cause}; {advice}",
        f"MLflow must have all files of models:/seed/2, but has lost MLmodel, "
        f"artifacts/translator/en.model and 5 more files, which can't be stored again, as "
        f"{cause}; {advice}",
    ]
