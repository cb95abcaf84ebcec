"""Tokens a second of a trainer's own loop, seen from the end of one step to the end of another.

It runs in the peers' environments too, so it needs nothing but Python.
"""

from __future__ import annotations

import time
from collections.abc import Callable


class Enough(Exception):  # noqa: N818 - nothing is wrong
    """What was to be measured is measured; ends a loop that only its own conditions would end."""


class Stopwatch:
    """Told of every step's end, it leaves out the first ones and raises at the end of the last.

    Args:
        warmup_s: seconds from the end of the first step on that are not measured.
        seconds: measured, at least.
        now: the clock, in seconds.
    """

    def __init__(
        self, warmup_s: float, seconds: float, now: Callable[[], float] = time.perf_counter
    ) -> None:
        self._warmup_s, self._seconds, self._now = warmup_s, seconds, now
        self._first: float | None = None
        self._start: tuple[float, int] | None = None
        self._last: tuple[float, int] | None = None
        self._steps = 0

    def step_ended(self, tokens_so_far: int) -> None:
        """A step has ended, after so many target tokens in all.

        Raises:
            Enough: if so long was measured as was asked for.
        """
        now = self._now()
        if self._first is None:
            self._first = now
        if self._start is None:
            if now - self._first >= self._warmup_s:
                self._start = now, tokens_so_far
            return
        self._last = now, tokens_so_far
        self._steps += 1
        if now - self._start[0] >= self._seconds:
            raise Enough

    def figures(self) -> dict[str, float]:
        """``tokens_per_second``, and the ``steps`` and ``seconds`` that it is the mean of."""
        assert self._start is not None, "no step ended after the warm-up"
        assert self._last is not None, "no step was measured"
        seconds = self._last[0] - self._start[0]
        tokens = self._last[1] - self._start[1]
        return {
            "tokens_per_second": tokens / seconds,
            "steps": self._steps,
            "seconds": seconds,
        }
