"""A real MLflow server that is stopped, slow, broken or mute: nothing is lost, nothing doubled."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from command_line import REPOSITORY, environment
from jobs.journal import Journal
from jobs.replay import send
from jobs.tracked_run import TrackedRun
from jobs.tracking import open_mlflow
from mlflow_server import MlflowServer, Proxy
from pipeline.errors import OutageError
from pipeline.storage import Storage

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def server(mlflow_server: MlflowServer) -> MlflowServer:
    return mlflow_server


@pytest.fixture
def proxy(mlflow_proxy: Proxy) -> Proxy:
    return mlflow_proxy


@dataclass
class Here:
    """A storage, a run that no other test has, and what was warned of."""

    storage: Storage
    server: MlflowServer
    run_id: str = field(default_factory=lambda: f"en-hi-{uuid.uuid4().hex[:12]}")
    warnings: list[str] = field(default_factory=list)

    def run(self, uri: str) -> TrackedRun:
        return TrackedRun(uri, "en-hi", self.run_id, self.storage, self.warnings.append)

    @property
    def journal(self) -> Journal:
        return Journal(self.storage, self.run_id)

    def wait_until_taken(self) -> None:
        while self.journal.pending():
            time.sleep(0.05)

    def in_mlflow(self) -> list[Any]:
        """The MLflow runs that have the run's tag."""
        client = open_mlflow(self.server.url).MlflowClient()
        experiment = client.get_experiment_by_name("en-hi")
        if experiment is None:
            return []
        return list(
            client.search_runs([experiment.experiment_id], f"tags.`anuvad.run` = '{self.run_id}'")
        )

    def the_run(self) -> Any:
        (run,) = self.in_mlflow()
        return run

    def history(self, key: str) -> list[tuple[int, float]]:
        """Steps and values of a metric, as MLflow has them, in the order of their times."""
        client = open_mlflow(self.server.url).MlflowClient()
        found = client.get_metric_history(self.the_run().info.run_id, key)
        ordered = sorted(found, key=lambda metric: (metric.timestamp, metric.step))
        return [(metric.step, metric.value) for metric in ordered]

    def text(self, name: str) -> str:
        mlflow = open_mlflow(self.server.url)
        return str(mlflow.artifacts.load_text(f"runs:/{self.the_run().info.run_id}/{name}"))


@pytest.fixture
def here(tmp_path: Path, server: MlflowServer) -> Here:
    return Here(Storage(str(tmp_path)), server)


def losses(*steps: int) -> list[tuple[int, float]]:
    return [(step, 10.0 - step / 100) for step in steps]


def train(run: TrackedRun, *steps: int) -> None:
    """Say what a training says."""
    for step, loss in losses(*steps):
        run.curve([("train/loss", loss, step), ("by_tokens/train/loss", loss, step * 1000)])


def test_a_server_that_answers_nothing_holds_nobody_up(
    here: Here, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A slow disk may take half a minute for what is said meanwhile.
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "300")
    proxy.open.clear()
    run = here.run(proxy.url)
    run.params({"train.seed": 1})
    run.text("बीज: 1\n", "config.yaml")
    train(run, *range(1, 2001))
    # All of this was said while the first request still waits for its answer.
    assert here.journal.pending() == 2003
    assert here.in_mlflow() == []
    proxy.open.set()
    run.end()
    assert here.warnings == []
    assert here.journal.pending() == 0
    assert here.history("train/loss") == losses(*range(1, 2001))
    assert here.history("by_tokens/train/loss")[-1] == (2_000_000, -10.0)
    assert here.the_run().data.params == {"train.seed": "1"}
    assert here.the_run().info.status == "FINISHED"
    assert here.text("config.yaml") == "बीज: 1\n"
    # Two thousand records were sent in requests of a thousand figures.
    assert len([r for r in proxy.requests if r.endswith("runs/log-batch")]) <= 6


def test_a_server_that_answers_500_is_told_everything_as_soon_as_it_does_not(
    here: Here, proxy: Proxy
) -> None:
    run = here.run(proxy.url)
    train(run, 10)
    here.wait_until_taken()
    proxy.status = 500
    train(run, 20, 30)
    run.tags({"anuvad.licence": "MIT"})
    # It was refused, and not only asked.
    while not here.warnings:
        time.sleep(0.05)
    assert here.journal.pending() == 3
    proxy.status = None
    # By itself, while the training goes on.
    here.wait_until_taken()
    assert here.history("train/loss") == losses(10, 20, 30)
    assert here.the_run().data.tags["anuvad.licence"] == "MIT"
    assert len(here.warnings) == 1
    assert here.warnings[0].startswith("MLflow must take metrics, but: ")
    assert here.warnings[0].endswith(
        f"what it misses is kept in {here.journal.place} until it answers"
    )
    run.end()


def test_a_run_that_mlflow_was_down_for_is_made_by_a_later_sync(
    here: Here, server: MlflowServer
) -> None:
    server.stop()
    run = here.run(server.url)
    run.params({"train.seed": 1})
    train(run, 10, 20)
    run.end()
    server.start()
    assert here.in_mlflow() == []
    assert here.warnings[-1] == (
        f"MLflow has not taken 5 records of the run {here.run_id}, which are kept in "
        f"{here.journal.place}; `anuvad sync CONFIG` sends them"
    )
    assert send(server.url, here.journal, here.storage, here.warnings.append) == 5
    assert send(server.url, here.journal, here.storage, here.warnings.append) == 0
    assert here.history("train/loss") == losses(10, 20)
    run_info = here.the_run().info
    assert run_info.status == "FINISHED"
    # The run began and ended when it did, not when MLflow heard of it.
    first, *_, last = here.journal.after(0)
    assert (run_info.start_time, run_info.end_time) == (first.at, last.at)


