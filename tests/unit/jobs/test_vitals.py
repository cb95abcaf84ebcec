"""What a process says of what it uses."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from jobs import vitals
from jobs.training_curves import Curves
from jobs.vitals import Sampler, Vitals
from pipeline.errors import ArtifactError


def test_a_sample_knows_the_process_and_its_machine() -> None:
    found = Sampler().sample()
    assert found.keys() >= {"cpu_percent", "rss_mb", "machine_cpu_percent"}
    # This process holds Python and pytest, and no more memory than any machine of ours has.
    assert 10 < found["rss_mb"] < 100_000
    assert 0 < found["machine_memory_percent"] <= 100


def test_memory_that_is_taken_is_seen() -> None:
    sampler = Sampler()
    before = sampler.sample()["rss_mb"]
    # Pages count once they are written to.
    taken = bytearray(b"\x01") * 80_000_000
    assert sampler.sample()["rss_mb"] - before > 70
    assert taken[0] == 1


def test_samples_come_while_the_block_runs_and_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vitals, "FIRST_AFTER_S", 0.001)
    came = threading.Event()
    seen: list[dict[str, float]] = []

    def tell(sample: dict[str, float]) -> None:
        seen.append(sample)
        came.set()

    with Vitals(tell):
        came.wait()
    assert len(seen) == 2


def test_a_sample_that_can_not_be_told_keeps_none_after_it_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(vitals, "FIRST_AFTER_S", 0.001)
    came = threading.Event()
    seen: list[dict[str, float]] = []

    def tell(sample: dict[str, float]) -> None:
        if not came.is_set():
            came.set()
            raise ArtifactError("the disk must have room")
        seen.append(sample)

    with Vitals(tell):
        came.wait()
    assert len(seen) == 1


def test_a_block_that_ends_at_once_has_a_sample_too() -> None:
    seen: list[dict[str, float]] = []
    with Vitals(seen.append):
        pass
    assert len(seen) == 1


class Recorded:
    """A run that keeps what it is told."""

    seconds = 70

    def __init__(self) -> None:
        self.told: list[tuple[dict[str, float], int]] = []

    def metrics(self, values: dict[str, float], step: int) -> None:
        self.told.append((values, step))


def test_samples_are_named_by_their_process_and_placed_by_the_seconds_of_the_run() -> None:
    run: Any = Recorded()
    curves = Curves(run)
    curves.add({"kind": "system", "rank": 1, "rss_mb": 465.0})
    curves.system("driver", {"cpu_percent": 12.5})
    assert run.told == [
        ({"system/worker-1/rss_mb": 465.0}, 70),
        ({"system/driver/cpu_percent": 12.5}, 70),
    ]
