"""A training of a few seconds on a real Ray, whose workers can be made to fail at an update."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from jobs import ray_train, train_worker
from jobs.config import Config
from jobs.events import Event
from jobs.fit import fit
from killing import Silent
from pairs import TRAIN
from pipeline import stages
from pipeline.artifacts import Artifact
from pipeline.runner import run_here
from pipeline.stages import DataConfig, StageResult
from pipeline.storage import Storage, sha256_of

TINY: dict[str, Any] = {
    "corpus": {"source": "inline", "pairs": TRAIN},
    "dedup": {"leakage": False},
    "tokenizer": {"vocab_size": 70, "byte_fallback": False},
    "model": {"embedding_size": 8, "hidden_size": 12, "dropout": 0.1},
    "train": {
        "batch_tokens": 128,
        "micro_batches": 2,
        "max_updates": 30,
        "validate_every": 15,
        "checkpoint_every": 5,
        "log_every": 5,
        "metric": "loss",
        "precision": "fp32",
    },
    "registry": {"name": "tiny"},
}

Fault = Callable[[int, int], None]
"""Is called in each worker before each exchange, with its rank and the number of the update."""


@dataclass
class TinyTraining:
    """Data that is ready in a storage of its own, and what a training of it reported."""

    storage: Storage
    compute: dict[str, Any] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    def run(self, fault: Fault | None = None, **train: Any) -> Artifact:
        """Train, or go on, with ``fault`` in the workers."""
        sections = TINY | {"compute": self.compute, "train": TINY["train"] | train}
        config = Config.model_validate(sections)
        self.events.clear()
        with pytest.MonkeyPatch.context() as patch:
            if fault is not None:
                patch.setattr(ray_train, "work", with_fault(fault))
            return fit(config, self.storage, self.data(config), lambda: None, self.events.append)

    def data(self, config: Config) -> Mapping[str, StageResult]:
        """What the stages of the pipeline made."""
        sections = DataConfig(
            config.corpus, config.clean, config.tokenizer, config.tensorize, config.dedup
        )
        return stages.prepare(sections, self.storage, lambda: run_here, Silent())

    def warnings(self) -> list[str]:
        """The warnings that were reported, each once, in order."""
        return list(dict.fromkeys(e["text"] for e in self.events if e["kind"] == "warning"))

    def resumed(self) -> list[int]:
        """The updates after which it went on."""
        return [e["update"] for e in self.events if e["kind"] == "resumed"]


def weights_of(training: Artifact) -> str:
    """The sha256 of the weights that were learnt."""
    return sha256_of(training.local(train_worker.WEIGHTS))


def with_fault(fault: Fault) -> Callable[[dict[str, Any]], None]:
    """The function of the workers, with a fault before each exchange.

    It travels to them by value, as they know no module of the tests.
    """

    def work(loop_config: dict[str, Any]) -> None:
        from jobs import train_worker

        place = train_worker._Place
        come: Any = place.at_exchange
        if not hasattr(come, "is_faulty"):

            def at_exchange(self: Any, update: int) -> None:
                import ray.train

                fault(ray.train.get_context().get_world_rank(), update)
                come(self, update)

            at_exchange.is_faulty = True  # type: ignore[attr-defined]
            place.at_exchange = at_exchange  # type: ignore[method-assign]
        train_worker.work(loop_config)

    return work
