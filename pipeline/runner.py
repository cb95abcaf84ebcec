"""Where the tasks of a stage run: in this process, or as Ray tasks; only here they become such.

A task is a plain function and its arguments; it knows nothing of where it runs. Whoever runs it
may run it twice, so a task publishes whole files only, and the same ones each time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pipeline import artifacts
from pipeline.artifacts import ArtifactSpec, Part
from pipeline.errors import AnuvadError
from pipeline.storage import Storage


@dataclass(frozen=True)
class Task:
    """One call that makes one part of an artifact.

    Attributes:
        name: its own within the stage.
        function: what is called.
        arguments: with what.
        weight: how long it takes beside the stage's others, such as the bytes it reads; 0 where
            nothing is known.
    """

    name: str
    function: Callable[..., Part]
    arguments: tuple[Any, ...]
    weight: float = 0.0

    def __call__(self) -> Part:
        return self.function(*self.arguments)


class Runner(Protocol):
    """What runs the tasks of a stage."""

    def __call__(self, tasks: Sequence[Task], on_done: Callable[[Task, Part], None]) -> None:
        """Run all tasks, calling ``on_done`` for each as it ends.

        Raises:
            Exception: what the first failing task raised; the others are cancelled.
        """


def run_here(tasks: Sequence[Task], on_done: Callable[[Task, Part], None]) -> None:
    """A :class:`Runner` that runs one task after the other in this process."""
    for task in tasks:
        on_done(task, task())


def run_parts(
    runner: Runner,
    storage: Storage,
    spec: ArtifactSpec,
    tasks: Sequence[Task],
    on_progress: Callable[[int], None],
) -> list[Part]:
    """Run the tasks of an artifact that had not ended in an earlier run; all parts, in order.

    ``on_progress`` is told how many have ended, first of all those of the earlier run.
    """
    found = {task.name: artifacts.read_part(storage, spec, task.name) for task in tasks}
    parts = {name: part for name, part in found.items() if part is not None}

    def on_done(task: Task, part: Part) -> None:
        artifacts.write_part(storage, spec, task.name, part)
        parts[task.name] = part
        on_progress(len(parts))

    on_progress(len(parts))
    runner([task for task in tasks if task.name not in parts], on_done)
    return [parts[task.name] for task in tasks]


def heaviest_first(tasks: Sequence[Task]) -> list[Task]:
    """The tasks in the order to start them in; those of equal weight stay in theirs.

    Whoever starts the longest last waits for it while all others are idle (Graham 1969, "Bounds on
    Multiprocessing Timing Anomalies", §3).
    """
    return sorted(tasks, key=lambda task: -task.weight)


class RayRunner:
    """A :class:`~pipeline.runner.Runner` on Ray: one task of a stage is one Ray task.

    A task whose worker process dies is run again by Ray, three times at most.

    Args:
        max_in_flight: tasks handed to Ray at a time, so that millions of shards queue here and
            not in Ray's memory.
    """

    def __init__(self, max_in_flight: int = 256) -> None:
        self.max_in_flight = max_in_flight

    def __call__(self, tasks: Sequence[Task], on_done: Callable[[Task, Part], None]) -> None:
        """Run all tasks; see :class:`~pipeline.runner.Runner`."""
        import ray
        from ray.exceptions import RayError

        remote = ray.remote(num_cpus=1, max_retries=3)(_execute)
        waiting = heaviest_first(tasks)[::-1]
        running: dict[Any, Task] = {}
        try:
            while waiting or running:
                while waiting and len(running) < self.max_in_flight:
                    task = waiting.pop()
                    running[remote.options(name=task.name).remote(task)] = task
                for reference in ray.wait(list(running), num_returns=1)[0]:
                    task = running.pop(reference)
                    on_done(task, ray.get(reference))
        except RayError as error:
            raise what_failed(error, task) from error
        finally:
            for reference in running:
                ray.cancel(reference)


def what_failed(error: Exception, task: Task) -> Exception:
    """What to raise for an exception of Ray's: the task's own, or a sentence that names it."""
    from ray.exceptions import RayActorError, RayTaskError, WorkerCrashedError

    if isinstance(error, RayTaskError):
        cause: Exception = error.cause
        return cause
    if isinstance(error, WorkerCrashedError | RayActorError):
        return AnuvadError(
            f"the worker process of task {task.name} died four times; is there memory enough?"
        )
    # Memory that ran out, a node that went with what it held: Ray says which.
    message = " ".join(str(error).split())[:300]
    return AnuvadError(
        f"task {task.name} must end, but Ray gave it up: {type(error).__name__}: {message}; the "
        f"same command goes on where it stopped"
    )


def _execute(task: Task) -> Part:
    return task()
