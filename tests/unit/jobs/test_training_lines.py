"""What a training says of itself in a line."""

from __future__ import annotations

import pytest

from jobs.training_lines import duration, resumed_line, update_line, validation_line

FIGURES = {
    "update": 1250,
    "epoch": 2,
    "loss": 2.5,
    "learning_rate": 0.001,
    "tokens_per_second": 4321.0,
    "padding": 0.05,
}


def test_a_validation_says_whether_it_is_the_best() -> None:
    event = {"update": 1500, "loss": 1.2345, "bleu": 87.65, "chrf": 93.21, "best": True}
    assert validation_line(event) == (
        "update 1,500  dev loss 1.234  BLEU 87.7  chrF 93.2  the best so far"
    )
    assert not validation_line({**event, "best": False}).endswith("so far")


def test_an_update_says_all_that_is_known_of_it() -> None:
    event = {**FIGURES, "epoch_progress": 0.456, "seconds_left": 4400.0}
    dev = {"loss": 1.2345, "bleu": 12.34, "chrf": 40.0}
    assert update_line(event, "bleu", dev) == (
        "update 1,250  epoch 3 (46%)  loss 2.500  dev BLEU 12.3  rate 1.0e-03  "
        "4,321 target tokens/s  padding 5%  1 h 13 min left"
    )


def test_before_the_first_validation_there_is_no_score() -> None:
    assert update_line({**FIGURES, "seconds_left": None}, "loss", None) == (
        "update 1,250  epoch 3  loss 2.500  rate 1.0e-03  4,321 target tokens/s  padding 5%"
    )


@pytest.mark.parametrize(
    ("metric", "shown"),
    [("loss", "dev loss 1.234"), ("bleu", "dev BLEU 12.3"), ("chrf", "dev chrF 40.1")],
)
def test_the_score_that_is_shown_is_the_one_that_decides(metric: str, shown: str) -> None:
    dev = {"loss": 1.2341, "bleu": 12.34, "chrf": 40.06}
    assert f"  {shown}  " in update_line(FIGURES, metric, dev)


def test_a_start_with_fewer_workers_says_with_how_many() -> None:
    assert resumed_line({"update": 1200, "workers": 1}, 2) == (
        "goes on with 1 worker after update 1,200"
    )
    assert resumed_line({"update": 1200, "workers": 3}, 4) == (
        "goes on with 3 workers after update 1,200"
    )
    assert resumed_line({"update": 1200, "workers": 2}, 2) == "goes on after update 1,200"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3.0, "0 s"),
        (44.6, "45 s"),
        (60.0, "1 min"),
        (3540.0, "59 min"),
        (3599.0, "1 h 00 min"),
        (11100.0, "3 h 05 min"),
        (200_000.0, "2 d 07 h"),
    ],
)
def test_durations_read_as_people_say_them(seconds: float, words: str) -> None:
    assert duration(seconds) == words
