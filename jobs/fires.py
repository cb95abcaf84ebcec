"""When a cron expression fires, in a time zone whose clocks are put forward and back.

Every local time that the expression names fires once. One that the clock leaves out in spring fires
at the moment when it jumps; one that comes twice in autumn fires the first time. So a change of the
clock neither loses a fire nor doubles one; several left out by one jump are one fire.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import CroniterBadDateError, CroniterError, croniter

from pipeline.errors import ConfigError

_FIELDS = 5
_RANDOM = re.compile(r"(?i)(?<![a-z])R(?![a-z])")


def time_zone(name: str) -> ZoneInfo:
    """The time zone of that name.

    Raises:
        ConfigError: if there is none here.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigError(
            f"--tz must be a time zone such as Asia/Kolkata, but {name!r} is none that this "
            f"machine knows (the package tzdata has them all)"
        ) from error


def require_cron(expression: str) -> None:
    """Refuse what is no cron expression of five fields, and one that never fires.

    Raises:
        ConfigError: saying what is wrong.
    """
    try:
        if len(expression.split()) != _FIELDS:
            raise CroniterError("it has other than five fields")
        if _RANDOM.search(expression):
            raise CroniterError("R draws another time whenever it is read")
        croniter(expression, datetime.datetime(2024, 1, 1)).get_next(datetime.datetime)
    except CroniterBadDateError as error:
        raise ConfigError(f"--cron {expression!r} must name a day that there is") from error
    except (CroniterError, ValueError) as error:
        raise ConfigError(
            f"--cron must be minute, hour, day, month and weekday, as in '0 2 * * *', but "
            f"{expression!r} is not: {error}"
        ) from error


def fires(expression: str, zone: ZoneInfo, after: datetime.datetime) -> Iterator[datetime.datetime]:
    """The moments of the fires after a moment, in UTC, ascending.

    Args:
        expression: see :func:`require_cron`.
        zone: whose clocks it is meant by.
        after: an aware time.
    """
    latest = after.astimezone(datetime.UTC)
    # Local times without a zone: what a jump does to them is for `_moment` to say. An hour that
    # comes twice was gone through by the time it comes again, so begin a day before.
    local = after.astimezone(zone).replace(tzinfo=None) - datetime.timedelta(days=1)
    named = croniter(expression, local)
    while True:
        moment = _moment(named.get_next(datetime.datetime), zone)
        if moment > latest:
            latest = moment
            yield moment


def _moment(local: datetime.datetime, zone: ZoneInfo) -> datetime.datetime:
    """When a clock first shows a local time, or, if it never does, when it jumps over it; UTC."""
    before = local.replace(tzinfo=zone, fold=0).astimezone(datetime.UTC)
    if before.astimezone(zone).replace(tzinfo=None) == local:
        return before
    # In a gap fold 0 counts from the offset before it, fold 1 from that after it (PEP 495): the
    # jump lies between the two.
    early = local.replace(tzinfo=zone, fold=1).astimezone(datetime.UTC)
    late = before
    offset = late.astimezone(zone).utcoffset()
    while late - early > datetime.timedelta(seconds=1):
        middle = early + (late - early) // 2
        if middle.astimezone(zone).utcoffset() == offset:
            late = middle
        else:
            early = middle
    return late.replace(microsecond=0)
