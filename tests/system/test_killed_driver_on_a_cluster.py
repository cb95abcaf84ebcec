"""A command that is killed while its training runs on a cluster that lives on without it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ray_cluster import OPEN, two_open_nodes
from training_command import SETTINGS, Command, undisturbed_weights, weights

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.cluster,
    pytest.mark.timeout(1800),
]


@pytest.fixture
def address() -> Iterator[str]:
    """The address of a cluster of two nodes of one CPU each."""
    with two_open_nodes() as found:
        yield found


def training_workers() -> list[int]:
    """The processes of this test's cluster that train."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if process.cmdline()[:1] and process.cmdline()[0].startswith("ray::RayTrainWorker"):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def test_what_it_left_behind_ends_and_the_same_command_goes_on_to_the_same_weights(
    address: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    undisturbed = undisturbed_weights(tmp_path_factory)
    storage = tmp_path / "storage"
    with Command(storage, SETTINGS, RAY_ADDRESS=address, **OPEN) as command:
        command.wait_for(30)
        orphans = training_workers()
        assert len(orphans) == 2
        command.wait_for_half_a_checkpoint()
        os.kill(command.id, signal.SIGKILL)
        # At once: they may still train, and write what this one reads.
        with Command(storage, SETTINGS, RAY_ADDRESS=address, **OPEN) as again:
            went_on = again.wait_for_line("train      goes on after update")
            assert int(went_on.split()[-1].replace(",", "")) >= 30
            assert not set(orphans) & set(training_workers())
            code, lines = again.end()
    assert code == 0, lines
    assert not [line for line in lines if line.startswith("warning")]
    assert weights(storage) == undisturbed
    # The cluster's, as before.
    while training_workers():
        time.sleep(0.2)
