"""Learning rates, worked out by hand."""

from __future__ import annotations

import pytest

from model.config import ScheduleName, TrainConfig
from model.schedule import learning_rate


def rate(update: int, schedule: ScheduleName, reductions: int = 0, **settings: float) -> float:
    config = {"learning_rate": 0.8, "warmup_updates": 4, "max_updates": 12, "schedule": schedule}
    return learning_rate(update, TrainConfig.model_validate(config | settings), reductions)


@pytest.mark.parametrize("schedule", ["inverse_sqrt", "cosine", "plateau", "constant"])
def test_the_warm_up_is_linear_and_ends_at_the_peak(schedule: ScheduleName) -> None:
    assert [rate(u, schedule) for u in (1, 2, 3, 4)] == pytest.approx([0.2, 0.4, 0.6, 0.8])


def test_the_inverse_root_halves_at_four_times_the_warm_up() -> None:
    assert rate(16, "inverse_sqrt") == pytest.approx(0.4)


def test_the_cosine_is_half_way_down_in_the_middle_and_ends_at_zero() -> None:
    assert rate(8, "cosine") == pytest.approx(0.4)
    assert rate(12, "cosine") == pytest.approx(0.0)
    assert rate(99, "cosine") == pytest.approx(0.0)


def test_constant_stays_at_the_peak() -> None:
    assert rate(1000, "constant") == 0.8


@pytest.mark.parametrize("schedule", ["inverse_sqrt", "cosine", "plateau", "constant"])
def test_without_a_warm_up_the_first_update_is_no_higher_than_the_peak(
    schedule: ScheduleName,
) -> None:
    assert 0.7 < rate(1, schedule, warmup_updates=0) <= 0.8


def test_a_warm_up_longer_than_the_training_never_reaches_the_peak() -> None:
    assert rate(12, "cosine", warmup_updates=24) == pytest.approx(0.4)


def test_a_plateau_multiplies_the_rate_with_its_factor_each_time() -> None:
    rates = [rate(9, "plateau", reductions, plateau_factor=0.5) for reductions in range(4)]
    assert rates == pytest.approx([0.8, 0.4, 0.2, 0.1])
    assert rate(2, "plateau", 1) == pytest.approx(0.4)  # The warm-up is what it is.


@pytest.mark.parametrize(
    ("schedule", "update", "reductions"),
    [("inverse_sqrt", 10_000, 0), ("cosine", 12, 0), ("cosine", 99, 0), ("plateau", 9, 7)],
)
def test_no_schedule_goes_below_the_lowest_rate(
    schedule: ScheduleName, update: int, reductions: int
) -> None:
    assert rate(update, schedule, reductions, min_learning_rate=0.1) == pytest.approx(0.1)


def test_the_cosine_is_between_peak_and_lowest_in_the_middle() -> None:
    assert rate(8, "cosine", min_learning_rate=0.2) == pytest.approx(0.5)
