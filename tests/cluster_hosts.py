"""A Ray head, Ray workers and MLflow with PostgreSQL on hosts of their own, as a site has them.

Ray is kept up on each as systemd would with ``Restart=always``: what has ended is started anew. All
of them want secrets, which their services know from the environment.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import shlex
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from command_line import environment
from network_hosts import Host, Network, network
from postgres_server import dump, postgres

BIN = Path(sys.executable).parent
WORKERS = ("worker-1", "worker-2")

# Where a host finds its own folder: paths of sockets may have 107 bytes, and Ray's are long.
_OWN = "/var/tmp"
_RAY = f"{_OWN}/ray"
_SMALL = "--object-store-memory=100000000"
_MLFLOW_PORT = 5000
_PATIENCE_S = 300.0

# What a site's services would be told for other storages, and hubs; here they could only leak.
_NOT_NEEDED = ("AWS_SECRET_ACCESS_KEY", "HF_TOKEN")
_OF_RAY = {
    "RAY_AUTH_MODE": "token",
    "RAY_USAGE_STATS_ENABLED": "0",
    # A busy machine needs more than half a minute for a raylet.
    "RAY_raylet_start_wait_time_s": "60",
    # A node that is silent is given up after some ten seconds, not after fifty; one that is
    # only slow, on a busy machine, is not.
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "3000",
    "RAY_health_check_failure_threshold": "3",
    "OMP_NUM_THREADS": "1",
}


@dataclass(frozen=True)
class Cluster:
    """A cluster that is up.

    Attributes:
        network: its hosts, whose cables can be pulled.
        address: of Ray's job server, for this machine.
        mlflow: the address of MLflow, for this machine and for the hosts.
        secrets: name in the environment → value, drawn for this one cluster.
        folder: what its hosts have written, logs above all.
    """

    network: Network
    address: str
    mlflow: str
    secrets: Mapping[str, str]
    folder: Path

    def environment(self) -> dict[str, str]:
        """Of a command on this machine that may submit jobs."""
        token = self.secrets["RAY_AUTH_TOKEN"]
        return environment(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=token)

    def ask(self, path: str) -> Any:
        """What the job server answers, from JSON."""
        return _ask(f"{self.address}{path}", self.secrets["RAY_AUTH_TOKEN"])

    def ask_mlflow(self, path: str, **body: Any) -> Any:
        """What MLflow's API 2.0 answers to a GET, or to a POST if there is a body."""
        sent = json.dumps(body).encode() if body else None
        return _ask(f"{self.mlflow}/api/2.0/mlflow/{path}", body=sent)

    def dump(self) -> str:
        """All that MLflow's database holds, as SQL."""
        host = self.network.hosts["mlflow"]
        return dump(host, self.secrets["PGPASSWORD"])

    def await_nodes(self, count: int) -> None:
        """Return when Ray counts so many nodes as alive, the head among them."""
        deadline = time.monotonic() + _PATIENCE_S
        nodes = None
        while time.monotonic() < deadline:
            # A head that is busy with those that come and go may be too late with its answer.
            with contextlib.suppress(OSError):
                nodes = self.ask("/api/v0/nodes")["data"]["result"]["result"]
                if sum(node["state"] == "ALIVE" for node in nodes) == count:
                    return
            time.sleep(0.2)
        raise AssertionError(f"Ray must have {count} nodes, but has {nodes}")


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Four hosts and all that runs there."""
    drawn = {name: secrets.token_hex(24) for name in ("PGPASSWORD", *_NOT_NEEDED)}
    token = drawn["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    with network(["head", *WORKERS, "mlflow"], folder) as net, contextlib.ExitStack() as stack:
        database = stack.enter_context(postgres(net.hosts["mlflow"], drawn["PGPASSWORD"]))
        mlflow = f"http://{net.hosts['mlflow'].address}:{_MLFLOW_PORT}"
        address = f"http://{net.hosts['head'].address}:8265"
        known = {name: value for name, value in drawn.items() if name != "PGPASSWORD"}
        env = environment(**_OF_RAY, **known, MLFLOW_TRACKING_URI=mlflow)
        head = ["--head", "--port=6379", "--num-cpus=0", "--dashboard-host=0.0.0.0"]
        stack.enter_context(_kept_up(net.hosts["head"], head, env))
        # One after the other: a core or two are all that their start has.
        _await(f"{address}/api/version", folder / "head" / "ray.log", token)
        stack.enter_context(_mlflow(net.hosts["mlflow"], database))
        _await(f"{mlflow}/health", folder / "mlflow" / "mlflow.log")
        for name in WORKERS:
            worker = ["--address=head:6379", "--num-cpus=1"]
            stack.enter_context(_kept_up(net.hosts[name], worker, env))
        found = Cluster(net, address, mlflow, drawn, folder)
        found.await_nodes(1 + len(WORKERS))
        yield found


@contextlib.contextmanager
def _kept_up(host: Host, arguments: list[str], env: dict[str, str]) -> Iterator[None]:
    """``ray start`` with these arguments, over and over; what it leaves behind dies with it."""
    host.run(["mount", "--bind", host.folder, _OWN])
    ray = [str(BIN / "ray"), "start", "--block", *arguments, _SMALL]
    if "--head" in arguments:
        # The others are told by it.
        ray.append(f"--temp-dir={_RAY}")
    service = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", *ray]
    with (host.folder / "ray.log").open("wb") as log:
        loop = f"while :; do {shlex.join(service)}; echo ended with $?; sleep 1; done"
        keeper = host.start(["sh", "-c", loop], env, log)
    try:
        yield
    finally:
        keeper.kill()
        keeper.wait()


@contextlib.contextmanager
def _mlflow(host: Host, database: str) -> Iterator[None]:
    command = [BIN / "mlflow", "server", "--host", "0.0.0.0", "--port", _MLFLOW_PORT]
    command += ["--workers", "1", "--serve-artifacts"]
    command += ["--artifacts-destination", host.folder / "artifacts"]
    command += ["--allowed-hosts", f"{host.address}:{_MLFLOW_PORT}"]
    env = environment(
        MLFLOW_BACKEND_STORE_URI=database,
        MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false",
        MLFLOW_DISABLE_TELEMETRY="true",
    )
    with (host.folder / "mlflow.log").open("wb") as log:
        server = host.start([str(word) for word in command], env, log)
    try:
        yield
    finally:
        server.kill()
        server.wait()


def _await(url: str, log: Path, token: str = "") -> None:
    """Return when something answers there."""
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            _answer(url, token)
            return
        time.sleep(0.2)
    raise AssertionError(f"{url} does not answer; {log} says:\n{log.read_text()}")


def _ask(url: str, token: str = "", body: bytes | None = None) -> Any:
    return json.loads(_answer(url, token, body))


def _answer(url: str, token: str, body: bytes | None = None) -> bytes:
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(url, body, headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        content: bytes = answer.read()
    return content
