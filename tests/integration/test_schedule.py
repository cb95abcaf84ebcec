"""Fires as Ray jobs: a real job server on this machine, a clock that is handed in."""

from __future__ import annotations

import datetime
import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from command_line import REPOSITORY, SEED, environment, run
from job_server import job_server
from jobs import schedule as scheduling
from jobs.cluster import RaySession
from jobs.config import load_config
from jobs.console import JobConsole
from jobs.context import JobContext
from jobs.ray_jobs import RayJobs, cluster_jobs
from jobs.schedule import schedule, schedule_of, submission_id
from jobs.shipped_code import Shipment, ship
from pipeline.errors import AnuvadError, ConfigError

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

UTC = datetime.UTC


class Clock:
    """Goes on when somebody sleeps by it, and by a fixed step for each job."""

    def __init__(self, start: str) -> None:
        self.time = datetime.datetime.fromisoformat(start).replace(tzinfo=UTC)

    def now(self) -> datetime.datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += datetime.timedelta(seconds=seconds)


@pytest.fixture(scope="module")
def address(ray_session: RaySession) -> Iterator[str]:
    """The address of a job server, beside another Ray, which has the usual ports.

    Who may use it is for Ray's own settings to say.
    """
    ours = environment(PYTHONPATH=str(REPOSITORY), RAY_AUTH_MODE="disabled")
    with job_server(ours, REPOSITORY) as found:
        yield found


@pytest.fixture
def jobs(address: str) -> Iterator[RayJobs]:
    with cluster_jobs(address) as found:
        yield found


