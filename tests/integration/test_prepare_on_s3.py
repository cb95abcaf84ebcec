"""The whole of ``prepare`` in an object store over the S3 protocol, in one process and on Ray."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from jobs.cluster import RaySession
from pipeline import artifacts
from pipeline.artifacts import Part
from pipeline.clean import CleanConfig
from pipeline.corpus import CorpusConfig
from pipeline.dedup import DedupConfig
from pipeline.phrasebook import PhrasebookConfig
from pipeline.runner import RayRunner, Runner, Task, run_here
from pipeline.stages import DataConfig, StageResult, plan, prepare
from pipeline.storage import Storage
from pipeline.tensorize import TensorizeConfig, TokenArrays
from pipeline.tokenizer import TokenizerConfig

pytestmark = pytest.mark.integration

STAGES = ["corpus", "clean", "dedup", "tokenizer", "tensorize"]

CONFIG = DataConfig(
    CorpusConfig(source="phrasebook", phrasebook=PhrasebookConfig(train_pairs=500)),
    CleanConfig(shard_rows=200),
    TokenizerConfig(vocab_size=200),
    TensorizeConfig(),
    DedupConfig(partition_rows=200),
)


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
def on_disk(tmp_path_factory: pytest.TempPathFactory) -> dict[str, StageResult]:
    """The same on a local disk: what all others are compared with."""
    return run(Storage(str(tmp_path_factory.mktemp("disk"))), run_here)


def run(storage: Storage, runner: Runner) -> dict[str, StageResult]:
    """All five stages."""
    return prepare(CONFIG, storage, lambda: runner, Silent())


def manifests(results: dict[str, StageResult]) -> dict[str, bytes]:
    """Stage → its manifest, which holds the sha256 of every file."""
    return {
        name: result.artifact.storage.read_bytes(f"{result.artifact.path}/{artifacts.MANIFEST}")
        for name, result in results.items()
    }


def test_in_one_process_it_makes_the_bytes_of_a_local_disk(
    s3: Storage, on_disk: dict[str, StageResult]
) -> None:
    made = run(s3, run_here)
    assert list(made) == STAGES
    assert manifests(made) == manifests(on_disk)
    for result in made.values():
        result.artifact.verify()


def test_on_ray_it_makes_the_bytes_of_a_local_disk(
    s3: Storage, on_disk: dict[str, StageResult], ray_session: RaySession
) -> None:
    made = run(s3, RayRunner())
    assert manifests(made) == manifests(on_disk)
    for result in made.values():
        result.artifact.verify()


def test_a_second_prepare_runs_nothing_and_never_asks_for_a_runner(s3: Storage) -> None:
    run(s3, run_here)

    def get_runner() -> Runner:
        raise AssertionError("there is nothing to run")

    results = prepare(CONFIG, s3, get_runner, Silent())
    assert all(result.skipped for result in results.values())
    assert {stage.state for stage in plan(CONFIG, s3)} == {"done"}


@pytest.mark.parametrize("limit", [1, 3, 7, 12])
def test_an_interrupted_prepare_goes_on_where_it_stopped(
    s3: Storage, on_disk: dict[str, StageResult], limit: int, tmp_path: Path
) -> None:
    whole, first, second = Counting(), Counting(limit), Counting()
    run(Storage(str(tmp_path / "whole")), whole)
    assert len(whole.names) > limit
    with pytest.raises(KeyboardInterrupt):
        run(s3, first)
    made = run(s3, second)
    assert first.names + second.names == whole.names
    assert manifests(made) == manifests(on_disk)


def test_on_another_machine_the_token_arrays_are_opened_from_copies(
    s3: Storage,
    on_disk: dict[str, StageResult],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    run(s3, run_here)
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


def test_no_scratch_object_is_left(s3: Storage, on_disk: dict[str, StageResult]) -> None:
    made = run(s3, run_here)
    assert s3.list("") == [artifacts.ARTIFACTS]
    for result in made.values():
        tops = {file.name.partition("/")[0] for file in result.artifact.files}
        assert s3.list(result.artifact.path) == sorted({*tops, artifacts.MANIFEST})
