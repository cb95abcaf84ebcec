"""A small scheduler in the foreground: a retraining at each fire of a cron expression.

reads   the configuration, and the clock
writes  ``schedules/seed.json``, the next fire and how the last one ended, for ``anuvad status``
holds   a fire is one Ray job, whose submission id is the model's name and the time of the fire: two
        schedulers of one model on one cluster start it once; a fire that comes while the one before
        still runs is left out, since that one trains on all there is; none is lost to a storage
        that does not take what is written

With an address the job runs on that cluster, with the code that is here, see jobs/shipped_code.py.
Without one Ray is started here for each fire, and stopped after it.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import shlex
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.fires import fires, require_cron, time_zone
from jobs.ray_jobs import RayJobs, attempt_name, cluster_jobs, local_jobs
from jobs.server_address import require_server_address
from jobs.shipped_code import ARCHIVE, ship
from jobs.signals import EXIT_TRY_AGAIN
from pipeline.errors import AnuvadError
from pipeline.storage import Storage

if TYPE_CHECKING:
    from jobs.context import JobContext

SCHEDULES = "schedules"
MAX_TRIES = 3

# A machine that was asleep finds its clock far ahead: so often it is looked at.
_LOOK_EVERY_S = 30.0


@dataclass(frozen=True)
class Schedule:
    """What a scheduler says of itself.

    Attributes:
        model: the registered name.
        cron, zone: when it fires.
        next_fire: ISO time in UTC; None after its last.
        last_job: the submission id of the last fire; None before the first.
        last_code: the exit code of that job; None while it runs, or where it is not known.
        by: process and host.
    """

    model: str
    cron: str
    zone: str
    next_fire: str | None
    last_job: str | None
    last_code: int | None
    by: str


def schedule(
    job: JobContext,
    config: str,
    overrides: Sequence[str],
    cron: str,
    zone: str,
    *,
    once: bool,
    address: str | None,
    now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.UTC),
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Retrain at each fire until interrupted; with ``once`` at the next one only.

    Args:
        job: whose storage and model it is.
        config: the path of the configuration file.
        overrides: ``key=value`` each.
        cron: see :func:`jobs.fires.require_cron`.
        zone: by whose clocks.
        once: answer after one fire.
        address: of a cluster's job server, ``http://head:8265``; None for Ray on this machine.
        now, sleep: the clock.

    Returns:
        The exit code of the last job.

    Raises:
        ConfigError: if the expression, the zone or the address can't be, or the configuration on a
            cluster.
        AnuvadError: with ``once``, if the cluster does not answer; else that is a warning.
    """
    require_cron(cron)
    clock = time_zone(zone)
    if address is not None:
        # What is refused is refused now, and not at night.
        require_server_address(address, "--address (or RAY_ADDRESS)")
        ship(config, overrides, ["retrain"])
    by = f"process {os.getpid()} on {socket.gethostname()}"
    said = Schedule(job.config.registry.name, cron, zone, None, None, None, by)
    code = 0
    try:
        while True:
            fire = next(fires(cron, clock, now()))
            said = _say(job, said, next_fire=fire.isoformat())
            job.console.say("schedule", f"next fire at {fire.astimezone(clock).isoformat(' ')}")
            while (left := (fire - now()).total_seconds()) > 0:
                sleep(min(left, _LOOK_EVERY_S))
            name = submission_id(job.config.registry.name, fire)
            said = _say(job, said, next_fire=None, last_job=name, last_code=None)
            try:
                code = _fire(job, name, config, overrides, address, sleep)
            except (AnuvadError, OSError) as error:
                # Nobody is there to start a scheduler anew that one bad night has ended.
                if once:
                    raise
                job.console.warn(f"{name}: {error}; the next fire is waited for")
                code = error.exit_code if isinstance(error, AnuvadError) else 1
            said = _say(job, said, last_code=code)
            if once:
                return code
            missed = sum(1 for _ in _until(fires(cron, clock, fire), now()))
            if missed:
                job.console.warn(f"{missed} fires came while {name} was running, and are left out")
    finally:
        _say(job, said, next_fire=None)


def submission_id(model: str, fire: datetime.datetime) -> str:
    """The name of a fire's job: the same from whichever scheduler."""
    return f"anuvad-{model}-{fire:%Y%m%dT%H%M%SZ}"


def schedule_of(storage: Storage, model: str) -> dict[str, Any] | None:
    """What the scheduler of a model said last; None if there was none."""
    path = f"{SCHEDULES}/{model}.json"
    if storage.size(path) is None:
        return None
    found: dict[str, Any] = json.loads(storage.read_bytes(path))
    return found


def _fire(
    job: JobContext,
    name: str,
    config: str,
    overrides: Sequence[str],
    address: str | None,
    sleep: Callable[[float], None],
) -> int:
    """Run the job of a fire, again where it asks for it; its exit code."""
    code = EXIT_TRY_AGAIN
    with _jobs(address) as jobs:
        for attempt in range(1, MAX_TRIES + 1):
            this = attempt_name(name, attempt)
            with _command(config, overrides, is_local=address is None) as (entry, folder):
                is_new = jobs.submit(this, entry, folder, job.config.compute.grace_s)
            how = "started" if is_new else "was started by another scheduler, is waited for"
            job.console.say("schedule", f"{this} {how}")
            code = jobs.wait(this, sleep)
            job.console.say("schedule", f"{this} ended with exit code {code}")
            if code != EXIT_TRY_AGAIN:
                break
    return code


def _jobs(address: str | None) -> contextlib.AbstractContextManager[RayJobs]:
    return local_jobs() if address is None else cluster_jobs(address)


@contextlib.contextmanager
def _command(
    config: str, overrides: Sequence[str], is_local: bool
) -> Iterator[tuple[str, Path | None]]:
    """What the job runs, and the archive that it needs on a cluster."""
    if is_local:
        # Paths in the configuration count from where the scheduler was started.
        words = [sys.executable, "-m", "jobs.cli", "retrain", config, *overrides]
        yield f"cd {shlex.quote(str(Path.cwd()))} && exec {shlex.join(words)}", None
        return
    shipment = ship(config, overrides, ["retrain"])
    with tempfile.TemporaryDirectory(prefix="anuvad-job-") as scratch:
        archive = Path(scratch) / ARCHIVE
        archive.write_bytes(shipment.archive)
        yield shipment.command, archive


def _until(
    moments: Iterator[datetime.datetime], end: datetime.datetime
) -> Iterator[datetime.datetime]:
    for moment in moments:
        if moment > end:
            return
        yield moment


def _say(job: JobContext, said: Schedule, **changed: Any) -> Schedule:
    """Put down what has changed; where the storage does not take it that is a warning."""
    said = Schedule(**asdict(said) | changed)
    text = json.dumps(asdict(said), ensure_ascii=False, indent=1)
    try:
        job.storage.write_bytes(f"{SCHEDULES}/{said.model}.json", f"{text}\n".encode())
    except (AnuvadError, OSError) as error:
        # What is for `anuvad status` to tell must not cost a night.
        job.console.warn(f"`anuvad status` will not tell how the schedule stands: {error}")
    return said


if __name__ == "__main__":
    from jobs.cli import run

    run("schedule")
