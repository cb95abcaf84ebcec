"""Which training worker is to blame when one fails or hangs, of all that is heard of them.

When one worker dies or stops, the others fail too: their exchange of gradients is cut off or times
out. Theirs is not the failure that a person has to look at. So each worker says what it fails of,
and each second that it lives and how far it is (:class:`Beat`); what nobody hears any more is the
one that the others wait for.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

# A worker beats each second; what is silent for this long is dead, stopped or cut off.
SILENT_S = 4.0

_OF_EXCHANGE = re.compile(
    r"gloo|nccl|connection (closed|reset|refused)|timed out waiting|broken pipe|"
    r"wait timeout|process group|collective",
    re.IGNORECASE,
)
_TIMED_OUT = re.compile(r"timed? ?out", re.IGNORECASE)


@dataclass(frozen=True)
class Beat:
    """What a worker says each second.

    Attributes:
        group: of the workers that were started together; a start anew has another.
        rank: its rank there.
        update: the last update to whose exchange of gradients it came; 0 before the first.
        place: its process and its node, as a person looks for them.
    """

    group: str
    rank: int
    update: int
    place: str


@dataclass(frozen=True)
class Heard:
    """A worker's last beat, and for how many seconds nothing has come since."""

    beat: Beat
    silent_s: float


@dataclass(frozen=True)
class Failure:
    """What a worker failed of.

    Attributes:
        rank: the worker's.
        update: of its last beat.
        text: the exception in one line.
        of_exchange: whether it failed of another: its exchange was cut off or timed out.
    """

    rank: int
    update: int
    text: str
    of_exchange: bool


def is_of_exchange(error: BaseException) -> bool:
    """Whether an exception of a worker says that another did not come to an exchange."""
    bases = {base.__name__ for base in type(error).__mro__}
    if bases & {"DistError", "DistBackendError", "DistNetworkError"}:
        return True
    return type(error) is RuntimeError and _OF_EXCHANGE.search(str(error)) is not None


def in_one_line(error: BaseException) -> str:
    """``ValueError: the last line that it says``."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1][:300]}" if lines else type(error).__name__


def blame(
    heard: Mapping[int, Heard],
    failures: Sequence[Failure],
    dead: Collection[int],
    timeout_s: float,
) -> str | None:
    """One sentence that names the worker whose failure the others follow from.

    Args:
        heard: what was last heard of each rank.
        failures: what the workers said that they failed of, in the order in which it came.
        dead: ranks whose process has ended.
        timeout_s: of an exchange.

    Returns:
        The sentence; None if nothing is known.
    """
    for failure in failures:
        if not failure.of_exchange:
            return f"{_name(failure.rank, heard)} failed: {failure.text}"
    for rank in sorted(dead):
        return f"{_name(rank, heard)} died{_last(rank, heard)}"
    said = {failure.rank for failure in failures}
    silent = [r for r, h in heard.items() if h.silent_s >= SILENT_S and r not in said]
    for rank in sorted(silent, key=lambda r: (heard[r].beat.update, -heard[r].silent_s)):
        how = f"was silent for {heard[rank].silent_s:.0f} s"
        return f"{_name(rank, heard)} hangs: it {how}{_last(rank, heard)}"
    updates = {rank: h.beat.update for rank, h in heard.items()}
    if not updates:
        return None
    furthest = max(updates.values())
    for rank in sorted(updates, key=lambda r: updates[r]):
        if updates[rank] < furthest:
            return (
                f"{_name(rank, heard)} did not come to the exchange of update {furthest} within "
                f"{timeout_s:g} s{_last(rank, heard)}"
            )
    # It came as far as the others and lives, but is not where they wait: in a checkpoint, say.
    waited = [failure for failure in failures if _TIMED_OUT.search(failure.text)]
    for rank in sorted(heard.keys() - said) if waited else ():
        return (
            f"{_name(rank, heard)} kept worker {waited[0].rank} waiting for longer than "
            f"{timeout_s:g} s{_last(rank, heard)}"
        )
    for failure in failures:
        return (
            f"{_name(failure.rank, heard)} lost its exchange with the others"
            f"{_last(failure.rank, heard)}: {failure.text}"
        )
    return None


def _name(rank: int, heard: Mapping[int, Heard]) -> str:
    return f"worker {rank} ({heard[rank].beat.place})" if rank in heard else f"worker {rank}"


def _last(rank: int, heard: Mapping[int, Heard]) -> str:
    if rank not in heard:
        return ", before it was heard of"
    update = heard[rank].beat.update
    return f", last heard of {f'at update {update:,}' if update else 'before its first update'}"
