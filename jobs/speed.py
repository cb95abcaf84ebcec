"""How fast a version translates, measured while it is evaluated, and under which conditions.

On a CPU it is the processor's time, of one thread, so that what else the machine does hardly
counts; on a GPU the clock's. Times of unlike conditions are not compared.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Speed:
    """Sentences translated, and the time that it took.

    Attributes:
        sentences: how many.
        seconds: of the processor, or of the clock on a GPU; loading the model not counted.
        conditions: what it was measured on, in words; empty where not all of it was alike.
    """

    sentences: int
    seconds: float
    conditions: str

    @property
    def per_second(self) -> float:
        """Sentences a second."""
        return self.sentences / self.seconds


def total(parts: Sequence[Speed]) -> Speed:
    """The speed of all parts together."""
    conditions = {part.conditions for part in parts}
    return Speed(
        sum(part.sentences for part in parts),
        sum(part.seconds for part in parts),
        conditions.pop() if len(conditions) == 1 else "",
    )


class Stopwatch:
    """Measures translating in this process, from when it is made."""

    def __init__(self) -> None:
        import torch

        self._on_gpu = torch.cuda.is_available()
        self._clock = time.perf_counter if self._on_gpu else time.process_time
        self._started = self._clock()

    def read(self, sentences: int) -> Speed:
        """The speed of ``sentences`` translated since it was made."""
        import torch

        if self._on_gpu:
            torch.cuda.synchronize()
            place = torch.cuda.get_device_name()
        else:
            place = f"{_processor()}, {torch.get_num_threads()} thread"
        seconds = self._clock() - self._started
        return Speed(sentences, seconds, f"{place}, torch {torch.__version__}")


@cache
def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
