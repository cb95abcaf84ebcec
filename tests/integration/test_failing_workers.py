"""Training workers that fail, die and hang: the worker to blame is named, and training goes on."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from jobs import ray_train
from jobs.cluster import RaySession
from local_s3 import LocalS3
from pipeline.errors import TrainingError
from pipeline.storage import Storage
from training_on_ray import Fault, TinyTraining, weights_of

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    # Ray warns of its own settings when it is imported.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

# Enough for two that start on a busy machine to meet, and not much to wait for one that hangs.
HANGS_S = 40


@pytest.fixture
def training(ray_session: RaySession, tmp_path: Path) -> TinyTraining:
    """Two workers that are started anew once, and wait two minutes for each other.

    On a busy machine two that start at one moment may need much of it to meet.
    """
    compute = {"num_workers": 2, "max_failures": 1, "timeout_s": 120}
    return TinyTraining(Storage(str(tmp_path / "storage")), compute)


@pytest.fixture(scope="module")
def undisturbed(ray_session: RaySession, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The weights of a training that nothing happens to."""
    storage = Storage(str(tmp_path_factory.mktemp("undisturbed")))
    return weights_of(TinyTraining(storage, {"num_workers": 2}).run())


def once_at(update: int, rank: int, marks: Path, what: signal.Signals) -> Fault:
    """A signal that the worker sends itself there, the first time that it comes there."""

    def fault(its_rank: int, its_update: int) -> None:
        mark = marks / "sent"
        if (its_rank, its_update) == (rank, update) and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), what)

    return fault


@pytest.fixture
def object_store(s3_prefix: str, s3_server: LocalS3, monkeypatch: pytest.MonkeyPatch) -> Storage:
    """An empty storage in the S3 server, whose address nothing but its URI knows."""
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    query = f"endpoint_override={urlsplit(s3_server.url).netloc}&scheme=http"
    return Storage(f"{s3_prefix}?{query}")


@pytest.mark.parametrize(
    ("what", "how", "where"),
    [
        # Twelve updates may take less than the second between two beats.
        (
            signal.SIGSTOP,
            r"hangs: it was silent for \d+ s, last heard of (at|before) .*update.*",
            "on a disk",
        ),
        (signal.SIGKILL, r"died, last heard of (at|before) .*update.*", "in an object store"),
    ],
    ids=["stopped", "killed"],
)
def test_a_worker_that_ends_is_named_and_training_goes_on_to_the_same_weights(
    training: TinyTraining,
    object_store: Storage,
    undisturbed: str,
    tmp_path: Path,
    what: signal.Signals,
    how: str,
    where: str,
) -> None:
    if where == "in an object store":
        training.storage = object_store
    if what == signal.SIGSTOP:
        # It is what the other waits for, and this test.
        training.compute["timeout_s"] = HANGS_S
    made = training.run(once_at(12, rank=1, marks=tmp_path, what=what))
    [warning] = training.warnings()
    again = "starting the workers anew, 1 of at most 1 times"
    assert re.fullmatch(rf"worker 1 \(process \d+ on \S+\) {how}; {again}", warning)
    assert training.resumed() == [10]
    assert weights_of(made) == undisturbed
    assert training.storage.list("ray") == []


def test_of_several_failures_the_one_that_the_others_follow_from_is_named(
    training: TinyTraining,
) -> None:
    def fault(rank: int, update: int) -> None:
        if (rank, update) == (1, 12):
            raise ValueError("row 7 holds no number")

    training.compute["max_failures"] = 3
    with pytest.raises(TrainingError) as raised:
        training.run(fault)
    # It is tried once more, and no further though it might: it would fail there for ever.
    assert str(raised.value) == (
        "worker 1 must get past update 11, but failed twice there in the same way: "
        "ValueError: row 7 holds no number"
    )
    [warning] = training.warnings()
    assert re.fullmatch(
        r"worker 1 \(process \d+ on \S+\) failed: ValueError: row 7 holds no number; starting the "
        r"workers anew, 1 of at most 3 times",
        warning,
    )


@pytest.mark.parametrize("where", ["at an exchange", "as it saves"])
def test_when_one_worker_hangs_its_group_ends_at_the_timeout_of_the_settings_naming_it(
    training: TinyTraining, tmp_path: Path, where: str
) -> None:
    training.compute |= {"max_failures": 0, "timeout_s": HANGS_S}

    def fault(rank: int, update: int) -> None:
        import os
        import time

        from model.checkpoint import CheckpointFolder

        (tmp_path / f"process-{rank}").write_text(str(os.getpid()))
        if (rank, update) == (0, 10) and where == "as it saves":
            CheckpointFolder.save = lambda *_: time.sleep(3600)  # type: ignore[method-assign]
        if (rank, update) == (0, 12) and where == "at an exchange":
            # Alive, but never there again.
            time.sleep(3600)

    with pytest.raises(TrainingError) as raised:
        training.run(fault)
    # On a machine that is short of time its beats may be late as well, which is named first.
    how = {
        "at an exchange": "did not come to the exchange of update 12 within 40 s",
        "as it saves": "kept worker 1 waiting for longer than 40 s",
    }[where]
    silent = r"hangs: it was silent for \d+ s"
    said = rf"worker 0 \(process \d+ on \S+\) ({how}|{silent}), last heard of .*update.*"
    assert re.fullmatch(said, str(raised.value))
    assert training.warnings() == []
    # It never came back, and what its partner gave up after is the setting: not torch's half an
    # hour, and no timer of Ray's.
    failures: Any = getattr(raised.value.__cause__, "worker_failures", {})
    assert list(failures) == [1]
    assert "40000ms" in str(failures[1])
    assert_ended(tmp_path)


def assert_ended(folder: Path) -> None:
    """Both workers' processes are there no more, or will be before the test's own time is up."""
    processes = [int((folder / f"process-{rank}").read_text()) for rank in (0, 1)]
    while any(map(psutil.pid_exists, processes)):
        time.sleep(0.2)


def test_a_group_that_cannot_form_says_of_what_without_rays_traceback() -> None:
    from ray.exceptions import RayTaskError
    from ray.train.v2.api.exceptions import ControllerError

    cause = RuntimeError("Gloo connectFullMesh failed with [pair.cc:152]\ntimed out connecting")
    trace = f"ray::execute() (pid=162, ip=198.18.48.4)\n  File x\n    ^^^^\nRuntimeError: {cause}"
    failed = ControllerError(RayTaskError("execute", trace, cause))
    assert ray_train._otherwise(failed) == (
        "Ray Train stopped: Gloo connectFullMesh failed with [pair.cc:152] timed out connecting"
    )
    assert ray_train._otherwise(ControllerError(ValueError("no\nroom"))) == (
        "Ray Train stopped: no room"
    )
