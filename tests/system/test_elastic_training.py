"""Elastic training on two simulated nodes: one is lost, and comes back."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from command_line import ANUVAD, SEED, environment
from ray_cluster import two_nodes

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]

# A cluster of the test's own, on this machine only, that misses a killed node after three seconds.
# One that is only slow, as the machine is busy, must not be taken for it.
CLUSTER = {
    "RAY_AUTH_MODE": "disabled",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "10000",
    "RAY_health_check_failure_threshold": "3",
}
SETTINGS = (
    "compute.num_workers=[1,2]",
    "compute.grow_every_s=5",
    "compute.room_timeout_s=10",
    "train.micro_batches=2",
    "train.max_updates=1000000",
    "train.validate_every=1000000",
    "train.checkpoint_every=20",
    "train.log_every=5",
)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Any]]:
    """A cluster of two nodes of one CPU each, and the one that is not its head."""
    for name, value in CLUSTER.items():
        monkeypatch.setenv(name, value)
    with two_nodes() as found:
        yield found


def wait_for(lines: Iterator[str], start: str) -> str:
    """The next line that begins so."""
    seen = []
    for line in lines:
        seen.append(line)
        if line.startswith(start):
            return line
    pytest.fail(f"no line {start!r} among:\n{''.join(seen)}")


def test_a_lost_node_costs_a_worker_and_one_that_comes_brings_it_back(
    cluster: tuple[Any, Any], tmp_path: Path
) -> None:
    nodes, other = cluster
    command = subprocess.Popen(
        [ANUVAD, "train", SEED, f"storage={tmp_path / 'shared'}", *SETTINGS],
        cwd=tmp_path,
        env=environment(RAY_ADDRESS=nodes.address, **CLUSTER),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert command.stderr is not None
        lines = iter(command.stderr)
        wait_for(lines, "train      starting 1 to 2 workers")
        wait_for(lines, "train      update")
        while not list((tmp_path / "shared").glob("checkpoints/*/update-*/manifest.json")):
            assert command.poll() is None, "".join(lines)
            time.sleep(0.05)
        nodes.remove_node(other, allow_graceful=False)
        wait_for(lines, "warning    worker ")
        wait_for(lines, "train      goes on with 1 worker after update ")
        nodes.add_node(num_cpus=1)
        wait_for(lines, "train      goes on after update ")
    finally:
        command.kill()
        command.communicate()
