"""Put a champion of before back, and say why.

writes  the alias ``champion``; on the version that is it no longer that it was rolled back, when
        and why; on the one that is, the move (:mod:`jobs.moves`)
holds   a version that was rolled back keeps its verdict, so no retraining promotes it again; each
        rollback takes back the last move that was not taken back: two in a row go back two
        champions, and one after ``--to`` goes back to where that was asked for
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jobs.context import JobContext
from jobs.moves import ROLLED_BACK_TAG, history, move_champion, moving, trail
from jobs.registry import CHAMPION, Version
from pipeline.errors import RegistryError

WHY_TAG = "anuvad.rolled_back_why"
BEFORE_TAG = "anuvad.champion_before"
NO_REASON = "no reason was given"


@dataclass(frozen=True)
class Rollback:
    """The champion that was, the one that is, and why; both are one where nothing had to move."""

    before: Version
    champion: Version
    why: str

    def as_json(self) -> dict[str, Any]:
        """As one JSON document."""
        return {
            "champion": self.champion.number,
            "before": self.before.number,
            "why": self.why,
        }


def rollback(job: JobContext, to: str | None = None, why: str = "") -> Rollback:
    """Move the alias back, and write on both versions that it was done.

    Args:
        job: the job.
        to: the number of a version; if None, the champion from which the alias came to the present
            one, see :func:`jobs.moves.trail`.
        why: for the record.

    Raises:
        RegistryError: if there is no champion, none is known to have been before it, or no version
            ``to``.
        BusyError: if another process is moving the champion for minutes.
    """
    registry, name = job.registry, job.config.registry.name
    why = " ".join(why.split()) or NO_REASON
    with moving(job, name) as held:
        champion = registry.by_alias(name, CHAMPION)
        if champion is None:
            raise RegistryError(f"{name} must have a champion to roll back, but has none")
        target = _target(registry.versions(name), champion, to)
        if target.number == champion.number:
            return Rollback(champion, champion, f"version {target.number} is the champion already")
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        held.check()
        registry.set_tags(champion, {ROLLED_BACK_TAG: now, WHY_TAG: why})
        registry.set_tags(target, {"anuvad.restored": now})
        move_champion(registry, held, target, champion, "rolled back", why, undoes=to is None)
    return Rollback(before=champion, champion=target, why=why)


def _target(versions: Sequence[Version], champion: Version, to: str | None) -> Version:
    """The version to go back to.

    Raises:
        RegistryError: if it is not among ``versions``, or see :func:`_number_before`.
    """
    number = _number_before(versions, champion) if to is None else to
    found = next((version for version in versions if version.number == number), None)
    if found is not None:
        return found
    if to is not None:
        numbers = ", ".join(version.number for version in reversed(versions))
        raise RegistryError(f"--to must be a version of {champion.name} ({numbers}), not {to!r}")
    raise RegistryError(
        f"the champion before version {champion.number}, version {number}, must be in the "
        f"registry, but was deleted; `anuvad rollback CONFIG --to VERSION` puts another in its "
        f"place"
    )


def _number_before(versions: Sequence[Version], champion: Version) -> str:
    """The number of the version from which the alias came to the champion.

    Where it was not anuvad that moved it there, of the version that the champion was promoted over
    when it was promoted.

    Raises:
        RegistryError: if there was none, or nobody wrote it down.
    """
    _, *behind = reversed(trail(history(versions), champion.number))
    number = (behind[0] or champion.tags.get(BEFORE_TAG)) if behind else "none"
    if number is None:
        raise RegistryError(
            f"which champion came before version {champion.number} must be known, but it was not "
            f"anuvad that promoted it; `anuvad rollback CONFIG --to VERSION` puts a version of "
            f"your choice in its place"
        )
    if number == "none":
        raise RegistryError(
            f"{champion.name} must have had a champion before version {champion.number}, but that "
            f"was the first; `anuvad rollback CONFIG --to VERSION` puts another version in its "
            f"place"
        )
    return number


if __name__ == "__main__":
    from jobs.cli import run

    run("rollback")
