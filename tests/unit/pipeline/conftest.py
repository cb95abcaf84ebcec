"""A hub with a file, before which nobody waits."""

from __future__ import annotations

import pytest

from local_hub import LocalHub

TRAIN = "data/train-00000-of-00001.parquet"


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that would have been slept between tries; nothing sleeps."""
    asked: list[float] = []
    monkeypatch.setattr("pipeline.hub.sleep", asked.append)
    return asked


@pytest.fixture
def hub(local_hub: LocalHub, slept: list[float], monkeypatch: pytest.MonkeyPatch) -> LocalHub:
    """A hub with one file of 5,120 bytes; the environment neither knows a token nor forbids."""
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    local_hub.files[TRAIN] = bytes(range(256)) * 20
    return local_hub
