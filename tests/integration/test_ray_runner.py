"""Stages as Ray tasks: the same answers as in one process, though workers die."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.cluster import RaySession
from pairs import TRAIN, VALIDATION
from pipeline import artifacts, corpus
from pipeline.artifacts import ArtifactSpec, Part
from pipeline.clean import CleanConfig
from pipeline.corpus import CorpusConfig
from pipeline.errors import AnuvadError, CorpusError
from pipeline.runner import RayRunner, Runner, Task, run_here, run_parts
from pipeline.stages import DataConfig, StageResult, prepare
from pipeline.storage import Storage
from pipeline.tensorize import TensorizeConfig
from pipeline.tokenizer import TokenizerConfig

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("tasks_reach_workers")]

SPEC = ArtifactSpec("clean", {}, "c0de", {})


@pytest.fixture(scope="module")
def tasks_reach_workers(ray_session: RaySession) -> Iterator[None]:
    """Workers can't import a test module, so its functions travel to them whole."""
    import ray.cloudpickle

    module = sys.modules[__name__]
    ray.cloudpickle.register_pickle_by_value(module)
    yield
    ray.cloudpickle.unregister_pickle_by_value(module)


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path / "store"))


def publish(storage: Storage, name: str, wait_s: float = 0.0) -> Part:
    """A task that writes a file with its name in it."""
    time.sleep(wait_s)
    storage.write_bytes(f"{SPEC.path}/{name}", name.encode() * 1000)
    return Part((artifacts.entry_of(storage, SPEC, name),), {"pid": os.getpid()})


def die_halfway_once(storage: Storage, name: str, marker: Path) -> Part:
    """A task whose process is killed while it writes, the first time."""
    with storage.writing(f"{SPEC.path}/{name}") as out:
        out.write_bytes(name.encode() * 500)
        if not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    return publish(storage, name)


def die(tries: Path) -> Part:
    """A task whose process is killed each time."""
    with tries.open("a") as file:
        file.write("x")
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("the process is dead")


def refuse() -> Part:
    """A task whose input is wrong."""
    raise CorpusError("every pair must have both sides, but row 7 of data/x has no Hindi")


def run(storage: Storage, tasks: list[Task], runner: Runner) -> list[Part]:
    """The parts of the tasks, in order."""
    return run_parts(runner, storage, SPEC, tasks, lambda _: None)


def test_tasks_run_in_other_processes_and_their_parts_come_in_order(storage: Storage) -> None:
    # The first takes longest, so they end in another order.
    tasks = [Task(f"{i}", publish, (storage, f"{i}", 0.2 * (4 - i))) for i in range(5)]
    ended: list[str] = []
    RayRunner()(tasks, lambda task, part: ended.append(task.name))
    parts = run(storage, tasks, RayRunner())
    assert sorted(ended) == ["0", "1", "2", "3", "4"]
    assert [part.files[0].name for part in parts] == ["0", "1", "2", "3", "4"]
    assert all(part.counts["pid"] != os.getpid() for part in parts)


def test_few_tasks_in_flight_are_all_tasks_in_the_end(storage: Storage) -> None:
    tasks = [Task(f"{i}", publish, (storage, f"{i}")) for i in range(7)]
    assert len(run(storage, tasks, RayRunner(max_in_flight=2))) == 7


def test_the_type_and_message_of_an_exception_are_kept(storage: Storage) -> None:
    with pytest.raises(CorpusError) as raised:
        run(storage, [Task("bad", refuse, ())], RayRunner())
    assert type(raised.value) is CorpusError
    assert str(raised.value) == "every pair must have both sides, but row 7 of data/x has no Hindi"


def test_what_had_ended_before_an_exception_is_not_run_again(storage: Storage) -> None:
    good = Task("good", publish, (storage, "good"))
    with pytest.raises(CorpusError):
        run(storage, [good, Task("bad", refuse, ())], RayRunner(max_in_flight=1))
    assert artifacts.read_part(storage, SPEC, "good") is not None


def test_a_task_whose_worker_is_killed_runs_again_and_writes_the_same_bytes(
    storage: Storage, tmp_path: Path
) -> None:
    marker = tmp_path / "killed"
    [part] = run(storage, [Task("half", die_halfway_once, (storage, "half", marker))], RayRunner())
    assert marker.exists()
    [expected] = run(
        Storage(str(tmp_path / "other")),
        [Task("half", publish, (Storage(str(tmp_path / "other")), "half"))],
        run_here,
    )
    assert part.files == expected.files
    assert storage.read_bytes(f"{SPEC.path}/half") == b"half" * 1000


def test_a_worker_that_dies_each_time_is_given_up_naming_the_task(
    storage: Storage, tmp_path: Path
) -> None:
    with pytest.raises(AnuvadError, match="worker process of task doomed died four times"):
        run(storage, [Task("doomed", die, (tmp_path / "tries",))], RayRunner())
    assert (tmp_path / "tries").read_text() == "xxxx"


class Silent:
    """A reporter that says nothing."""

    def stage_started(self, name: str, why: str) -> None:
        """Nothing."""

    def stage_advanced(self, name: str, done: int, total: int) -> None:
        """Nothing."""

    def stage_ended(self, result: StageResult) -> None:
        """Nothing."""


def test_stages_on_ray_make_the_same_bytes_as_stages_in_one_process(
    storage: Storage, tmp_path: Path
) -> None:
    data = tmp_path / "corpus" / "data"
    data.mkdir(parents=True)
    corpus.write_pairs(TRAIN, data / "train-00000-of-00001.parquet")
    corpus.write_pairs(VALIDATION, data / "validation-00000-of-00001.parquet")
    config = DataConfig(
        CorpusConfig(source=str(tmp_path / "corpus")),
        CleanConfig(shard_rows=8),
        TokenizerConfig(vocab_size=70, byte_fallback=False),
        TensorizeConfig(),
    )
    on_ray = prepare(config, storage, RayRunner, Silent())
    here = prepare(config, Storage(str(tmp_path / "here")), lambda: run_here, Silent())
    for name, result in here.items():
        made = replace(on_ray[name].artifact, storage=result.artifact.storage)
        assert made == result.artifact
