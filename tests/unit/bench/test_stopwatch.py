"""The rate of a loop that says when each of its steps has ended."""

from __future__ import annotations

import pytest
from peers.stopwatch import Enough, Stopwatch


class Clock:
    """A clock that is set by hand, in seconds."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def test_steps_of_the_warm_up_are_not_measured() -> None:
    clock = Clock()
    stopwatch = Stopwatch(warmup_s=5, seconds=4, now=clock)
    for at, tokens in ((100, 10), (103, 20), (106, 30), (108, 1030)):
        clock.at = at
        stopwatch.step_ended(tokens)
    clock.at = 111
    with pytest.raises(Enough):
        stopwatch.step_ended(2030)
    # From 106 s, the first end at least 5 s after that of the first step, to 111 s: 2,000 tokens.
    assert stopwatch.figures() == {"tokens_per_second": 400.0, "steps": 2, "seconds": 5.0}


def test_one_step_longer_than_what_is_asked_for_is_measured_whole() -> None:
    clock = Clock()
    stopwatch = Stopwatch(warmup_s=0, seconds=1, now=clock)
    stopwatch.step_ended(7)
    clock.at = 20
    with pytest.raises(Enough):
        stopwatch.step_ended(107)
    assert stopwatch.figures() == {"tokens_per_second": 5.0, "steps": 1, "seconds": 20.0}


def test_a_loop_that_ended_in_its_warm_up_has_no_rate() -> None:
    stopwatch = Stopwatch(warmup_s=5, seconds=1, now=Clock())
    stopwatch.step_ended(7)
    with pytest.raises(AssertionError, match="no step ended after the warm-up"):
        stopwatch.figures()
