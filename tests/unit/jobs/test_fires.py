"""Fires of cron expressions, over changes of the clock as they were and will be."""

from __future__ import annotations

import datetime
from itertools import islice

import pytest

from jobs.fires import fires, require_cron, time_zone
from pipeline.errors import ConfigError

UTC = datetime.UTC


def first(expression: str, zone: str, after: str, count: int) -> list[str]:
    """The first fires after a moment in UTC, as that zone's clocks show them."""
    moment = datetime.datetime.fromisoformat(after).replace(tzinfo=UTC)
    found = islice(fires(expression, time_zone(zone), moment), count)
    return [each.astimezone(time_zone(zone)).isoformat(" ", "minutes") for each in found]


def test_where_clocks_are_never_changed_it_fires_at_the_same_time_each_day() -> None:
    # 02:00 in India is 20:30 of the day before in UTC.
    assert first("0 2 * * *", "Asia/Kolkata", "2026-03-28T20:30", 3) == [
        "2026-03-30 02:00+05:30",
        "2026-03-31 02:00+05:30",
        "2026-04-01 02:00+05:30",
    ]


@pytest.mark.parametrize(
    ("zone", "after", "expected"),
    [
        # 02:00 → 03:00 on 29 March 2026.
        (
            "Europe/Berlin",
            "2026-03-27T12:00",
            ["2026-03-28 02:30+01:00", "2026-03-29 03:00+02:00", "2026-03-30 02:30+02:00"],
        ),
        # 02:00 → 03:00 on 8 March 2026.
        (
            "America/New_York",
            "2026-03-07T00:00",
            ["2026-03-07 02:30-05:00", "2026-03-08 03:00-04:00", "2026-03-09 02:30-04:00"],
        ),
        # Half an hour only: 02:00 → 02:30 on 4 October 2026.
        (
            "Australia/Lord_Howe",
            "2026-10-02T12:00",
            ["2026-10-03 02:30+10:30", "2026-10-04 02:30+11:00", "2026-10-05 02:30+11:00"],
        ),
    ],
)
def test_a_time_that_is_left_out_in_spring_fires_as_the_clock_jumps(
    zone: str, after: str, expected: list[str]
) -> None:
    assert first("30 2 * * *", zone, after, 3) == expected


@pytest.mark.parametrize(
    ("zone", "after", "expected"),
    [
        # 03:00 → 02:00 on 25 October 2026.
        (
            "Europe/Berlin",
            "2026-10-23T12:00",
            ["2026-10-24 02:30+02:00", "2026-10-25 02:30+02:00", "2026-10-26 02:30+01:00"],
        ),
        # 02:00 → 01:30 on 5 April 2026.
        (
            "Australia/Lord_Howe",
            "2026-04-03T12:00",
            ["2026-04-04 01:45+11:00", "2026-04-05 01:45+11:00", "2026-04-06 01:45+10:30"],
        ),
    ],
)
def test_a_time_that_comes_twice_in_autumn_fires_the_first_time(
    zone: str, after: str, expected: list[str]
) -> None:
    minute_hour = "30 2" if zone == "Europe/Berlin" else "45 1"
    assert first(f"{minute_hour} * * *", zone, after, 3) == expected


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        # 02:10 in summer time: the first 02:30 is still to come.
        ("2026-10-25T00:10", "2026-10-25 02:30+02:00"),
        # 02:45 in summer time, and 02:10 in winter time: it has been.
        ("2026-10-25T00:45", "2026-10-26 02:30+01:00"),
        ("2026-10-25T01:10", "2026-10-26 02:30+01:00"),
        ("2026-10-25T01:50", "2026-10-26 02:30+01:00"),
    ],
)
def test_a_scheduler_that_is_started_in_the_doubled_hour_doubles_nothing(
    after: str, expected: str
) -> None:
    assert first("30 2 * * *", "Europe/Berlin", after, 1) == [expected]


def test_several_times_that_one_jump_leaves_out_are_one_fire() -> None:
    assert first("*/20 * * * *", "Europe/Berlin", "2026-03-29T00:30", 4) == [
        "2026-03-29 01:40+01:00",
        "2026-03-29 03:00+02:00",
        "2026-03-29 03:20+02:00",
        "2026-03-29 03:40+02:00",
    ]


def test_a_scheduler_that_is_started_just_after_the_jump_does_not_fire_for_what_it_left_out() -> (
    None
):
    assert first("30 2 * * *", "Europe/Berlin", "2026-03-29T01:00", 1) == ["2026-03-30 02:30+02:00"]


def test_a_day_that_a_country_skipped_fires_as_the_next_one_began() -> None:
    # Samoa went over the date line: after 29 December 2011 came the 31st.
    assert first("0 12 * * *", "Pacific/Apia", "2011-12-29T00:00", 3) == [
        "2011-12-29 12:00-10:00",
        "2011-12-31 00:00+14:00",
        "2011-12-31 12:00+14:00",
    ]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC"])
def test_in_a_year_every_night_fires_once(zone: str) -> None:
    start = datetime.datetime(2026, 1, 1, tzinfo=time_zone(zone))
    found = list(islice(fires("30 2 * * *", time_zone(zone), start), 365))
    days = [each.astimezone(time_zone(zone)).date() for each in found]
    assert days == [datetime.date(2026, 1, 1) + datetime.timedelta(days=n) for n in range(365)]


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("0 2 * *", "it has other than five fields"),
        ("0 2 * * * 30", "it has other than five fields"),
        ("0 25 * * *", "is not: "),
        ("0 0 30 2 *", "must name a day that there is"),
        ("", "it has other than five fields"),
    ],
)
def test_what_is_no_schedule_is_refused(expression: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        require_cron(expression)


@pytest.mark.parametrize("name", ["Asia/Delhi", "", "../etc/passwd"])
def test_a_zone_that_there_is_not_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="--tz must be a time zone such as Asia/Kolkata, but"):
        time_zone(name)


@pytest.mark.parametrize("expression", ["R 2 * * *", "r(0-30) 2 * * *", "0 R/6 * * *"])
def test_a_time_that_is_drawn_anew_by_each_scheduler_is_refused(expression: str) -> None:
    with pytest.raises(ConfigError, match="R draws another time whenever it is read"):
        require_cron(expression)


def test_months_and_days_with_an_r_in_their_names_are_none_of_these() -> None:
    require_cron("0 2 * mar,apr thu,fri")
