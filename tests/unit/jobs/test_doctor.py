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
from jobs.cluster_now import ClusterNow
from jobs.config import load_config
from jobs.console import JobConsole
from jobs.context import JobContext
from jobs.doctor import doctor
from killing import Silent
from local_hub import DATASET, Answer, LocalHub
from pipeline.corpus import write_pairs
from pipeline.runner import run_here
from pipeline.stages import prepare

MakeJob = Callable[..., JobContext]


@pytest.fixture
def make_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeJob:
    """A job of configs/seed.yaml with overrides, on a machine that names no Ray and no MLflow."""
    for name in ("RAY_ADDRESS", "MLFLOW_TRACKING_URI", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
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
        "Ray",
        "cores",
        "free memory",
        "GPU",
        "/dev/shm",
        "storage",
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


def test_for_a_cluster_that_is_not_there_this_machine_is_not_judged(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch, dead_address: str
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", dead_address)
    ray, storage, *others = doctor(make_job("compute.use_gpu=true"))
    assert (ray.what, ray.seen, ray.good) == ("Ray", dead_address, False)
    assert "must answer, but nothing listens there; start its head" in ray.follows
    assert storage.follows.endswith("see it at this path")
    assert [finding.what for finding in others] == ["MLflow", "hub"]


def test_a_cluster_that_says_nothing_is_given_up(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examination, "_CLUSTER_TIMEOUT_S", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{silent.getsockname()[1]}")
        ray = doctor(make_job())[0]
    assert (ray.what, ray.good) == ("Ray", False)
    assert "must say what it has within 1 s, but did not" in ray.follows


@pytest.mark.parametrize(
    ("overrides", "good", "cores", "gpu"),
    [
        (
            ["compute.num_workers=2", "compute.threads=2"],
            [True, True, True],
            "training workers × threads: 2 × 2, which fit",
            "compute.use_gpu=true would use them",
        ),
        # Two can begin, the others when there is room.
        (
            ["compute.num_workers=[2, 9]", "compute.use_gpu=true"],
            [True, True, True],
            "training runs on GPUs",
            "enough for 2 to 9 workers",
        ),
        (
            ["compute.num_workers=3", "compute.use_gpu=true"],
            [True, False, False],
            "training runs on GPUs",
            "compute.use_gpu needs 3: a training waits for nodes that have them",
        ),
        (
            ["compute.num_workers=5"],
            [False, False, True],
            "5 training threads want as many: fewer compute.num_workers, or more nodes",
            "compute.use_gpu=true would use them",
        ),
    ],
)
def test_a_cluster_must_do_for_the_fewest_workers_that_train(
    make_job: MakeJob, overrides: list[str], good: list[bool], cores: str, gpu: str
) -> None:
    now = ClusterNow(nodes=2, cpus=4.0, gpus=2.0, memory_bytes=4 << 30)
    found = examination._offers(make_job(*overrides), now)
    assert [finding.seen for finding in found] == ["4", "4.0 GiB", "2"]
    assert [finding.good for finding in found] == good
    assert (found[0].follows, found[2].follows) == (cores, gpu)


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


HUB = ["corpus.pairs=[]", f"corpus.source={DATASET}"]


def test_the_hub_is_asked_once_with_the_token_and_only_for_a_corpus_of_the_hub(
    make_job: MakeJob, local_hub: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_of_the_tests")
    assert examination._hub(make_job()).seen == "not asked"
    assert local_hub.requests == []
    found = examination._hub(make_job(*HUB, "corpus.revision=main"))
    assert (found.good, found.seen) == (True, local_hub.url)
    assert local_hub.tokens == [
        (f"/api/datasets/{DATASET}/revision/main", "Bearer hf_of_the_tests")
    ]
    found = examination._hub(make_job(*HUB, f"corpus.revision={'a' * 39}f"))
    assert (found.good, found.seen) == (False, local_hub.url)
    assert "but the hub says 404 RevisionNotFound" in found.follows
    local_hub.api_answers.append(Answer(503))
    found = examination._hub(make_job(*HUB, "corpus.revision=main"))
    assert not found.good
    assert "could not be fetched: HTTP 503; " in found.follows
    assert len(local_hub.requests) == 3


def test_the_hub_is_not_asked_offline_nor_for_a_corpus_that_stands(
    make_job: MakeJob, local_hub: LocalHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for split in ("train", "validation"):
        path = tmp_path / f"{split}.parquet"
        write_pairs([("Thank you.", "धन्यवाद।")], path)
        local_hub.files[f"data/{split}-00000-of-00001.parquet"] = path.read_bytes()
    job = make_job(*HUB, "corpus.revision=main", f"storage={tmp_path / 'data'}")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    found = examination._hub(job)
    assert (found.good, local_hub.requests) == (False, [])
    assert "must be fetched once without HF_HUB_OFFLINE, which is set" in found.follows
    monkeypatch.delenv("HF_HUB_OFFLINE")
    prepare(job.data, job.storage, lambda: run_here, Silent(), until="corpus")
    local_hub.requests.clear()
    for offline in ("1", "0"):
        monkeypatch.setenv("HF_HUB_OFFLINE", offline)
        found = examination._hub(job)
        assert (found.good, found.follows) == (True, "the corpus stands in the storage")
    assert local_hub.requests == []


def test_a_source_that_is_nothing_is_a_finding_not_an_error(make_job: MakeJob) -> None:
    found = examination._hub(make_job("corpus.pairs=[]", "corpus.source=no-such-folder"))
    assert (found.what, found.good) == ("corpus", False)
    assert "corpus.source must be" in found.follows
