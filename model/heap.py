"""Memory that was freed goes back to the system, and does not pile up over a long training.

glibc keeps what is freed, to hand it out again. Batches have other shapes each time, so of the
pieces between those that are still used fewer and fewer fit, and a process on a CPU grows by
gigabytes that hold nothing. ``malloc_trim`` gives their pages back (malloc_trim(3)).

holds   what is computed does not depend on it; where the C library has no such call it does nothing
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable

EVERY_S = 5.0
"""Often enough that little piles up, and seldom enough that it takes no time to speak of."""


class Heap:
    """The heap of this process.

    Args:
        clock: in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        self._clock = clock
        self._trimmed_at = clock()

    def give_back(self) -> bool:
        """Give freed memory back, unless that was done a moment ago; whether it was done now."""
        now = self._clock()
        if self._trim is None or now - self._trimmed_at < EVERY_S:
            return False
        self._trimmed_at = now
        self._trim(0)
        return True
