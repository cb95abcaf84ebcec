"""Ray with workers that are killed: the first task of each call dies at each moment that matters.

A task of a stage is killed when its first file is to be published, when its second one is, and when
all are but it has not answered; then it is let live. Ray tries a task four times.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.artifacts import Artifact, Part
from pipeline.runner import RayRunner, Task
from pipeline.stages import StageResult

AT_THE_END = "before it answered"


class Silent:
    """A reporter that says nothing."""

    def stage_started(self, name: str, why: str) -> None:
        """Nothing."""

    def stage_advanced(self, name: str, done: int, total: int) -> None:
        """Nothing."""

    def stage_ended(self, result: StageResult) -> None:
        """Nothing."""


@dataclass(frozen=True)
class Killing:
    """A :class:`~pipeline.runner.Runner` on Ray that kills.

    Attributes:
        deaths: a folder; task name → a file with a line for each death, saying when.
        prepare_worker: called in the worker before the task is.
    """

    deaths: Path
    prepare_worker: Callable[[], None] = lambda: None

    def __call__(self, tasks: Sequence[Task], on_done: Callable[[Task, Part], None]) -> None:
        """Run all tasks, the first of them over and over."""
        wrapped = [
            replace(
                task,
                function=_run_in_worker,
                arguments=(task, self.deaths / task.name if index == 0 else None, self),
            )
            for index, task in enumerate(tasks)
        ]
        RayRunner()(wrapped, on_done)

    def seen(self) -> dict[str, list[str]]:
        """Task name → when it died, in order."""
        return {path.name: path.read_text().splitlines() for path in self.deaths.iterdir()}


def _run_in_worker(task: Task, deaths: Path | None, killing: Killing) -> Part:
    killing.prepare_worker()
    if deaths is None:
        return task()
    died = deaths.read_text().splitlines() if deaths.exists() else []
    if AT_THE_END in died:
        return task()

    def die(when: str) -> None:
        deaths.write_text("\n".join([*died, when]))
        os.kill(os.getpid(), signal.SIGKILL)

    files = 0

    def die_at_file(_: int) -> None:
        nonlocal files
        files += 1
        if files == len(died) + 1 <= 2:
            die(f"before file {files}")

    # A file is published once its bytes are on the disk.
    os.fsync = die_at_file
    task()
    die(AT_THE_END)
    raise AssertionError("the process is dead")


def assert_same(made: Artifact, expected: Artifact) -> None:
    """What was made is what was expected, byte for byte, and nothing else lies beside it."""
    assert replace(made, storage=expected.storage) == expected
    made.verify()
    root = Path(made.uri)
    found = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    assert found == {"manifest.json", *made.names()}
