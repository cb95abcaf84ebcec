"""Moves of the alias ``champion``: one at a time, each on record.

reads   the tags ``anuvad.move.<time>`` of a model's versions
writes  one on the version that the alias goes to, before it goes there, and once more after it has;
        with that, on one that was rolled back, that it is so no longer
holds   whoever moves the alias holds the lock ``promote-<model>`` of the storage, and asks for its
        turn just before: MLflow has no way of moving an alias only if it is where it was

So all that promote a model must share its storage; a person on the MLflow page does not ask.
"""

from __future__ import annotations

import contextlib
import datetime
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from jobs.lease import Lease, lease
from jobs.registry import CHAMPION, Version

if TYPE_CHECKING:
    from jobs.context import JobContext
    from jobs.registry import Registry

MOVE_TAG = "anuvad.move."
ROLLED_BACK_TAG = "anuvad.rolled_back"
_NO_LONGER = "no longer"


@dataclass(frozen=True)
class Move:
    """One move of the alias.

    Attributes:
        at: ISO time.
        before: the version that was the champion; None if there was none.
        champion: the version that is it from then on.
        how: ``promoted`` or ``rolled back``.
        why: in a sentence.
        by: process and host.
        done: whether the alias is known to have moved; not so where the process ended in between.
        undoes: whether it took back the last move that had not been taken back.
    """

    at: str
    before: str | None
    champion: str
    how: str
    why: str
    by: str
    done: bool
    undoes: bool = False


@contextlib.contextmanager
def moving(job: JobContext, model: str) -> Iterator[Lease]:
    """Be the only one that moves the champion of ``model`` while the block runs.

    Raises:
        BusyError: if another does so for minutes.
        LostLockError: from :func:`move_champion`, if another has taken over.
    """
    with lease(job.storage, f"promote-{model}", job.console.warn) as held:
        yield held


def move_champion(
    registry: Registry,
    held: Lease,
    to: Version,
    before: Version | None,
    how: str,
    why: str,
    *,
    undoes: bool = False,
) -> None:
    """Point ``champion`` at a version, and write down that and why; see :class:`Move`.

    Raises:
        LostLockError: if the lock was taken over; the alias is where it was.
    """
    now = datetime.datetime.now(datetime.UTC)
    # In this spelling times are in their order as text, and MLflow takes it in a tag's name.
    tag = f"{MOVE_TAG}{now:%Y%m%dT%H%M%S.%fZ}"
    holder = held.holder
    move = Move(
        at=now.isoformat(timespec="seconds"),
        before=before.number if before else None,
        champion=to.number,
        how=how,
        why=why,
        by=f"process {holder.process} on {holder.host}, turn {holder.token}",
        done=False,
        undoes=undoes,
    )
    held.check()
    registry.set_tags(to, {tag: _json(move)})
    held.check()
    registry.set_alias(to, CHAMPION)
    # Only now, or one whose move is broken off could be promoted by the next retraining.
    back = {ROLLED_BACK_TAG: _NO_LONGER} if ROLLED_BACK_TAG in to.tags else {}
    registry.set_tags(to, {tag: _json(Move(**asdict(move) | {"done": True})), **back})


def was_rolled_back(version: Version) -> bool:
    """Whether a person put another in its place when it was the champion last."""
    return version.tags.get(ROLLED_BACK_TAG, _NO_LONGER) != _NO_LONGER


def history(versions: Sequence[Version]) -> list[Move]:
    """All moves that are on record, the latest first."""
    found = {
        key: Move(**json.loads(value))
        for version in versions
        for key, value in version.tags.items()
        if key.startswith(MOVE_TAG)
    }
    return [found[key] for key in sorted(found, reverse=True)]


def trail(moves: Sequence[Move], champion: str) -> list[str | None]:
    """The champions that a rollback goes back through, the present one last.

    It holds whom each move put on top, but for moves that were taken back: after 1 → 2 → 3 and one
    step back it is 1, 2. None stands for what nobody wrote down: a person moved the alias, or the
    version that a move was on record with was deleted. What is below the first is that there was
    no champion.

    Args:
        moves: see :func:`history`.
        champion: the number of the version that is the champion.
    """
    # Where the alias was when the next one began, which tells whether one was done that may not be.
    then = (champion, *(move.before for move in moves))
    done = [m for m, seen in zip(moves, then, strict=False) if m.done or m.champion == seen]
    found: list[str | None] = []
    for move in reversed(done):
        found = _standing_on(found, move.before)
        if not move.undoes:
            found.append(move.champion)
        elif move.champion in found[:-1]:
            del found[len(found) - found[-2::-1].index(move.champion) - 1 :]
        else:
            found += [None, move.champion]
    return _standing_on(found, champion)


def _standing_on(found: list[str | None], champion: str | None) -> list[str | None]:
    """The same with this champion on top, however it came there; empty if there is none."""
    if champion is None:
        return []
    return found if found and found[-1] == champion else [*found, None, champion]


def _json(move: Move) -> str:
    return json.dumps(asdict(move), ensure_ascii=False)