@pytest.mark.parametrize(
    "request_", ["POST .*/runs/create", "POST .*/runs/log-batch", "PUT .*/artifacts/.*config.yaml"]
)
def test_what_mlflow_took_although_its_answer_was_lost_is_there_once(
    here: Here, proxy: Proxy, request_: str
) -> None:
    proxy.dropped = [request_]
    run = here.run(proxy.url)
    run.text("a: 1\n", "config.yaml")
    train(run, *range(1, 51))
    run.end()
    # It was dropped, or this test would show nothing.
    assert proxy.dropped == []
    assert len(here.in_mlflow()) == 1
    assert here.history("train/loss") == losses(*range(1, 51))
    assert here.text("config.yaml") == "a: 1\n"
    assert here.journal.pending() == 0


def test_a_training_that_goes_on_after_its_checkpoint_says_nothing_twice(
    here: Here, server: MlflowServer
) -> None:
    run = here.run(server.url)
    train(run, 10, 20, 30)
    run.end("KILLED")
    assert here.the_run().info.status == "KILLED"
    # It goes on from the checkpoint after update 20.
    again = here.run(server.url)
    train(again, 30, 40)
    here.wait_until_taken()
    assert here.the_run().info.status == "RUNNING"
    again.end()
    assert here.history("train/loss") == losses(10, 20, 30, 40)
    assert here.the_run().info.status == "FINISHED"


CHILD = """
import sys, time
from jobs.tracked_run import TrackedRun
from pipeline.storage import Storage
uri, run_id, folder, first = sys.argv[1:]
run = TrackedRun(uri, "en-hi", run_id, Storage(folder), print)
run.params({"train.seed": 1})
for step in range(int(first), 400):
    run.curve([("train/loss", 10 - step / 100, step)])
    time.sleep(0.01)
run.end()
"""


def test_a_process_that_is_killed_at_any_moment_loses_nothing_and_doubles_nothing(
    here: Here, proxy: Proxy, tmp_path: Path
) -> None:
    first = 1
    # Killed while it opens the run, while it sends, and while it has sent some and not all.
    for requests in (1, 2, 4, 9, 15):
        with _child(proxy.url, here.run_id, tmp_path, first) as child:
            before = len(proxy.requests)
            while len(proxy.requests) < before + requests and child.poll() is None:
                time.sleep(0.001)
            child.send_signal(signal.SIGKILL)
        # The training goes on from a checkpoint of some time ago.
        first = max(1, here.journal.curves().get("train/loss", 0) - 7)
    with _child(proxy.url, here.run_id, tmp_path, first) as child:
        assert child.wait() == 0
    assert here.history("train/loss") == [(step, 10 - step / 100) for step in range(1, 400)]
    assert here.the_run().info.status == "FINISHED"


def _child(uri: str, run_id: str, folder: Path, first: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", CHILD, uri, run_id, str(folder), str(first)]
    return subprocess.Popen(command, cwd=REPOSITORY, env=environment())


def test_what_mlflow_refuses_for_good_is_named_and_keeps_nothing_else_back(
    here: Here, proxy: Proxy
) -> None:
    proxy.open.clear()
    run = here.run(proxy.url)
    train(run, 10)
    run.metrics({"a name that is no name: *": 1.0})
    train(run, 20)
    proxy.open.set()
    run.end()
    assert here.history("train/loss") == losses(10, 20)
    assert len(here.warnings) == 1
    assert here.warnings[0].startswith("MLflow must take metrics, but: INVALID_PARAMETER_VALUE")
    assert here.warnings[0].endswith("; it goes without")


def test_a_run_that_was_deleted_is_made_anew_from_its_journal(
    here: Here, server: MlflowServer
) -> None:
    run = here.run(server.url)
    train(run, 10)
    run.end("KILLED")
    deleted = here.the_run().info.run_id
    open_mlflow(server.url).MlflowClient().delete_run(deleted)
    again = here.run(server.url)
    train(again, 20)
    again.end()
    assert here.the_run().info.run_id != deleted
    assert here.history("train/loss") == losses(10, 20)


def test_a_run_that_is_deleted_while_it_is_told_things_is_made_anew(
    here: Here, server: MlflowServer
) -> None:
    run = here.run(server.url)
    train(run, 10)
    here.wait_until_taken()
    deleted = here.the_run().info.run_id
    open_mlflow(server.url).MlflowClient().delete_run(deleted)
    train(run, 20)
    run.end()
    assert here.the_run().info.run_id != deleted
    assert here.history("train/loss") == losses(10, 20)


@pytest.mark.parametrize("outage", ["down", "broken"])
def test_who_needs_the_run_itself_is_told_of_an_outage(
    here: Here, proxy: Proxy, outage: str
) -> None:
    proxy.status = 500
    uri = proxy.url if outage == "broken" else "http://127.0.0.1:9"
    run = here.run(uri)
    with pytest.raises(OutageError, match="MLflow must open the run, but: "):
        run.mlflow_id()
    proxy.status = None
    if outage == "broken":
        assert run.mlflow_id() == here.the_run().info.run_id
    run.end()
