"""The whole of ``prepare`` in an object store over the S3 protocol, in one process and on Ray."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from jobs.cluster import RaySession
from local_hub import DATASET, REVISION, LocalHub
from pairs import TRAIN, VALIDATION
from pipeline import artifacts, corpus
from pipeline.artifacts import Part
from pipeline.clean import CleanConfig
from pipeline.corpus import CorpusConfig
from pipeline.dedup import DedupConfig
from pipeline.runner import RayRunner, Runner, Task, run_here
from pipeline.stages import DataConfig, StageResult, plan, prepare
from pipeline.storage import Storage
from pipeline.tensorize import TensorizeConfig, TokenArrays
from pipeline.tokenizer import TokenizerConfig

pytestmark = pytest.mark.integration

STAGES = ["corpus", "clean", "dedup", "tokenizer", "tensorize"]


class Silent:
    """A reporter that says nothing."""

    def stage_started(self, name: str, why: str) -> None:
        """Nothing."""

    def stage_advanced(self, name: str, done: int, total: int) -> None:
        """Nothing."""

    def stage_ended(self, result: StageResult) -> None:
        """Nothing."""


class Counting:
    """A runner in this process that remembers its tasks and is interrupted after ``limit``."""

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit
        self.names: list[str] = []

    def __call__(self, tasks: Sequence[Task], on_done: Callable[[Task, Part], None]) -> None:
        for task in tasks:
            if len(self.names) == self.limit:
                raise KeyboardInterrupt
            self.names.append(task.name)
            on_done(task, task())


@pytest.fixture
def s3(s3_prefix: str) -> Storage:
    return Storage(s3_prefix)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> DataConfig:
    """Twenty training pairs in three shards, three validation pairs in one."""
    data = tmp_path_factory.mktemp("corpus") / "data"
    data.mkdir()
    corpus.write_pairs(TRAIN, data / "train-00000-of-00001.parquet")
    corpus.write_pairs(VALIDATION, data / "validation-00000-of-00001.parquet")
    return of_source(CorpusConfig(source=str(data.parent)))


def of_source(source: CorpusConfig) -> DataConfig:
    """The settings of all stages, with ranges of hashes small enough to be several."""
    return DataConfig(
        source,
        CleanConfig(shard_rows=8),
        TokenizerConfig(vocab_size=70, byte_fallback=False),
        TensorizeConfig(),
        DedupConfig(partition_rows=8),
    )


@pytest.fixture(scope="module")
def on_disk(config: DataConfig, tmp_path_factory: pytest.TempPathFactory) -> dict[str, StageResult]:
    """The same on a local disk: what all others are compared with."""
    return run(config, Storage(str(tmp_path_factory.mktemp("disk"))), run_here)


def run(config: DataConfig, storage: Storage, runner: Runner) -> dict[str, StageResult]:
    """All five stages."""
    return prepare(config, storage, lambda: runner, Silent())


def manifests(results: dict[str, StageResult]) -> dict[str, bytes]:
    """Stage → its manifest, which holds the sha256 of every file."""
    return {
        name: result.artifact.storage.read_bytes(f"{result.artifact.path}/{artifacts.MANIFEST}")
        for name, result in results.items()
    }


def test_in_one_process_it_makes_the_bytes_of_a_local_disk(
    config: DataConfig, s3: Storage, on_disk: dict[str, StageResult]
) -> None:
    made = run(config, s3, run_here)
    assert list(made) == STAGES
    assert manifests(made) == manifests(on_disk)
    for result in made.values():
        result.artifact.verify()


def test_on_ray_it_makes_the_bytes_of_a_local_disk(
    config: DataConfig, s3: Storage, on_disk: dict[str, StageResult], ray_session: RaySession
) -> None:
    made = run(config, s3, RayRunner())
    assert manifests(made) == manifests(on_disk)
    for result in made.values():
        result.artifact.verify()


def test_a_second_prepare_runs_nothing_and_never_asks_for_a_runner(
    config: DataConfig, s3: Storage
) -> None:
    run(config, s3, run_here)

    def get_runner() -> Runner:
        raise AssertionError("there is nothing to run")

    results = prepare(config, s3, get_runner, Silent())
    assert all(result.skipped for result in results.values())
    assert {stage.state for stage in plan(config, s3)} == {"done"}


@pytest.mark.parametrize("limit", [1, 3, 7, 12])
def test_an_interrupted_prepare_goes_on_where_it_stopped(
    config: DataConfig, s3: Storage, on_disk: dict[str, StageResult], limit: int, tmp_path: Path
) -> None:
    whole, first, second = Counting(), Counting(limit), Counting()
    run(config, Storage(str(tmp_path / "whole")), whole)
    assert len(whole.names) > limit
    with pytest.raises(KeyboardInterrupt):
        run(config, s3, first)
    made = run(config, s3, second)
    assert first.names + second.names == whole.names
    assert manifests(made) == manifests(on_disk)


def test_on_another_machine_the_token_arrays_are_opened_from_copies(
    config: DataConfig,
    s3: Storage,
    on_disk: dict[str, StageResult],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    run(config, s3, run_here)
    monkeypatch.setenv("ANUVAD_CACHE", str(tmp_path / "another"))
    artifact_id = on_disk["tensorize"].artifact.id
    there, here = artifacts.load(s3, artifact_id), on_disk["tensorize"].artifact
    names = there.names("train-", ".arrow")
    assert len(names) == 3
    for name in names:
        opened, expected = TokenArrays.open(there.local(name)), TokenArrays.open(here.local(name))
        assert (tmp_path / "another") in there.local(name).parents
        assert opened.rows.tolist() == expected.rows.tolist()
        rows = range(len(opened))
        assert [[ids.tolist() for ids in side] for side in opened.pairs(rows)] == [
            [ids.tolist() for ids in side] for side in expected.pairs(rows)
        ]


def test_the_command_itself_copies_no_corpus_when_its_tasks_run_on_other_machines(
    config: DataConfig, s3: Storage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    prepare(config, s3, lambda: run_here, Silent(), until="corpus")
    monkeypatch.setenv("ANUVAD_CACHE", str(tmp_path / "command"))

    def run_elsewhere(tasks: Sequence[Task], on_done: Callable[[Task, Part], None]) -> None:
        for task in tasks:
            with monkeypatch.context() as patch:
                patch.setenv("ANUVAD_CACHE", str(tmp_path / "elsewhere"))
                part = task()
            on_done(task, part)

    run(config, s3, run_elsewhere)
    assert list((tmp_path / "elsewhere").rglob("*.parquet"))
    assert not list((tmp_path / "command").rglob("*.parquet"))


def test_no_scratch_object_is_left(
    config: DataConfig, s3: Storage, on_disk: dict[str, StageResult]
) -> None:
    made = run(config, s3, run_here)
    assert s3.list("") == [artifacts.ARTIFACTS]
    for result in made.values():
        tops = {file.name.partition("/")[0] for file in result.artifact.files}
        assert s3.list(result.artifact.path) == sorted({*tops, artifacts.MANIFEST})


def test_from_a_hub_a_range_that_was_damaged_is_fetched_anew_in_the_same_second(
    s3: Storage, config: DataConfig, local_hub: LocalHub
) -> None:
    for path in Path(config.corpus.source).glob("data/*"):
        local_hub.files[f"data/{path.name}"] = path.read_bytes()
    local_hub.flips["data/train-00000-of-00001.parquet"] = {1500}
    fetched = of_source(CorpusConfig(source=DATASET, revision=REVISION, part_bytes=1024))
    made = run(fetched, s3, run_here)["corpus"].artifact
    published = {n.replace("data/", "data/local-pairs/"): b for n, b in local_hub.files.items()}
    assert {n: made.local(n).read_bytes() for n in made.names()} == published
    assert s3.list(made.path) == ["data", artifacts.MANIFEST]
    ranges = [start for name, start in local_hub.ranges if name.startswith("data/train")]
    assert ranges == [0, 1024, 2048, 0, 1024, 2048]
