"""Copies and leakage on Ray: the same bytes as in one process, though workers die in each pass."""

from __future__ import annotations

import os
import random
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.cluster import RaySession
from pairs import TRAIN, VALIDATION
from pipeline import corpus
from pipeline.artifacts import Artifact, Part
from pipeline.clean import CleanConfig
from pipeline.corpus import CorpusConfig
from pipeline.dedup import DedupConfig
from pipeline.runner import RayRunner, Runner, Task, run_here
from pipeline.stages import DataConfig, StageResult, prepare
from pipeline.storage import Storage
from pipeline.tensorize import TensorizeConfig
from pipeline.tokenizer import TokenizerConfig

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("tasks_reach_workers")]

# One of each pass: evaluation's keys, a shard's hashes, a range of each side, a shard's rows.
DOOMED = (
    "evaluation",
    "compare-train-00002-of-00004",
    "by-english-00001-of-00003",
    "by-hindi-00000-of-00003",
    "train-00001-of-00004",
)


@pytest.fixture(scope="module")
def tasks_reach_workers(ray_session: RaySession) -> Iterator[None]:
    """Workers can't import a test module, so its functions travel to them whole."""
    import ray.cloudpickle

    module = sys.modules[__name__]
    ray.cloudpickle.register_pickle_by_value(module)
    yield
    ray.cloudpickle.unregister_pickle_by_value(module)


@pytest.fixture
def config(tmp_path: Path) -> DataConfig:
    """Two hundred pairs of few sides, among them some of validation."""
    data = tmp_path / "corpus" / "data"
    data.mkdir(parents=True)
    rng = random.Random(4)
    # A number would be missing on the other side, and its pair not come this far.
    plain = [pair for pair in TRAIN if not any(map(str.isdigit, pair[0]))][:12]
    english = [english for english, _ in (*plain, VALIDATION[0])]
    hindi = [hindi for _, hindi in (*plain, VALIDATION[1])]
    pairs = [(rng.choice(english), rng.choice(hindi)) for _ in range(200)]
    corpus.write_pairs(pairs, data / "train-00000-of-00001.parquet")
    corpus.write_pairs(VALIDATION, data / "validation-00000-of-00001.parquet")
    return DataConfig(
        CorpusConfig(source=str(tmp_path / "corpus")),
        CleanConfig(shard_rows=50),
        TokenizerConfig(),
        TensorizeConfig(),
        DedupConfig(max_copies_english=5, max_copies_hindi=4, partition_rows=70),
    )


class Silent:
    """A reporter that says nothing."""

    def stage_started(self, name: str, why: str) -> None:
        """Nothing."""

    def stage_advanced(self, name: str, done: int, total: int) -> None:
        """Nothing."""

    def stage_ended(self, result: StageResult) -> None:
        """Nothing."""


def dedup_of(config: DataConfig, folder: Path, runner: Runner) -> Artifact:
    """The artifact of the stage, made in this folder."""
    storage = Storage(str(folder))
    # The stages before it are other tests' business.
    prepare(config, storage, lambda: run_here, Silent(), until="clean")
    return prepare(config, storage, lambda: runner, Silent(), until="dedup")["dedup"].artifact


def die_once(task: Task, marker: Path) -> Part:
    """The task, whose process is killed the first time, when its first file is to be published."""
    if not marker.exists():
        marker.touch()
        os.fsync = lambda file: os.kill(os.getpid(), signal.SIGKILL)
    return task()


def killing(markers: Path) -> Runner:
    """Ray, with a killed worker in each pass."""

    def run(tasks: Sequence[Task], on_done: Callable[[Task, Part], None]) -> None:
        wrapped = [
            replace(task, function=die_once, arguments=(task, markers / task.name))
            if task.name in DOOMED
            else task
            for task in tasks
        ]
        RayRunner()(wrapped, on_done)

    return run


def test_dedup_on_ray_makes_the_same_bytes_as_in_one_process(
    config: DataConfig, tmp_path: Path
) -> None:
    here = dedup_of(config, tmp_path / "here", run_here)
    on_ray = dedup_of(config, tmp_path / "ray", RayRunner())
    assert replace(on_ray, storage=here.storage) == here
    on_ray.verify()
    assert {key for key, n in here.counts.items() if key.startswith("train_dropped_") and n} == {
        "train_dropped_leaks_english",
        "train_dropped_leaks_hindi",
        "train_dropped_duplicate_pair",
        "train_dropped_too_many_copies_english",
        "train_dropped_too_many_copies_hindi",
    }


def test_a_worker_killed_in_each_pass_of_dedup_changes_no_byte(
    config: DataConfig, tmp_path: Path
) -> None:
    (tmp_path / "killed").mkdir()
    here = dedup_of(config, tmp_path / "here", run_here)
    on_ray = dedup_of(config, tmp_path / "ray", killing(tmp_path / "killed"))
    assert {marker.name for marker in (tmp_path / "killed").iterdir()} == set(DOOMED)
    assert replace(on_ray, storage=here.storage) == here
    on_ray.verify()
