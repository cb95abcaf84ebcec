"""The data job: corpus, clean shards, tokenizers and token arrays, and a page on all of them."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jobs.context import JobContext
from jobs.lock import hold
from pipeline import stages
from pipeline.artifacts import ArtifactSpec
from pipeline.errors import BusyError
from pipeline.runner import Runner
from pipeline.stages import StageResult


@dataclass(frozen=True)
class Prepared:
    """What a preparation came to.

    Attributes:
        stages: the data stages by name.
        report: where the HTML page on them is.
    """

    stages: Mapping[str, StageResult]
    report: str


def run_stages(
    job: JobContext,
    until: str | None = None,
    planned: Mapping[str, ArtifactSpec] | None = None,
    waits: bool = False,
) -> dict[str, StageResult]:
    """The data stages, up to ``until``; where one has to run, under the lock of the storage's data.

    Args:
        job: the job.
        until: the last stage that is wanted; all of them if None.
        planned: what :func:`pipeline.stages.specs` answered, for a caller that has asked.
        waits: while another command makes artifacts in this storage, for however long that takes,
            as nobody is there at night to start this one again.

    Raises:
        BusyError: if another command makes artifacts in this storage, and nobody ``waits`` for it.
    """
    with contextlib.ExitStack() as held:

        def get_runner() -> Runner:
            _take_turn(job, held, waits)
            return job.runner()

        return stages.prepare(job.data, job.storage, get_runner, job.console, until, planned)


def _take_turn(job: JobContext, held: contextlib.ExitStack, waits: bool) -> None:
    """Hold the lock of the storage's data from here on, once it is free."""
    while True:
        try:
            # It looks for half a second, so this loop needs no pause of its own.
            held.enter_context(hold(job.storage, "data"))
            return
        except BusyError as error:
            if not waits:
                raise
            who = str(error).partition(";")[0]
            job.console.doing("data", f"waits for its turn: {who}")


def prepare(job: JobContext, command: Sequence[str]) -> Prepared:
    """Bring the artifacts of all data stages into being; those that stand are left as they are.

    Args:
        job: the job.
        command: what the user typed, for the page.
    """
    results = run_stages(job)
    path = f"reports/data-{results['tensorize'].artifact.id}.html"
    if job.storage.size(path) is None:
        # With nothing to do nobody waits for what only a page needs.
        from jobs.build_data_page import build_data_page
        from jobs.data_page import render_data_page

        page = render_data_page(build_data_page(job, results, command))
        job.storage.write_bytes(path, page.encode())
    report = job.storage.uri_of(path)
    job.console.say("report", report)
    return Prepared(results, report)


if __name__ == "__main__":
    from jobs.cli import run

    run("prepare")
