"""Retraining on several hosts, one of which is cut off in the middle of the training."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cluster_hosts import WORKERS, Cluster, cluster
from command_line import ANUVAD, SEED, anuvad
from network_hosts import why_not
from pipeline.storage import sha256_of
from postgres_server import programs

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1500)]

# One training worker on each of two hosts, and the first checkpoint early in the training.
SETTINGS = (
    "compute.num_workers=2",
    "train.micro_batches=2",
    "train.max_updates=150",
    "train.validate_every=75",
    "train.checkpoint_every=5",
    "train.log_every=15",
)
CUT = "worker-2"


class Timeline:
    """What happened when; shown by ``pytest -s``."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self.lines: list[str] = []

    def note(self, what: str) -> None:
        """It happens now."""
        self.lines.append(f"{time.monotonic() - self._start:6.1f} s  {what}")
        print(self.lines[-1], flush=True)  # noqa: T201


@dataclass(frozen=True)
class Retraining:
    """A retraining that has ended, on a cluster that is still up.

    Attributes:
        cluster: where it was.
        codes: of the command that submitted it, and of the same one called a second time.
        said: by each of them.
        storage: of the cluster.
        undisturbed: the storage of the same training on this machine alone.
        timeline: what happened when.
    """

    cluster: Cluster
    codes: tuple[int, int]
    said: tuple[str, str]
    storage: Path
    undisturbed: Path
    timeline: Timeline


@pytest.fixture(scope="module")
def retraining(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Retraining]:
    """A retraining that is submitted from outside, while one of its workers is cut off."""
    reason = why_not() or (None if programs() else "needs Debian's package postgresql")
    if reason:
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("hosts")
    storage, undisturbed = folder / "shared", folder / "undisturbed"
    alone = anuvad("train", SEED, f"storage={undisturbed}", *SETTINGS, cwd=folder)
    assert alone.code == 0, alone.err
    timeline = Timeline()
    with cluster(folder) as on:
        timeline.note("the cluster is up")
        with submitted(on, storage, folder / "first.log") as first:
            timeline.note("submitted")
            while not list(storage.glob("checkpoints/*/update-*/manifest.json")):
                assert first.poll() is None, (folder / "first.log").read_text()
                time.sleep(0.01)
            on.network.cut(CUT)
            timeline.note(f"cut: the first checkpoint stands, and {CUT} has no network")
            with submitted(on, storage, folder / "second.log") as second:
                on.await_nodes(len(WORKERS))
                timeline.note(f"Ray has given {CUT} up")
                on.network.heal(CUT)
                timeline.note("healed")
                on.await_nodes(1 + len(WORKERS))
                timeline.note(f"Ray has {CUT} back")
                while champion(on) is None and first.poll() is None:
                    time.sleep(0.1)
                timeline.note("promoted")
                codes = first.wait(), second.wait()
        timeline.note(f"both commands have ended, with {codes[0]} and {codes[1]}")
        said = (folder / "first.log").read_text(), (folder / "second.log").read_text()
        yield Retraining(on, codes, said, storage, undisturbed, timeline)


@contextlib.contextmanager
def submitted(on: Cluster, storage: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The command that submits, as its user calls it outside of the cluster."""
    words = [ANUVAD, "submit", SEED, "retrain", f"storage={storage}", *SETTINGS]
    with log.open("wb") as out:
        command = subprocess.Popen(
            [*words, "--address", on.address],
            env=on.environment(),
            stdout=out,
            stderr=out,
            cwd=log.parent,
        )
        try:
            yield command
        finally:
            command.kill()
            command.wait()


def champion(on: Cluster) -> str | None:
    """The number of the version that is the champion."""
    try:
        found = on.ask_mlflow("registered-models/alias?name=seed&alias=champion")
    except OSError:
        # There is none yet, or the host is too busy to say so.
        return None
    return str(found["model_version"]["version"])


def weights_in(storage: Path) -> list[str]:
    """The sha256 of all weights that trainings have published there."""
    return [sha256_of(path) for path in storage.glob("artifacts/train-*/model.safetensors")]


def files_with(text: str, folder: Path) -> list[str]:
    """The files below the folder that hold the text."""
    found = []
    for place, _, names in os.walk(folder):
        for path in (Path(place, name) for name in names):
            # What runs there may take one away meanwhile.
            with contextlib.suppress(FileNotFoundError):
                is_plain = path.is_file() and not path.is_symlink()
                if is_plain and text.encode() in path.read_bytes():
                    found.append(str(path.relative_to(folder)))
    return sorted(found)


def test_it_goes_on_from_a_checkpoint_and_ends_well(
    retraining: Retraining, record_testsuite_property: Callable[[str, object], None]
) -> None:
    record_testsuite_property("timeline", "\n".join(retraining.timeline.lines))
    said = retraining.said[0]
    assert retraining.codes == (0, 0), said
    assert re.search(
        r"^warning    worker \d \(process \d+ on worker-2\) died", said, re.MULTILINE
    ), said
    assert "train      goes on after update " in said, said
    # Ray would print a page of its own for it.
    assert "(raylet)" not in said


def test_submitted_twice_it_is_one_job(retraining: Retraining) -> None:
    (job,) = retraining.cluster.ask("/api/jobs/")
    assert job["status"] == "SUCCEEDED"
    assert job["driver_exit_code"] == 0
    assert f"attached to {job['submission_id']}" in retraining.said[1]


def test_it_is_one_version_which_is_promoted_and_one_run(retraining: Retraining) -> None:
    on = retraining.cluster
    assert champion(on) == "1"
    assert len(on.ask_mlflow("model-versions/search")["model_versions"]) == 1
    experiments = on.ask_mlflow("experiments/search", max_results=100)["experiments"]
    ids = [experiment["experiment_id"] for experiment in experiments]
    (run,) = on.ask_mlflow("runs/search", experiment_ids=ids)["runs"]
    assert run["info"]["status"] == "FINISHED"


def test_the_weights_are_those_of_an_undisturbed_training(retraining: Retraining) -> None:
    (expected,) = weights_in(retraining.undisturbed)
    assert weights_in(retraining.storage) == [expected]


def test_no_secret_is_in_a_log_a_job_or_the_registry(retraining: Retraining) -> None:
    on = retraining.cluster
    jobs, database = json.dumps(on.ask("/api/jobs/")), on.dump()
    # What is no secret is found in all three, or nothing would ever be.
    assert "working_dir" in jobs
    assert "model.hidden_size" in database
    logs = files_with("198.18.", on.folder)
    for host in ("head", *WORKERS):
        assert any(path.startswith(f"{host}/ray/session_") for path in logs), host
    assert "mlflow/mlflow.log" in logs
    for name, secret in on.secrets.items():
        assert secret not in jobs, name
        assert secret not in database, name
        assert files_with(secret, on.folder) == [], name
