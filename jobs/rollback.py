"""Put the champion before the present one back."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

from jobs.context import JobContext
from jobs.registry import CHAMPION, Version
from pipeline.errors import RegistryError

ROLLED_BACK_TAG = "anuvad.rolled_back"


@dataclass(frozen=True)
class Rollback:
    """The champion that was, and the one that is."""

    before: Version
    champion: Version

    def as_json(self) -> dict[str, Any]:
        """As one JSON document."""
        return {"champion": self.champion.number, "before": self.before.number}


def rollback(job: JobContext) -> Rollback:
    """Move the alias back to the champion before, and write on both versions that it was done.

    Raises:
        RegistryError: if there is no champion, or none before it.
    """
    registry, name = job.registry, job.config.registry.name
    champion = registry.by_alias(name, CHAMPION)
    if champion is None:
        raise RegistryError(f"{name} must have a champion to roll back, but has none")
    number = champion.tags.get("anuvad.champion_before")
    if number is None:
        raise RegistryError(
            f"which champion came before version {champion.number} must be known, but it was "
            f"not anuvad that promoted it; `anuvad promote CONFIG --model models:/{name}/VERSION` "
            f"holds another version against it"
        )
    if number == "none":
        raise RegistryError(
            f"{name} must have had a champion before version {champion.number}, but that was "
            f"the first"
        )
    before = registry.resolve(f"models:/{name}/{number}")
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    registry.set_tags(champion, {ROLLED_BACK_TAG: now})
    registry.set_tags(before, {"anuvad.restored": now})
    registry.set_alias(before, CHAMPION)
    return Rollback(before=champion, champion=before)


if __name__ == "__main__":
    from jobs.cli import run

    run("rollback")
