"""Where a model stands: champion, challenger, versions and runs."""

from __future__ import annotations

import datetime
from typing import Any

from jobs.context import JobContext
from jobs.gate import Verdict
from jobs.promote import VERDICT_TAG
from jobs.registry import CHALLENGER, CHAMPION, Version
from jobs.tracking import registry_stands


def status(job: JobContext) -> dict[str, Any]:
    """What ``anuvad status --json`` prints.

    ``champion`` and ``challenger`` are versions or null; ``versions`` and ``runs`` come newest
    first.
    """
    name = job.config.registry.name
    if not registry_stands(job.tracking_uri):
        empty: dict[str, Any] = {"champion": None, "challenger": None, "versions": [], "runs": []}
        return {"model": name, "registry": job.tracking_uri, **empty}
    registry = job.registry
    versions = registry.versions(name)
    aliases: dict[str, str] = {}
    found = {}
    for alias in (CHAMPION, CHALLENGER):
        version = registry.by_alias(name, alias)
        found[alias] = version
        if version is not None:
            aliases[version.number] = f"{aliases.get(version.number, '')} {alias}".strip()
    rows = [_version(v, job.config.gate.tests[0], aliases.get(v.number, "")) for v in versions]
    by_number = {row["version"]: row for row in rows}
    return {
        "model": name,
        "registry": registry.uri,
        "champion": _of(found[CHAMPION], by_number),
        "challenger": _of(found[CHALLENGER], by_number),
        "versions": rows,
        "runs": registry.runs(job.config.tracking.experiment or name),
    }


def _of(version: Version | None, rows: dict[str, dict[str, Any]]) -> dict[str, Any] | None:
    return rows[version.number] if version is not None else None


def _version(version: Version, test: str, aliases: str) -> dict[str, Any]:
    verdict = version.tags.get(VERDICT_TAG)
    created = datetime.datetime.fromtimestamp(version.created / 1000, datetime.UTC)
    return {
        "version": version.number,
        "aliases": aliases.split(),
        "created": created.isoformat(timespec="seconds"),
        "run_id": version.run_id,
        "bleu_intl": version.tags.get(f"anuvad.{test}.bleu_intl"),
        "chrf2": version.tags.get(f"anuvad.{test}.chrf2"),
        "promoted": Verdict.from_json(verdict).promoted if verdict else None,
        "why": Verdict.from_json(verdict).why if verdict else "not judged yet",
    }


if __name__ == "__main__":
    from jobs.cli import run

    run("status")
