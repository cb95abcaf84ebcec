"""Tasks on Ray's actors: processes that keep what a task loads, such as a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.artifacts import Part
from pipeline.runner import Task, heaviest_first, what_failed


@dataclass(frozen=True)
class ActorRunner:
    """A :class:`~pipeline.runner.Runner` on actors: each runs one task after the other.

    There are as many as the cluster has GPUs, with one each; without any, as it has CPUs. One whose
    process dies is started anew by Ray, with the task that it had, three times at most. A task goes
    to an actor that stands, so one for which there is no room yet keeps nobody waiting.

    Attributes:
        prepare: called in each actor's process before its first task, with whether it has a GPU.
    """

    prepare: Callable[[bool], None]

    def __call__(self, tasks: Sequence[Task], on_done: Callable[[Task, Part], None]) -> None:
        """Run all tasks; see :class:`~pipeline.runner.Runner`."""
        if not tasks:
            return
        import ray
        from ray.exceptions import RayError

        # Its types know neither of the cluster's resources nor of actors made by a call.
        api: Any = ray

        resources = api.cluster_resources()
        gpus = int(resources.get("GPU", 0))
        kind = api.remote(
            num_cpus=1, num_gpus=1 if gpus else 0, max_restarts=-1, max_task_retries=3
        )(_Actor)
        room = gpus or int(resources.get("CPU", 1))
        waiting = heaviest_first(tasks)[::-1]
        task = waiting[-1]
        actors = [
            kind.remote(self.prepare, bool(gpus)) for _ in range(max(1, min(room, len(tasks))))
        ]
        # Nothing but that an actor stands is the first that is heard of it.
        running: dict[Any, tuple[Any, Task | None]] = {a.stands.remote(): (a, None) for a in actors}
        left = len(tasks)
        try:
            while left:
                for reference in ray.wait(list(running), num_returns=1)[0]:
                    actor, ended = running.pop(reference)
                    task = ended or task
                    part = ray.get(reference)
                    if waiting:
                        new = waiting.pop()
                        running[actor.run.options(name=new.name).remote(new)] = actor, new
                    if ended is not None:
                        left -= 1
                        on_done(ended, part)
        except RayError as error:
            raise what_failed(error, task) from error
        finally:
            for actor in actors:
                api.kill(actor)


class _Actor:
    def __init__(self, prepare: Callable[[bool], None], has_gpu: bool) -> None:
        prepare(has_gpu)

    def stands(self) -> None:
        """Answered as soon as there is one to answer."""

    def run(self, task: Task) -> Part:
        return task()
