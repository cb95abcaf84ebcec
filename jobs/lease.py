"""A lock that may be taken over: one at a time moves the champion, or makes an artifact.

reads   ``locks/promote-seed/`` or ``locks/evaluate-1f2e3d4c5b6a/``, the turns that were taken
writes  there ``00000007.json``, who took turn 7, made only if there is none; ``00000007.beat``, a
        count that grows while its holder lives; ``00000007.ended``, its end
holds   turns only grow, and whoever has not the highest holds nothing: :meth:`Lease.check` says so
        just before what must not be done twice (a fencing token). So the last turn of a lock stays
        for ever: a number that came twice would find the end of the turn that had it first

The storage must be able to make a file only if there is none, see
:meth:`pipeline.storage.Storage.create`.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import psutil

from jobs.lock import LOCKS
from pipeline.errors import AnuvadError, BusyError, LostLockError
from pipeline.storage import Storage

BEAT_EVERY_S = 5.0
STALE_S = 60.0
WAIT_S = 600.0
_POLL_S = 0.2
# Of one who waits for hours: an object store is asked four things at each look.
_LONGEST_POLL_S = 2.0
# Clocks that are set while a process lives move the time at which it began.
_SAME_START_S = 5.0
_SAY_AGAIN_S = 3600.0


@dataclass(frozen=True)
class Holder:
    """Who took a turn.

    Attributes:
        token: the number of the turn.
        host: its name.
        machine: what tells one table of processes from another: a start of a kernel, a container.
        process: its number there.
        started: when it began, seconds since 1970.
        since: ISO time of the turn.
    """

    token: int
    host: str
    machine: str
    process: int
    started: float
    since: str

    def __str__(self) -> str:
        return f"process {self.process} on {self.host} since {self.since} (turn {self.token})"

    def has_died(self) -> bool:
        """Whether it is known to have ended, which only its own machine can tell."""
        if self.machine != this_machine():
            return False
        try:
            found = psutil.Process(self.process)
            is_another = abs(found.create_time() - self.started) > _SAME_START_S
            return is_another or found.status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True


class Lease:
    """A turn that was taken; see :func:`lease`."""

    def __init__(self, storage: Storage, name: str, holder: Holder) -> None:
        self.storage = storage
        self.name = name
        self.holder = holder

    def check(self) -> None:
        """Go on only if nobody has taken over since.

        Raises:
            LostLockError: if somebody has, naming who.
        """
        by = self._latest()
        if by != self.holder:
            raise LostLockError(
                f"turn {self.holder.token} of {self.name} in {self.storage.uri} must be the "
                f"latest, but {by or 'another process'} has taken over; run the same command again"
            )

    def is_lost(self) -> bool:
        """Whether somebody has taken over since."""
        return self._latest() != self.holder

    def _latest(self) -> Holder | None:
        """Who took the latest turn.

        A number alone would not do: where a person deletes the folder, turns begin at 1 again.
        """
        return _read(self.storage, self.name, _highest(self.storage, self.name))


@contextlib.contextmanager
def lease(
    storage: Storage,
    name: str,
    notice: Callable[[str], None],
    *,
    waits: Callable[[Holder | None], None] = lambda holder: None,
    wait_s: float = WAIT_S,
    stale_s: float = STALE_S,
    beat_every_s: float = BEAT_EVERY_S,
) -> Iterator[Lease]:
    """Take the next turn of ``name``, and hold it while the block runs.

    It waits while another holds it. A holder is taken over from if it has died on this machine, or
    if its count of beats has not grown for ``stale_s`` seconds by the watch of whoever waits, so
    that no two clocks must agree. The one that was taken over from may wake up: it must ask
    :meth:`Lease.check` before it does what only a holder may.

    Args:
        storage: where the lock lies.
        name: of the lock.
        notice: is handed a sentence where a turn is taken over.
        waits: is handed who holds it, or None where that can't be read, once a turn that is waited
            for, and again each hour that it lasts.
        wait_s: how long to wait for somebody who lives.
        stale_s: how long a holder may be silent.
        beat_every_s: how often this one says that it lives.

    Raises:
        BusyError: if somebody still holds it after ``wait_s``; it says who and since when.
        AnuvadError: if the storage has no way of making a file only if there is none.
    """
    held = _take(storage, name, notice, waits, wait_s, stale_s)
    stop = threading.Event()
    beats = threading.Thread(
        target=_beat, args=(held, stop, beat_every_s), name=f"lease {name}", daemon=True
    )
    beats.start()
    try:
        yield held
    finally:
        stop.set()
        beats.join()
        _end(held)


def holders(storage: Storage) -> dict[str, Holder]:
    """Name → who holds it now, of all leases in a storage; one that died is still named."""
    turns: dict[str, list[str]] = {}
    # One look at all: each evaluation has left a lock, and an object store is asked over a network.
    for path in storage.tree(LOCKS):
        name, _, file = path.rpartition("/")
        turns.setdefault(name, []).append(file)
    # Beside the folders lie the files of `jobs.lock`.
    turns.pop("", None)
    found = {}
    for name, files in turns.items():
        top = _top_of(files)
        holder = None if f"{top:08}.ended" in files else _read(storage, name, top)
        if holder is not None:
            found[name] = holder
    return found


@cache
def this_machine() -> str:
    """What tells this table of processes from all others."""
    parts = []
    boot = Path("/proc/sys/kernel/random/boot_id")
    if boot.is_file():
        parts.append(boot.read_text().strip())
    with contextlib.suppress(OSError):
        parts.append(os.readlink("/proc/self/ns/pid"))
    return " ".join(parts) or socket.gethostname()


def _take(
    storage: Storage,
    name: str,
    notice: Callable[[str], None],
    waits: Callable[[Holder | None], None],
    wait_s: float,
    stale_s: float,
) -> Lease:
    deadline = time.monotonic() + wait_s
    heard: tuple[int, bytes | None] | None = None
    heard_at = 0.0
    waited_for, said_at, poll_s = 0, 0.0, _POLL_S
    while True:
        top = _highest(storage, name)
        if top == 0 or _has_ended(storage, name, top):
            if (taken := _try(storage, name, top + 1)) is not None:
                return taken
            continue
        holder = _read(storage, name, top)
        now = time.monotonic()
        beat = (top, _beat_of(storage, name, top))
        if beat != heard:
            heard, heard_at = beat, now
        has_died = holder is not None and holder.has_died()
        if has_died or now - heard_at > stale_s:
            why = "has died" if has_died else f"has not been heard of for {stale_s:g} seconds"
            if (taken := _try(storage, name, top + 1)) is not None:
                notice(f"{name}: {holder or 'its holder'} {why}; turn {top + 1} takes over")
                return taken
            continue
        if now > deadline:
            raise BusyError(
                f"{name} in {storage.uri} is held by {holder or 'another process'}; run the same "
                f"command again when it has ended"
            )
        if waited_for != top:
            waited_for, said_at, poll_s = top, now, _POLL_S
            waits(holder)
        elif now - said_at >= _SAY_AGAIN_S:
            said_at = now
            waits(holder)
        time.sleep(poll_s)
        poll_s = min(poll_s * 1.1, _LONGEST_POLL_S)


def _try(storage: Storage, name: str, token: int) -> Lease | None:
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    process = psutil.Process()
    holder = Holder(
        token, socket.gethostname(), this_machine(), process.pid, process.create_time(), now
    )
    path = _path(name, token, "json")
    if not storage.create(path, json.dumps(asdict(holder)).encode()):
        return None
    if _highest(storage, name) != token:
        # Others were quicker by so much that this turn is over, and its traces were removed.
        storage.delete(path)
        return None
    taken = Lease(storage, name, holder)
    for file in storage.list(f"{LOCKS}/{name}"):
        # Turns that nobody asks about any more; the one before is left for whoever reads it now.
        if _token_of(file) < token - 1:
            storage.delete(f"{LOCKS}/{name}/{file}")
    return taken


def _beat(held: Lease, stop: threading.Event, every_s: float) -> None:
    count = 0
    while not stop.wait(every_s):
        count += 1
        # A storage that fails is silence, and whoever waits for it will take over.
        with contextlib.suppress(AnuvadError, OSError):
            held.storage.write_bytes(
                _path(held.name, held.holder.token, "beat"), str(count).encode()
            )


def _end(held: Lease) -> None:
    # Where it can't be said, the next one sees that this process has died.
    with contextlib.suppress(AnuvadError, OSError):
        # Of a turn that was taken over nobody asks any more, and the folder may be another's.
        held.check()
        held.storage.write_bytes(_path(held.name, held.holder.token, "ended"), b"ended")


def _path(name: str, token: int, ending: str) -> str:
    return f"{LOCKS}/{name}/{token:08}.{ending}"


def _token_of(file: str) -> int:
    number = file.partition(".")[0]
    return int(number) if number.isdecimal() else 0


def _highest(storage: Storage, name: str) -> int:
    """The latest turn; 0 if none was taken yet."""
    return _top_of(storage.list(f"{LOCKS}/{name}"))


def _top_of(files: Sequence[str]) -> int:
    return max((_token_of(file) for file in files if file.endswith(".json")), default=0)


def _has_ended(storage: Storage, name: str, token: int) -> bool:
    return token == 0 or storage.size(_path(name, token, "ended")) is not None


def _read(storage: Storage, name: str, token: int) -> Holder | None:
    """Who took a turn; None where that can't be read, or is gone."""
    try:
        return Holder(**json.loads(storage.read_bytes(_path(name, token, "json"))))
    except (AnuvadError, OSError, ValueError, TypeError):
        return None


def _beat_of(storage: Storage, name: str, token: int) -> bytes | None:
    try:
        return storage.read_bytes(_path(name, token, "beat"))
    except (AnuvadError, OSError):
        return None
