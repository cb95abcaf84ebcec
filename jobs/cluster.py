"""Ray, started when first needed: local by itself, or the cluster that ``RAY_ADDRESS`` names."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import psutil

from jobs.signals import end_children, note_termination, skip_exit, take_sigterm
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

            started = _processes_of_ray()
            ray.shutdown()
            self._ours = False
            # Some would live on for a minute and more without their raylet.
            for process in started:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()

    def ensure(self) -> None:
        """Connect to Ray, unless this process is connected already.

        Raises:
            AnuvadError: if the cluster that ``RAY_ADDRESS`` names does not answer.
        """
        quiet_environment()
        import ray

        if ray.is_initialized():
            return
        address = os.environ.get("RAY_ADDRESS")
        if address:
            require_answer(address)
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
        except (SystemExit, KeyboardInterrupt) as stop:
            if isinstance(stop, SystemExit):
                # Ray takes SIGTERM while it starts, and exits.
                note_termination()
            # When this process ends Ray would end what it has started, but not what its raylet has,
            # which would live on for a minute.
            end_children()
            skip_exit()
            raise KeyboardInterrupt from None
        finally:
            take_sigterm()
        self._ours = True


def _processes_of_ray() -> list[psutil.Process]:
    """Workers and agents of Ray's among the processes that this one started, directly or not."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if process.cmdline()[:1] and process.cmdline()[0].startswith("ray::"):
                found.append(process)
    return found


def ray_endpoint(address: str) -> tuple[str, int] | None:
    """Host and port of a ``RAY_ADDRESS``; None for ``auto`` and ``local``, which name none."""
    if address in ("auto", "local"):
        return None
    split = urlsplit(address if "://" in address else f"//{address}")
    return split.hostname or "", split.port or (10001 if split.scheme == "ray" else 6379)


def answers(host: str, port: int, timeout_s: float = 5.0) -> bool:
    """Whether something listens there."""
    try:
        with socket.create_connection((host, port), timeout=timeout_s):
            return True
    except OSError:
        return False


def require_answer(address: str) -> None:
    """Refuse a cluster at which nothing listens.

    Raises:
        AnuvadError: naming the address.
    """
    # Ray itself would try for minutes, and print the lines of its C++ core meanwhile.
    endpoint = ray_endpoint(address)
    if endpoint is not None and not answers(*endpoint):
        raise AnuvadError(
            f"the cluster at RAY_ADDRESS={address} must answer, but nothing listens there; start "
            f"its head, or unset RAY_ADDRESS for a local Ray"
        )


def require_gpus(wanted: int) -> None:
    """Refuse a training on a local Ray for which this machine has too few GPUs.

    Ray would wait for them for ever. A cluster may yet grow, so there it is left to wait.

    Raises:
        AnuvadError: naming both numbers.
    """
    if os.environ.get("RAY_ADDRESS"):
        return
    import torch

    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if there < wanted:
        raise AnuvadError(
            f"compute.use_gpu needs a GPU for each of the {wanted} workers, but this machine has "
            f"{there}: set compute.use_gpu=false, or RAY_ADDRESS to a cluster that has them"
        )


def quiet_environment() -> None:
    """What Ray reads from the environment when it is imported, unless the user has set it."""
    for name, value in {
        "RAY_USAGE_STATS_ENABLED": "0",
        # Without it prints of training workers appear twice.
        "RAY_TRAIN_ENABLE_PRINT_PATCH": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "RAY_DEDUP_LOGS": "1",
        # Of a lost node Ray writes a page to standard output, which is for results, with a trace of
        # its C++; who was lost by it is told by ours.
        "RAY_DEDUP_LOGS_SKIP_REGEX": "Raylet is terminated|has been marked dead",
        # Half a minute is for GPUs; a stopped worker will not close its process group anyway.
        "TORCH_PROCESS_GROUP_SHUTDOWN_TIMEOUT_S": "5",
        "RAY_ENABLE_RECORD_ACTOR_TASK_LOGGING": "0",
        # Its C++ core would take SIGTERM for a crash, print a trace and abort, if one came between
        # its own start and Python's. What crashes is traced by Python all the same.
        "RAY_DISABLE_FAILURE_SIGNAL_HANDLER": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }.items():
        os.environ.setdefault(name, value)
