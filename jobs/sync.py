"""Sending what MLflow has missed: the journals of all runs of a model."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from jobs.context import JobContext
from jobs.journal import journals
from jobs.replay import send
from pipeline.errors import AnuvadError, BusyError, OutageError


@dataclass(frozen=True)
class Synced:
    """What became of one run's journal.

    Attributes:
        run_id: anuvad's own.
        sent: records that MLflow took now.
        left: those that it did not.
        why: they are left; None if none are.
    """

    run_id: str
    sent: int
    left: int
    why: str | None

    def as_json(self) -> dict[str, Any]:
        """What ``anuvad sync --json`` prints of it."""
        return asdict(self)


def sync(job: JobContext) -> list[Synced]:
    """Send every journal of the configuration's model that has something left.

    After MLflow has not answered once, nothing more is sent, and the rest is told as left.
    """
    found = []
    outage: OutageError | None = None
    for journal in journals(job.storage, job.config.registry.name):
        pending = journal.pending()
        if not pending:
            continue
        why: str | None = None
        try:
            if outage is not None:
                raise outage
            send(job.tracking_uri, journal, job.storage, job.console.warn)
        except OutageError as error:
            outage, why = error, str(error)
        except BusyError:
            why = "a command that is under way sends it"
        except AnuvadError as error:
            # Of this run; the others may be taken.
            why = str(error)
        left = journal.pending() if why else 0
        found.append(Synced(journal.run_id, pending - left, left, why))
    return found


if __name__ == "__main__":
    from jobs.cli import run

    run("sync")
