"""Ray, started when first needed: local by itself, or the cluster that ``RAY_ADDRESS`` names."""

from __future__ import annotations

import logging
import os
from types import TracebackType
from typing import Self

from pipeline.errors import AnuvadError

# Tasks hand over paths, not data; Ray's default is 30% of the machine's memory.
_OBJECT_STORE_BYTES = 256 << 20


class RaySession:
    """A connection to Ray for one command, opened by :meth:`ensure` and closed with the block.

    Args:
        min_cpus: a local Ray offers at least this many, so that two workers run on one core too.
    """

    def __init__(self, min_cpus: int = 1) -> None:
        self.min_cpus = min_cpus
        self._ours = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._ours:
            import ray

            ray.shutdown()
            self._ours = False

    def ensure(self) -> None:
        """Connect to Ray, unless this process is connected already.

        Raises:
            AnuvadError: if the cluster that ``RAY_ADDRESS`` names does not answer.
        """
        _quiet_environment()
        import ray

        if ray.is_initialized():
            return
        address = os.environ.get("RAY_ADDRESS")
        try:
            if address:
                ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
            else:
                ray.init(
                    "local",
                    num_cpus=max(os.cpu_count() or 1, self.min_cpus),
                    object_store_memory=_OBJECT_STORE_BYTES,
                    include_dashboard=False,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                )
        except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
            place = f"the cluster at RAY_ADDRESS={address}" if address else "a local Ray"
            message = " ".join(str(error).split())[:300]
            raise AnuvadError(f"{place} must answer, but: {message}") from error
        self._ours = True


def _quiet_environment() -> None:
    """What Ray reads from the environment when it is imported, unless the user has set it."""
    for name, value in {
        "RAY_USAGE_STATS_ENABLED": "0",
        # Without it prints of training workers appear twice.
        "RAY_TRAIN_ENABLE_PRINT_PATCH": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "RAY_DEDUP_LOGS": "1",
        "RAY_ENABLE_RECORD_ACTOR_TASK_LOGGING": "0",
        "TOKENIZERS_PARALLELISM": "false",
    }.items():
        os.environ.setdefault(name, value)
