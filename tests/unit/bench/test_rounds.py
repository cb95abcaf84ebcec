"""Rates in turns, and the ratio that is shown."""

from __future__ import annotations

from collections.abc import Callable

from rounds import Goal, ratio_figure, take_rounds


def said_rates(name: str, rates: list[float], order: list[str]) -> Callable[[], float]:
    """A contestant that has these rates, one after the other, and notes that it ran."""
    left = iter(rates)

    def measure() -> float:
        order.append(name)
        return next(left)

    return measure


def test_contestants_alternate_and_only_the_faster_variant_goes_on() -> None:
    order: list[str] = []
    rates = take_rounds(
        {
            "theirs": {
                "2,048": said_rates("theirs 2,048", [100], order),
                "4,096": said_rates("theirs 4,096", [150, 140, 160], order),
            },
            "ours": {"": said_rates("ours", [900, 980, 800], order)},
        },
        rounds=3,
        say=lambda _: None,
    )
    assert rates == {"theirs": [150, 140, 160], "ours": [900, 980, 800]}
    assert order == ["theirs 2,048", *["theirs 4,096", "ours"] * 3]


def test_a_ratio_is_the_median_of_the_rounds_and_not_of_the_rates() -> None:
    # By round 6, 7 and 5; the medians of the rates would give 900 ÷ 150 whatever the rounds.
    figure = ratio_figure("ours ÷ theirs", [900, 1050, 500], [150, 150, 100], Goal(6.5, 9))
    assert figure.measured == "6.00 × (900 ÷ 150/s)"
    assert figure.goal == "≥ 6.5 × (9 ×)"
    assert not figure.reached


def test_a_goal_is_reached_by_what_equals_it() -> None:
    assert ratio_figure("ours ÷ theirs", [400], [100], Goal(4, 5.5)).reached


def test_a_slow_rate_keeps_a_digit_and_its_unit() -> None:
    said: list[str] = []
    take_rounds({"JoeyNMT": {"16": lambda: 3.26}}, 1, said.append, "sentences/s")
    assert said == ["round 1: JoeyNMT, 16: 3.3 sentences/s"]
