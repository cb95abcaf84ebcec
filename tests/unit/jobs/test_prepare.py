"""Preparing data: one command at a time makes artifacts, and none is needed to find them."""

from __future__ import annotations

from pathlib import Path

import pytest

from command_line import REPOSITORY
from jobs.config import load_config
from jobs.console import JobConsole
from jobs.context import JobContext
from jobs.lock import hold
from jobs.prepare import run_stages
from pipeline.errors import BusyError
from pipeline.runner import Runner, run_here


class HereContext(JobContext):
    """A job whose tasks run in this process."""

    def runner(self) -> Runner:
        """No Ray."""
        return run_here


@pytest.fixture
def job(tmp_path: Path) -> JobContext:
    config = load_config(str(REPOSITORY / "configs" / "seed.yaml"), [f"storage={tmp_path}"])
    return HereContext(config, JobConsole())


def test_while_another_command_makes_artifacts_none_are_made(job: JobContext) -> None:
    with (
        hold(job.storage, "data"),
        pytest.raises(BusyError, match=r"^data in .* is being worked on by process \d+ on "),
    ):
        run_stages(job, until="corpus")
    assert job.storage.list("artifacts") == []


def test_what_stands_is_found_while_another_command_makes_artifacts(job: JobContext) -> None:
    made = run_stages(job, until="corpus")
    with hold(job.storage, "data"):
        found = run_stages(job, until="corpus")
    assert found["corpus"].skipped
    assert found["corpus"].artifact == made["corpus"].artifact


def test_the_lock_is_free_after_a_stage_that_failed(
    job: JobContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(HereContext, "runner", lambda self: lambda tasks, on_done: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run_stages(job, until="corpus")
    assert not run_stages(job, until="corpus")["corpus"].skipped