def test_a_job_of_one_name_is_submitted_once_and_its_exit_code_comes_back(
    jobs: RayJobs, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    name = "anuvad-seed-20260101T000000Z"
    command = f"echo नमस्ते; echo once >> {tmp_path}/count; exit 7"
    assert jobs.submit(name, command, None, 1.0)
    assert not jobs.submit(name, command, None, 1.0)
    assert jobs.wait(name, lambda s: None) == 7
    assert not jobs.submit(name, command, None, 1.0)
    assert (tmp_path / "count").read_text() == "once\n"
    assert "नमस्ते\n" in capfd.readouterr().err


def test_a_job_runs_in_the_folder_that_it_was_given(jobs: RayJobs, tmp_path: Path) -> None:
    (tmp_path / "seed.yaml").write_text("registry: {name: seed}\n")
    assert jobs.submit("with-a-folder", "grep -q 'name: seed' seed.yaml", tmp_path, 1.0)
    assert jobs.wait("with-a-folder", lambda s: None) == 0


def test_where_no_server_listens_the_address_is_named() -> None:
    with pytest.raises(AnuvadError, match=r"must answer at http://127\.0\.0\.1:9, but"):
        cluster_jobs("http://127.0.0.1:9").__enter__()


def test_each_fire_is_a_job_by_its_time_and_one_that_asks_for_it_is_tried_again(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    # The first job is taken off its machine; what stands in for a retraining says so once.
    program = tmp_path / "anuvad"
    program.write_text(
        f'#!/bin/sh\necho "$@" $(ls *.yaml) >> {tmp_path}/calls\n'
        f"[ -e {tmp_path}/again ] && exit 0\ntouch {tmp_path}/again; exit 75\n"
    )
    program.chmod(0o755)

    def ship_stand_in(config: str, overrides: Sequence[str], words: Sequence[str]) -> Shipment:
        return replace(ship(config, overrides, words), command=shlex.join([str(program), *words]))

    monkeypatch.setattr(scheduling, "ship", ship_stand_in)
    clock = Clock("2026-03-28T20:00")
    config = load_config(str(SEED), [f"storage={tmp_path}/storage"])
    with JobContext(config, JobConsole()) as job:
        code = schedule(
            job,
            str(SEED),
            [f"storage={tmp_path}/storage", "train.seed=2"],
            "0 2 * * *",
            "Asia/Kolkata",
            once=True,
            address=address,
            now=clock.now,
            sleep=clock.sleep,
        )
        said = schedule_of(job.storage, "seed")
    assert code == 0
    assert (tmp_path / "calls").read_text() == "retrain seed.yaml\n" * 2
    assert said is not None
    assert (said["last_job"], said["last_code"], said["next_fire"]) == (
        "anuvad-seed-20260328T203000Z",
        0,
        None,
    )
    lines = capfd.readouterr().err.splitlines()
    ours = [line for line in lines if line.startswith("schedule")]
    assert ours == [
        "schedule   next fire at 2026-03-29 02:00:00+05:30",
        "schedule   anuvad-seed-20260328T203000Z started",
        "schedule   anuvad-seed-20260328T203000Z ended with exit code 75",
        "schedule   anuvad-seed-20260328T203000Z-2 started",
        "schedule   anuvad-seed-20260328T203000Z-2 ended with exit code 0",
    ]


def test_a_night_without_the_cluster_or_the_storage_does_not_end_the_scheduler(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    clock, fires = Clock("2026-03-28T20:00"), 0
    # No folder of schedules can be made where there is a file.
    in_its_way = tmp_path / "storage" / "schedules"
    in_its_way.parent.mkdir()
    in_its_way.touch()

    def sleep(seconds: float) -> None:
        nonlocal fires
        clock.sleep(seconds)
        fires += clock.now().minute == 30 and clock.now().second == 0
        if fires == 2 and in_its_way.is_file():
            in_its_way.unlink()
        if fires == 3:
            in_its_way.rename(tmp_path / "before")
            in_its_way.touch()
            raise KeyboardInterrupt

    overrides = [f"storage={tmp_path}/storage"]
    config = load_config(str(SEED), overrides)
    with JobContext(config, JobConsole()) as job, pytest.raises(KeyboardInterrupt):
        schedule(
            job,
            str(SEED),
            overrides,
            "30 * * * *",
            "UTC",
            once=False,
            address="http://127.0.0.1:9",
            now=clock.now,
            sleep=sleep,
        )
    warned = [line for line in capfd.readouterr().err.splitlines() if line.startswith("warning")]
    refused, failed = [
        [line for line in warned if (" must be writable " in line) == is_of_storage]
        for is_of_storage in (True, False)
    ]
    # Before, at and after the first fire, and before the second one; and as it ends.
    assert len(refused) == 5
    for line in refused:
        said, _, place = line.partition(": ")
        assert said == "warning    `anuvad status` will not tell how the schedule stands"
        assert place.startswith(f"{in_its_way}/seed.json must be writable")
    # What was written while the storage took it.
    left = json.loads((tmp_path / "before" / "seed.json").read_text())
    assert (left["last_job"], left["last_code"]) == ("anuvad-seed-20260328T213000Z", 1)
    assert left["next_fire"] == "2026-03-28T22:30:00+00:00"
    for line, fire in zip(failed, ("20260328T203000Z", "20260328T213000Z"), strict=True):
        assert f"anuvad-seed-{fire}: a Ray job server must answer at http://127.0.0.1:9" in line
        assert line.endswith("; the next fire is waited for")


def test_a_storage_in_the_working_folder_is_refused_for_a_cluster(tmp_path: Path) -> None:
    with (
        JobContext(load_config(str(SEED), ["storage=here"]), JobConsole()) as job,
        pytest.raises(
            ConfigError, match="must be an absolute path or a URI for a job on a cluster"
        ),
    ):
        schedule(job, str(SEED), [], "0 2 * * *", "UTC", once=True, address="http://127.0.0.1:9")


def test_an_address_that_is_none_is_refused_before_the_first_night(tmp_path: Path) -> None:
    config = load_config(str(SEED), [f"storage={tmp_path}/storage"])
    with (
        JobContext(config, JobConsole()) as job,
        pytest.raises(ConfigError, match=r"\(or RAY_ADDRESS\) must be that of .* not 'head:6379'"),
    ):
        schedule(job, str(SEED), [], "0 2 * * *", "UTC", once=True, address="head:6379")


def test_the_job_of_a_fire_has_its_model_and_its_moment_in_its_name() -> None:
    fire = datetime.datetime(2026, 3, 28, 20, 30, tzinfo=UTC)
    assert submission_id("en-hi", fire) == "anuvad-en-hi-20260328T203000Z"


@pytest.mark.slow
def test_without_a_cluster_a_fire_retrains_on_a_ray_that_is_started_for_it(tmp_path: Path) -> None:
    settings = ["train.max_updates=20", "train.validate_every=20"]
    command = [sys.executable, "-m", "jobs.schedule", str(SEED), f"storage={tmp_path}/storage"]
    done = run(
        [*command, *settings, "--cron", "* * * * *", "--once"],
        tmp_path,
        env=environment(PYTHONPATH=str(REPOSITORY)),
    )
    assert done.code == 0, done.err
    assert "ended with exit code 0" in done.err.splitlines()[-1]
    # What the job prints is shown.
    assert "version      1 of seed, alias champion" in done.err
    assert list((tmp_path / "storage" / "reports").glob("seed-*.html"))


@pytest.mark.slow
def test_a_scheduler_that_is_interrupted_leaves_no_next_fire(tmp_path: Path) -> None:
    storage = tmp_path / "storage"
    process = subprocess.Popen(
        [sys.executable, "-m", "jobs.schedule", str(SEED), f"storage={storage}"],
        cwd=REPOSITORY,
        env=environment(PYTHONPATH=str(REPOSITORY)),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert process.stderr.readline().startswith("schedule   next fire at ")
    os.kill(process.pid, signal.SIGTERM)
    _, said = process.communicate()
    assert said == "terminated; the same command goes on where it stopped\n"
    assert process.returncode == 143
    with JobContext(load_config(str(SEED), [f"storage={storage}"]), JobConsole()) as job:
        left = schedule_of(job.storage, "seed")
    assert left is not None
    assert left["next_fire"] is None
