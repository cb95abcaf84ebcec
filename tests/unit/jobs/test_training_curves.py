"""A training's figures, by updates and by tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jobs.training_curves import Curves, points
from pipeline.errors import AnuvadError

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


class DeadServer:
    """A tracked run that takes nothing."""

    def __init__(self) -> None:
        self.asked = 0

    def points(self, points: Sequence[tuple[str, float, int]]) -> None:
        self.asked += 1
        raise AnuvadError("MLflow must take metrics, but: it does not answer")


def test_a_server_that_fails_once_is_asked_no_more() -> None:
    run: Any = DeadServer()
    warnings: list[str] = []
    curves = Curves(run, warnings.append)
    for event in ({"kind": "resumed", "update": 0}, TRAIN, VALIDATION):
        curves.add(event)
    assert run.asked == 1
    assert warnings == [
        "MLflow must take metrics, but: it does not answer; from here on its page lacks this "
        "training's metrics"
    ]
