"""The data job: corpus, clean shards, tokenizers and token arrays, and a page on all of them."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jobs.context import JobContext
from jobs.lock import hold_in_turn
from pipeline import stages
from pipeline.artifacts import ArtifactSpec
from pipeline.errors import HeldError
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


class Turn(contextlib.ExitStack):
    """The turn to make data in a storage: one command at a time, until the block ends.

    Args:
        job: the job.
        waits: while another command makes data there, for however long that takes, as nobody is
            there at night to start this one again; else it is refused.
    """

    def __init__(self, job: JobContext, waits: bool = False) -> None:
        super().__init__()
        self._job = job
        self._waits = waits
        self._is_held = False

    def take(self) -> bool:
        """Hold the lock of the storage's data from here on; whether it was waited for.

        Raises:
            HeldError: if another command makes data in this storage, and this one does not wait.
        """
        if self._is_held:
            return False
        turn = hold_in_turn(self._job.storage, "data", self._say)
        has_waited = self.enter_context(turn)
        self._is_held = True
        self.callback(self._let_go)
        return has_waited

    def _let_go(self) -> None:
        self._is_held = False

    def _say(self, held: HeldError) -> None:
        if not self._waits:
            raise held
        self._job.console.say("data", f"waits for its turn: {held.what}")


def run_stages(
    job: JobContext,
    until: str | None = None,
    planned: Mapping[str, ArtifactSpec] | None = None,
    turn: Turn | None = None,
) -> dict[str, StageResult]:
    """The data stages, up to ``until``; where one has to run, under the lock of the storage's data.

    Args:
        job: the job.
        until: the last stage that is wanted; all of them if None.
        planned: what :func:`pipeline.stages.specs` answered, for a caller that has asked.
        turn: the caller's, which ends here; if None one that does not wait.

    Raises:
        HeldError: if another command makes data in this storage, and ``turn`` does not wait.
    """
    with turn or Turn(job) as held:

        def get_runner() -> Runner:
            held.take()
            return job.runner()

        return stages.prepare(job.data, job.storage, get_runner, job.console, until, planned)


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
