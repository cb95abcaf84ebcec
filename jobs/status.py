"""Where a model stands: champion, challenger, moves, versions, runs, schedule, locks, journals.

reads   the registry and the storage; nothing is made where there is none yet
"""

from __future__ import annotations

import datetime
from dataclasses import asdict
from typing import Any

from jobs import lease, lock
from jobs.context import JobContext
from jobs.journal import journals
from jobs.moves import history
from jobs.no_secrets import without_secrets
from jobs.promote import verdict_of
from jobs.registry import CHALLENGER, CHAMPION, Version
from jobs.schedule import schedule_of
from jobs.tracking import registry_stands
from pipeline.storage import Storage


def status(job: JobContext) -> dict[str, Any]:
    """What ``anuvad status --json`` prints.

    ``champion`` and ``challenger`` are versions or null; ``moves`` of the champion, ``versions``
    and ``runs`` come newest first; ``schedule`` is what a
    scheduler said last, or null; ``locks`` are those that are held;
    ``journals`` are runs with what MLflow has not taken yet, and how many lines.
    """
    name = job.config.registry.name
    here = {
        "schedule": schedule_of(job.storage, name),
        "locks": held_locks(job.storage),
        "journals": unsent(job.storage, name),
    }
    if not registry_stands(job.tracking_uri):
        none: dict[str, Any] = {"champion": None, "challenger": None}
        none |= {"moves": [], "versions": [], "runs": []}
        return {"model": name, "registry": without_secrets(job.tracking_uri), **none, **here}
    registry = job.registry
    versions = registry.versions(name)
    aliases: dict[str, str] = {}
    found = {}
    for alias in (CHAMPION, CHALLENGER):
        version = registry.by_alias(name, alias)
        found[alias] = version
        if version is not None:
            aliases[version.number] = f"{aliases.get(version.number, '')} {alias}".strip()
    test = job.config.gate.tests[0]
    rows = [_version(v, test, aliases.get(v.number, "")) for v in versions]
    by_number = {row["version"]: row for row in rows}
    return {
        "model": name,
        "registry": without_secrets(registry.uri),
        "champion": _of(found[CHAMPION], by_number),
        "challenger": _of(found[CHALLENGER], by_number),
        "moves": [asdict(move) for move in history(versions)],
        "versions": rows,
        "runs": registry.runs(job.config.tracking.experiment or name),
        **here,
    }


def held_locks(storage: Storage) -> list[dict[str, str]]:
    """The locks of a storage that are held: ``name`` and ``holder``."""
    found = {name: str(holder) for name, holder in lease.holders(storage).items()}
    return [
        {"name": name, "holder": holder}
        for name, holder in sorted((found | lock.holders(storage)).items())
    ]


def unsent(storage: Storage, model: str) -> list[dict[str, Any]]:
    """``run`` and ``lines`` of each journal that MLflow has not taken all of."""
    found = ((journal.run_id, journal.pending()) for journal in journals(storage, model))
    return [{"run": run, "lines": lines} for run, lines in found if lines]


def _of(version: Version | None, rows: dict[str, dict[str, Any]]) -> dict[str, Any] | None:
    return rows[version.number] if version is not None else None


def _version(version: Version, test: str, aliases: str) -> dict[str, Any]:
    verdict = verdict_of(version)
    created = datetime.datetime.fromtimestamp(version.created / 1000, datetime.UTC)
    return {
        "version": version.number,
        "aliases": aliases.split(),
        "created": created.isoformat(timespec="seconds"),
        "run_id": version.run_id,
        "bleu_intl": version.tags.get(f"anuvad.{test}.bleu_intl"),
        "chrf2": version.tags.get(f"anuvad.{test}.chrf2"),
        "promoted": verdict.promoted if verdict else None,
        "why": verdict.why if verdict else "not judged yet",
    }


if __name__ == "__main__":
    from jobs.cli import run

    run("status")
