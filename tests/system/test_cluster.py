"""The same command on a cluster of two simulated nodes, each with room for one worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from command_line import SEED, anuvad
from ray_cluster import OPEN, two_open_nodes

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The address of a cluster of two nodes of one CPU each."""
    with two_open_nodes() as found:
        yield found


def test_the_same_command_uses_the_cluster_that_ray_address_names(
    address: str, tmp_path: Path
) -> None:
    storage = f"storage={tmp_path / 'shared'}"
    done = anuvad(
        "retrain",
        str(SEED),
        storage,
        "compute.num_workers=2",
        "--json",
        cwd=tmp_path,
        RAY_ADDRESS=address,
        **OPEN,
    )
    assert done.code == 0, done.err
    assert f"connecting to {address}" in done.err
    document = done.json()
    assert document["promoted"]
    assert document["tests"]["test"]["chrf2"]["score"] == 100.0


def test_the_doctor_counts_the_cores_of_the_cluster(address: str, tmp_path: Path) -> None:
    done = anuvad(
        "doctor",
        str(SEED),
        f"storage={tmp_path}",
        "compute.num_workers=3",
        cwd=tmp_path,
        RAY_ADDRESS=address,
        **OPEN,
    )
    assert (done.code, done.err) == (1, "")
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert f"ok Ray {address} answers, with 2 nodes" in lines
    wanted = "3 training threads want as many: fewer compute.num_workers, or more nodes"
    assert f"! cores 2 {wanted}" in lines
    assert not any("/dev/shm" in line for line in lines)
