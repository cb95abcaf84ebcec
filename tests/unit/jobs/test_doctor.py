"""What the doctor sees, and what it says follows."""

from __future__ import annotations

import http.server
import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from command_line import SEED
from jobs import doctor as examination
from jobs.config import load_config
from jobs.console import JobConsole
from jobs.context import JobContext
from jobs.doctor import doctor

MakeJob = Callable[..., JobContext]


@pytest.fixture
def make_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeJob:
    """A job of configs/seed.yaml with overrides, on a machine that names no Ray and no MLflow."""
    for name in ("RAY_ADDRESS", "MLFLOW_TRACKING_URI", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    def make(*overrides: str) -> JobContext:
        config = load_config(str(SEED), [f"storage={tmp_path / 'new' / 'data'}", *overrides])
        return JobContext(config, JobConsole())

    return make


class Server(http.server.BaseHTTPRequestHandler):
    """Answers /health, and knows no dataset."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    with http.server.HTTPServer(("127.0.0.1", 0), Server) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


@pytest.fixture
def dead_address() -> str:
    """A place of this machine that nobody listens at."""
    return "127.0.0.1:9"


def test_everything_that_a_job_depends_on_is_looked_at(make_job: MakeJob, tmp_path: Path) -> None:
    findings = doctor(make_job())
    assert [f.what for f in findings] == [
        "cores",
        "free memory",
        "GPU",
        "/dev/shm",
        "storage",
        "Ray",
        "MLflow",
        "hub",
    ]
    assert all(f.seen and f.follows for f in findings)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("workers", "threads", "good", "follows"),
    [
        (2, 1, True, "training workers × threads: 2 × 1, which fit"),
        (4, 1, False, "4 training threads share 2 cores: set compute.num_workers=2"),
        (1, 3, False, "3 training threads share 2 cores"),
    ],
)
def test_workers_that_share_cores_are_too_many(
    make_job: MakeJob,
    monkeypatch: pytest.MonkeyPatch,
    workers: int,
    threads: int,
    good: bool,
    follows: str,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    found = examination._cores(
        make_job(f"compute.num_workers={workers}", f"compute.threads={threads}")
    )
    assert (found.seen, found.good) == ("2", good)
    assert found.follows.startswith(follows)


@pytest.mark.parametrize(("gib", "good"), [(1, False), (4, True)])
def test_memory_must_do_for_all_workers(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch, gib: int, good: bool
) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=gib << 30))
    found = examination._memory(make_job("compute.num_workers=2"))
    assert (found.seen, found.good) == (f"{gib}.0 GiB", good)


def test_a_gpu_that_is_wanted_must_be_there(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert examination._accelerator(make_job()).follows == "trains on CPUs in fp32"
    assert not examination._accelerator(make_job("compute.use_gpu=true")).good


@pytest.mark.parametrize(("mib", "good"), [(64, False), (1024, True)])
def test_a_container_s_small_shared_memory_is_noticed(
    monkeypatch: pytest.MonkeyPatch, mib: int, good: bool
) -> None:
    monkeypatch.setattr(os.path, "isdir", lambda _: True)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=mib << 20))
    found = examination._shared_memory()
    assert found.good == good
    assert ("--shm-size" in found.follows) == (not good)


def test_a_storage_that_does_not_exist_yet_is_judged_by_the_folder_above(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = examination._storage(make_job())
    assert found.good
    assert found.seen.startswith(str(tmp_path / "new" / "data"))
    asked = []
    monkeypatch.setattr(os, "access", lambda path, _: asked.append(path))
    assert not examination._storage(make_job()).good
    assert asked == [tmp_path]


def test_a_cluster_must_see_the_storage_and_answer(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch, dead_address: str
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", dead_address)
    assert examination._storage(make_job()).follows.endswith("see it at this path")
    dead = examination._ray()
    assert (dead.good, dead.follows) == (False, "does not answer: is its head up?")
    with socket.create_server(("127.0.0.1", 0)) as head:
        monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{head.getsockname()[1]}")
        assert examination._ray().good
    monkeypatch.setenv("RAY_ADDRESS", "auto")
    assert examination._ray().good


def test_an_mlflow_server_must_answer(make_job: MakeJob, server: str, dead_address: str) -> None:
    assert examination._mlflow(make_job(f"tracking.uri={server}/")).good
    dead = examination._mlflow(make_job(f"tracking.uri=http://{dead_address}"))
    assert not dead.good
    assert dead.follows.startswith("does not answer (")


def test_a_database_is_said_to_stand_once_it_does(make_job: MakeJob) -> None:
    job = make_job()
    assert examination._mlflow(job).follows == "made when it is first needed"
    assert job.storage.local_root is not None
    job.storage.local_root.mkdir(parents=True)
    (job.storage.local_root / "mlflow.db").touch()
    assert examination._mlflow(job).follows == "it stands"


def test_the_hub_is_asked_only_for_a_corpus_of_the_hub(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch, server: str
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", server)
    assert examination._hub(make_job()).seen == "not asked"
    hub = ["corpus.pairs=[]", "corpus.source=some/dataset"]
    found = examination._hub(make_job(*hub, f"corpus.revision={'a' * 39}f"))
    assert (found.good, found.seen) == (False, server)
    assert found.follows.startswith("answers HTTP 404")


def test_a_source_that_is_nothing_is_a_finding_not_an_error(make_job: MakeJob) -> None:
    found = examination._hub(make_job("corpus.pairs=[]", "corpus.source=no-such-folder"))
    assert (found.what, found.good) == ("corpus", False)
    assert "corpus.source must be" in found.follows
