"""What a training reports of itself, and what it has done since it last did."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

from model.batch_plan import Update
from model.job import TrainingJob, TrainingState
from model.limits import epoch_progress, seconds_left


class Meter:
    """What happened since the last report."""

    def __init__(self, seconds_before: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._before = seconds_before
        self._start = clock()
        self._clear()

    @property
    def seconds(self) -> float:
        return self._before + self._clock() - self._start

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """What happens inside does not count as time spent on tokens."""
        start = self._clock()
        yield
        self._since += self._clock() - start

    def add(self, update: Update, nll: float, norm: float, rate: float) -> None:
        self.nll += nll
        self._tokens += update.target_tokens
        self._padded += sum(m.padded_tokens for m in update.micro_batches)
        self._real += sum(m.real_tokens for m in update.micro_batches)
        self._norm, self._rate = norm, rate

    def figures(self, nll: float) -> dict[str, float]:
        elapsed = self._clock() - self._since
        figures = {
            "loss": nll / self._tokens if self._tokens else math.nan,
            "learning_rate": self._rate,
            "gradient_norm": self._norm,
            "tokens_per_second": self._tokens / elapsed,
            "padding": 1 - self._real / self._padded if self._padded else 0.0,
            "seconds": self.seconds,
        }
        self._clear()
        return figures

    def _clear(self) -> None:
        self._since = self._clock()
        self.nll = 0.0
        self._tokens = self._padded = self._real = 0
        self._norm = self._rate = 0.0


def log(job: TrainingJob, state: TrainingState, meter: Meter) -> None:
    """Report what happened since the last time; every worker has to come here."""
    (nll,) = job.workers.sum(meter.nll)
    report_event(
        job,
        state,
        {
            "kind": "train",
            "update": state.update,
            "epoch": state.epoch,
            "epoch_progress": epoch_progress(state, job),
            "target_tokens": state.target_tokens,
            "skipped_updates": state.skipped_updates,
            **meter.figures(nll),
            "seconds_left": seconds_left(state, job, meter.seconds),
        },
    )


def report_event(job: TrainingJob, state: TrainingState, event: dict[str, Any]) -> None:
    """Keep an event, and hand it to whoever looks on."""
    state.history.append(event)
    if job.workers.is_first:
        job.report(event)
