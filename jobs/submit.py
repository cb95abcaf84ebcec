"""One of anuvad's jobs on a cluster, by the job server of its Ray.

reads   the configuration and the code that are here
writes  nothing here; on the cluster a Ray job
holds   a job is named by what it would do (configuration, code, job): the same command attaches to
        it while it is under way, also when two are called at one moment. Where it has ended the
        command starts its next attempt, ``NAME-2``: it is for the job itself to find that there
        is nothing to do, and a retraining may find new data

Example of a name: ``anuvad-en-hi-retrain-1f2e3d4c5b6a``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from jobs.config import Config
from jobs.ray_jobs import JobState, RayJobs, attempt_name, attempt_number, cluster_jobs
from jobs.server_address import require_server_address
from jobs.shipped_code import ARCHIVE, Shipment, local_sources, ship

_HASH_LENGTH = 12


@dataclass(frozen=True)
class Order:
    """A job, packed and named.

    Attributes:
        name: of all its attempts.
        shipment: what runs.
        grace_s: what it is left, once asked to stop.
        warnings: a sentence each.
    """

    name: str
    shipment: Shipment
    grace_s: float
    warnings: tuple[str, ...] = ()


def order(config: Config, path: str, job: str, words: Sequence[str]) -> Order:
    """Pack a job.

    Args:
        config: what ``path`` and the overrides say.
        path: of the configuration file.
        job: a command of anuvad that takes a configuration, ``retrain``.
        words: ``key=value`` each, and from the first that begins with ``-`` on options of the job.

    Raises:
        ConfigError: see :func:`jobs.shipped_code.ship`.
    """
    overrides, options = split_words(words)
    shipment = ship(path, overrides, [job, *options])
    name = f"anuvad-{config.registry.name}-{job}-{shipment.identity[:_HASH_LENGTH]}"
    warnings = tuple(
        f"the corpus is read from {place}, which every node of the cluster must see"
        for place in local_sources(config)
        if not Path(place.removeprefix("file://")).is_relative_to(
            config.storage.removeprefix("file://")
        )
    )
    return Order(name, shipment, config.compute.grace_s, warnings)


def split_words(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Overrides of the configuration, and what follows them: options of the job."""
    first = next((at for at, word in enumerate(words) if word.startswith("-")), len(words))
    return list(words[:first]), list(words[first:])


@contextmanager
def job_server(address: str) -> Iterator[RayJobs]:
    """The job server of a cluster.

    Raises:
        ConfigError: if the address is no URL, or has a password.
        AnuvadError: if it does not answer, lets nobody in, or has another Ray.
    """
    require_server_address(address, "--address")
    with cluster_jobs(address) as jobs:
        yield jobs


def start(jobs: RayJobs, what: Order, say: Callable[[str], None]) -> JobState:
    """Attach to the job if it is under way, else start it, or its next attempt.

    Args:
        jobs: the server.
        what: the job.
        say: takes the sentence that says which it was.

    Raises:
        AnuvadError: if the server refuses.
    """
    ended = None
    number = 1
    if found := jobs.attempts(what.name):
        last = found[-1]
        if not last.has_ended:
            return _attached(last, say)
        ended = f"; {last.name} before it {how_it_ended(last)}"
        number = (attempt_number(what.name, last.name) or 0) + 1
    name = attempt_name(what.name, number)
    with tempfile.TemporaryDirectory(prefix="anuvad-job-") as scratch:
        archive = Path(scratch) / ARCHIVE
        archive.write_bytes(what.shipment.archive)
        is_new = jobs.submit(name, what.shipment.command, archive, what.grace_s)
    state = jobs.state(name)
    if not is_new:
        # Somebody else was faster.
        return _attached(state, say)
    say(f"submitted {name} to {jobs.address}{ended or ''}")
    return state


def follow(jobs: RayJobs, name: str, out: TextIO, say: Callable[[str], None]) -> int:
    """Show a job's log until it has ended; the exit code of its command.

    Raises:
        LostJobError: if the cluster does not say any more how it is.
        OSError: if ``out`` takes no more; the job goes on.
        KeyboardInterrupt: the job goes on.
    """
    state = jobs.follow(name, out, say)
    say(f"{name} {how_it_ended(state)}")
    return state.code


def stop(jobs: RayJobs, what: Order, out: TextIO, say: Callable[[str], None]) -> None:
    """Ask the job that is under way to end, and wait until it has.

    Raises:
        AnuvadError: if the server does not answer.
    """
    found = jobs.attempts(what.name)
    if not found or found[-1].has_ended:
        say(f"nothing to stop: {what.name} is not under way at {jobs.address}")
        return
    name = found[-1].name
    jobs.stop(name)
    say(f"asked {name} to stop; it has {what.grace_s:.0f} s to save where it stands")
    follow(jobs, name, out, say)


def how_it_ended(state: JobState) -> str:
    """``ended with exit code 3``, ``was stopped``, or why it never ran."""
    if state.exit_code is not None:
        return f"ended with exit code {state.exit_code}"
    if state.status == "STOPPED":
        return "was stopped"
    return f"{state.status.lower()}: {state.message[:300]}"


def _attached(state: JobState, say: Callable[[str], None]) -> JobState:
    say(
        f"attached to {state.name}, started {state.started:%Y-%m-%d %H:%M:%S} UTC, "
        f"{state.status.lower()}"
    )
    return state


if __name__ == "__main__":
    from jobs.cli import run

    run("submit")
