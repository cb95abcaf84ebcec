"""Sentences a second, and what they are comparable with."""

from __future__ import annotations

import torch

from jobs.speed import Speed, Stopwatch, total


def test_parts_of_one_machine_add_up() -> None:
    speed = total([Speed(100, 2.0, "here"), Speed(50, 3.0, "here")])
    assert speed == Speed(150, 5.0, "here")
    assert speed.per_second == 30.0


def test_parts_of_unlike_machines_are_comparable_with_nothing() -> None:
    assert total([Speed(100, 2.0, "here"), Speed(50, 3.0, "there")]).conditions == ""


def test_a_stopwatch_says_what_it_measured_on() -> None:
    watch = Stopwatch()
    while watch.read(1).seconds == 0:
        pass
    found = watch.read(7)
    assert found.sentences == 7
    assert found.seconds > 0
    assert found.conditions.endswith(f", torch {torch.__version__}")
