"""Fixtures that tests of more than one folder share."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.cluster import RaySession
from local_hub import LocalHub
from local_s3 import S3_KEYS, LocalS3
from mlflow_server import MlflowServer, Proxy
from ray_token import RAY_TOKEN
from tiny_training import TinyCorpus, write_tiny_corpus

REPOSITORY = Path(__file__).resolve().parent.parent

# In the background of a script Ctrl-C is ignored, by this process and by all that it starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Before any Ray of this process is started: which test file is the first to start one differs.
os.environ["RAY_AUTH_TOKEN"] = RAY_TOKEN


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder ``iitb-sample``: in ``ANUVAD_DATA``, or beside the repository."""
    root = Path(os.environ.get("ANUVAD_DATA", REPOSITORY.parent / "shared" / "data"))
    folder = root / "iitb-sample"
    if not (folder / "data").is_dir():
        pytest.skip(f"no real data at {folder}; ANUVAD_DATA names the folder that holds it")
    return folder


@pytest.fixture(scope="session")
def ray_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RaySession]:
    """A local Ray of two CPUs, started once for all tests that ask for it."""
    with pytest.MonkeyPatch.context() as patch, RaySession(min_cpus=2) as session:
        patch.delenv("RAY_ADDRESS", raising=False)
        # Workers keep the environment that Ray was started in: keys and copies of the tests' S3.
        for name, value in S3_KEYS.items():
            patch.setenv(name, value)
        patch.setenv("ANUVAD_CACHE", str(tmp_path_factory.mktemp("workers-cache")))
        session.ensure()
        yield session


@pytest.fixture(scope="session")
def s3_server() -> Iterator[LocalS3]:
    """An S3 server on this machine's loopback, started once for all tests that ask for it."""
    with LocalS3() as server:
        yield server


@pytest.fixture
def s3_prefix(s3_server: LocalS3, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """An empty place in the S3 server, for which the environment has address and keys."""
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in S3_KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server.url)
    monkeypatch.setenv("ANUVAD_CACHE", str(tmp_path / "cache"))
    return f"s3://{s3_server.new_bucket()}/anuvad"


@pytest.fixture
def local_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    """A hub on this machine's loopback, to which ``huggingface_hub`` in this process is pointed."""
    from huggingface_hub import constants

    with LocalHub() as hub:
        # HF_ENDPOINT is read when huggingface_hub is imported; a child process reads it anew.
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(
            constants,
            "HUGGINGFACE_CO_URL_TEMPLATE",
            hub.url + "/{repo_id}/resolve/{revision}/{filename}",
        )
        yield hub


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """An MLflow server on this machine's loopback, started once; who stops it starts it again."""
    with MlflowServer(tmp_path_factory.mktemp("mlflow")) as server:
        yield server


@pytest.fixture
def mlflow_proxy(mlflow_server: MlflowServer) -> Iterator[Proxy]:
    """A proxy before the MLflow server."""
    with Proxy(mlflow_server.port) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def tiny_corpus(tmp_path_factory: pytest.TempPathFactory) -> TinyCorpus:
    """Token arrays of a few hundred pairs of numbers; read-only."""
    return write_tiny_corpus(tmp_path_factory.mktemp("tiny-corpus"))


@pytest.fixture
def one_thread() -> Iterator[None]:
    """torch on one thread, which two small processes on two cores are fastest with."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
