"""What every job of a command shares: configuration, storage, Ray, registry and console."""

from __future__ import annotations

import os
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self

from jobs.cluster import RaySession
from jobs.config import Config
from jobs.console import JobConsole
from pipeline.runner import RayRunner, Runner
from pipeline.stages import DataConfig
from pipeline.storage import Storage

if TYPE_CHECKING:
    from jobs.registry import Registry


class JobContext:
    """Opens what a job needs when it first needs it, and closes it with the block."""

    def __init__(self, config: Config, console: JobConsole) -> None:
        self.config = config
        self.console = console
        self.storage = Storage(config.storage)
        self.session = RaySession(min_cpus=config.compute.min_workers)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.console.close()
        self.session.__exit__(kind, error, trace)

    @property
    def data(self) -> DataConfig:
        """The configuration's data sections."""
        config = self.config
        return DataConfig(
            config.corpus, config.clean, config.tokenizer, config.tensorize, config.dedup
        )

    @property
    def tracking_uri(self) -> str:
        """Where MLflow is."""
        from jobs.tracking import tracking_uri

        return tracking_uri(self.config, self.storage)

    @cached_property
    def registry(self) -> Registry:
        """The model registry."""
        from jobs.registry import Registry

        return Registry(self.tracking_uri, self.console.warn)

    def connect(self) -> None:
        """Connect to Ray, unless that is done."""
        address = os.environ.get("RAY_ADDRESS")
        self.console.doing("ray", f"connecting to {address}" if address else "starting here")
        self.session.ensure()

    def runner(self) -> Runner:
        """What runs the tasks of a stage: Ray."""
        self.connect()
        return RayRunner()
