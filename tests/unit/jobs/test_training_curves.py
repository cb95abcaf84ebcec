"""A training's figures, by updates and by tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jobs.training_curves import Curves, points

TRAIN = {"kind": "train", "update": 50, "target_tokens": 9000, "loss": 2.5, "workers": 2}
VALIDATION = {
    "kind": "validation",
    "update": 50,
    "target_tokens": 9000,
    "bleu": 12.0,
    "best": True,
    "workers": 2,
}


def test_each_figure_has_a_curve_by_updates_and_one_by_tokens() -> None:
    assert points(TRAIN) == [
        ("train/target_tokens", 9000.0, 50),
        ("train/loss", 2.5, 50),
        ("by_tokens/train/loss", 2.5, 9000),
    ]


def test_what_is_no_number_has_none() -> None:
    assert points(VALIDATION | {"stopped_by": "max_updates"}) == [
        ("dev/target_tokens", 9000.0, 50),
        ("dev/bleu", 12.0, 50),
        ("by_tokens/dev/bleu", 12.0, 9000),
    ]


class Recorded:
    """A run that keeps what it is told."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, int]] = []

    def curve(self, points: Sequence[tuple[str, float, int]]) -> None:
        self.steps += [(name, step) for name, _, step in points]


def test_only_events_with_figures_are_logged() -> None:
    run: Any = Recorded()
    curves = Curves(run)
    for event in ({"kind": "resumed", "update": 0}, {"kind": "warning", "text": "…"}, VALIDATION):
        curves.add(event)
    assert run.steps == [
        ("dev/target_tokens", 50),
        ("dev/bleu", 50),
        ("by_tokens/dev/bleu", 9000),
    ]
