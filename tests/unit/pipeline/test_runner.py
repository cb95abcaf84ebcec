"""Tasks run in this process, and what an earlier run has done is not done again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from pipeline import artifacts
from pipeline.artifacts import ArtifactSpec, Part
from pipeline.errors import CorpusError
from pipeline.runner import Task, heaviest_first, run_here, run_parts
from pipeline.storage import Storage

SPEC = ArtifactSpec("clean", {"shard_rows": 2}, "c0de", {})


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path))


def publish(storage: Storage, name: str) -> Part:
    """A task that writes one file with its name in it."""
    storage.write_bytes(f"{SPEC.path}/{name}", name.encode())
    return Part((artifacts.entry_of(storage, SPEC, name),), {"files": 1})


def tasks_of(storage: Storage, *names: str) -> list[Task]:
    """A task for each name."""
    return [Task(name, publish, (storage, name)) for name in names]


class Spy:
    """A runner that remembers the names of the tasks it was given."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def __call__(self, tasks: Sequence[Task], on_done: Callable[[Task, Part], None]) -> None:
        self.names += [task.name for task in tasks]
        run_here(tasks, on_done)


def run(
    storage: Storage, tasks: Sequence[Task], runner: Spy | None = None
) -> tuple[list[Part], list[int]]:
    """The parts, and what was said of the progress."""
    progress: list[int] = []
    parts = run_parts(runner or Spy(), storage, SPEC, tasks, progress.append)
    return parts, progress


def test_run_here_runs_each_task_once_in_order(storage: Storage) -> None:
    seen: list[str] = []
    run_here(tasks_of(storage, "b", "a"), lambda task, part: seen.append(task.name))
    assert seen == ["b", "a"]


def test_parts_come_in_the_order_of_the_tasks(storage: Storage) -> None:
    def backwards(tasks: Sequence[Task], on_done: Callable[[Task, Part], None]) -> None:
        run_here(list(reversed(tasks)), on_done)

    parts = run_parts(backwards, storage, SPEC, tasks_of(storage, "a", "b", "c"), lambda _: None)
    assert [part.files[0].name for part in parts] == ["a", "b", "c"]


def test_progress_counts_the_tasks_that_have_ended(storage: Storage) -> None:
    _, progress = run(storage, tasks_of(storage, "a", "b"))
    assert progress == [0, 1, 2]


def test_what_an_interrupted_run_has_done_is_not_done_again(storage: Storage) -> None:
    def fail() -> Part:
        raise CorpusError("row 7 of data/x has no Hindi")

    broken = [*tasks_of(storage, "a", "b"), Task("c", fail, ()), *tasks_of(storage, "d")]
    with pytest.raises(CorpusError, match="row 7"):
        run(storage, broken)
    spy = Spy()
    parts, progress = run(storage, tasks_of(storage, "a", "b", "c", "d"), spy)
    assert spy.names == ["c", "d"]
    assert progress == [2, 3, 4]
    assert [part.files[0].name for part in parts] == ["a", "b", "c", "d"]


def test_a_task_whose_file_is_gone_runs_again(storage: Storage) -> None:
    run(storage, tasks_of(storage, "a", "b"))
    storage.delete(f"{SPEC.path}/a")
    spy = Spy()
    run(storage, tasks_of(storage, "a", "b"), spy)
    assert spy.names == ["a"]


def test_no_tasks_are_no_parts(storage: Storage) -> None:
    assert run(storage, []) == ([], [0])


def test_the_heaviest_task_is_started_first_and_equals_keep_their_order() -> None:
    weights = {"a": 1.0, "b": 7.5, "c": 0.0, "d": 7.5, "e": 2.0}
    tasks = [Task(name, publish, (name,), weight) for name, weight in weights.items()]
    assert [task.name for task in heaviest_first(tasks)] == ["b", "d", "e", "a", "c"]
