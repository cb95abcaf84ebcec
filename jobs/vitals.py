"""What a process uses of its machine, every few seconds: the system metrics of a run.

The driver's and each worker's end in MLflow as ``system/driver/…`` and ``system/worker-0/…``, with
the seconds since the run began as their step.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

import psutil

from pipeline.errors import AnuvadError

FIRST_AFTER_S = 1.0
EVERY_S = 10.0
_MB = 1e6


class Sampler:
    """Answers what is used, shares of processors since the last question."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        # Of a first question there is nothing to compare with: it answers 0.
        self._process.cpu_percent()
        psutil.cpu_percent()

    def sample(self) -> dict[str, float]:
        """What this process and its machine use now.

        Returns:
            ``cpu_percent`` and ``rss_mb`` of the process (100 for each core that it keeps busy),
            ``machine_cpu_percent`` and ``machine_memory_percent`` of the machine (100 for all of
            it), ``machine_disk_read_mb``, ``…_written_mb``, ``machine_network_sent_mb`` and
            ``…_received_mb`` since the machine started, where the system tells them; 1 MB is
            1,000,000 bytes.
        """
        found = {
            "cpu_percent": self._process.cpu_percent(),
            "rss_mb": self._process.memory_info().rss / _MB,
            "machine_cpu_percent": psutil.cpu_percent(),
            "machine_memory_percent": psutil.virtual_memory().percent,
        }
        # Containers and some machines tell nothing of these two.
        disk, network = psutil.disk_io_counters(), psutil.net_io_counters()
        if disk is not None:
            found["machine_disk_read_mb"] = disk.read_bytes / _MB
            found["machine_disk_written_mb"] = disk.write_bytes / _MB
        if network is not None:
            found["machine_network_sent_mb"] = network.bytes_sent / _MB
            found["machine_network_received_mb"] = network.bytes_recv / _MB
        return found


class Vitals:
    """Hands samples of this process to ``tell`` while its block runs, and one at its end.

    Args:
        tell: must not wait for anything.
    """

    def __init__(self, tell: Callable[[dict[str, float]], None]) -> None:
        self._tell = tell
        self._sampler = Sampler()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="vitals", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        pause_s = FIRST_AFTER_S
        while not self._stop.wait(pause_s):
            self._sample()
            pause_s = EVERY_S
        self._sample()

    def _sample(self) -> None:
        # Of a disk that is full for a moment a gap stays; if it stays full, what the block does
        # will come to it too.
        with contextlib.suppress(AnuvadError):
            self._tell(self._sampler.sample())
