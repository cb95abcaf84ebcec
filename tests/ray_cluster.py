"""Several Ray nodes on this machine, none of whose processes is left behind."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

# A cluster of the test's own, on this machine only; another Ray of this process may have a token.
OPEN = {"RAY_AUTH_MODE": "disabled"}


@contextlib.contextmanager
def two_open_nodes() -> Iterator[str]:
    """The address of two nodes of one CPU each, for commands with ``OPEN`` in their environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in OPEN.items():
            patch.setenv(name, value)
        with two_nodes() as (cluster, _):
            yield cluster.address


@contextlib.contextmanager
def two_nodes() -> Iterator[tuple[Any, Any]]:
    """A cluster of two nodes of one CPU each, and the node that is not its head.

    Ray kills its processes and does not wait for them; Python would complain of each when it comes
    to collect it, in whatever test runs by then.
    """
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    processes: list[subprocess.Popen[bytes]] = []
    try:
        node = cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        processes = [
            info.process
            for each in cluster.list_all_nodes()
            for infos in each.all_processes.values()
            for info in infos
        ]
        yield cluster, node
    finally:
        cluster.shutdown()
        for process in processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=10)
