"""One at a time: a lock file in the storage that says who holds it and since when."""

from __future__ import annotations

import contextlib
import datetime
import errno
import fcntl
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from pipeline.errors import AnuvadError, HeldError
from pipeline.storage import Storage

LOCKS = "locks"
"""Folder of the lock files, in a storage."""

_PATIENCE_S = 0.5
_POLL_S, _LONGEST_POLL_S = 0.05, 2.0
_SAY_EVERY_S = 3600.0


@contextlib.contextmanager
def hold_in_turn(
    storage: Storage, name: str, waits: Callable[[HeldError], None], job: str = ""
) -> Iterator[bool]:
    """:func:`hold`, once the lock is free, however long that takes; whether it was waited for.

    Args:
        storage: see :func:`hold`.
        name: see :func:`hold`.
        waits: is told of each who holds it meanwhile, and of one that goes on once an hour; what it
            raises ends the waiting.
        job: see :func:`hold`.
    """
    said, said_at, pause_s = "", 0.0, _POLL_S
    with contextlib.ExitStack() as held:
        while True:
            try:
                held.enter_context(hold(storage, name, job, 0.0 if said else _PATIENCE_S))
                break
            except HeldError as error:
                now = time.monotonic()
                if error.what != said or now - said_at >= _SAY_EVERY_S:
                    waits(error)
                    said, said_at = error.what, now
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.1, _LONGEST_POLL_S)
        yield bool(said)


@contextlib.contextmanager
def hold(
    storage: Storage, name: str, job: str = "", patience_s: float = _PATIENCE_S
) -> Iterator[None]:
    """Hold the lock ``name`` of a storage on a local or mounted disk while the block runs.

    The operating system frees it with the process, however that ends. An object store has no such
    locks; there the block runs without.

    Args:
        storage: where the lock lies.
        name: of the lock.
        job: what it is held for, told to those who find it held.
        patience_s: for how long to look, as an onlooker shares it for microseconds.

    Raises:
        HeldError: if another process holds it.
    """
    if storage.local_root is None:
        yield
        return
    path = storage.local_root / LOCKS / f"{name}.lock"
    holder = path.with_suffix(".json")
    lock = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # `holders` shares it for microseconds, to see whether it can.
        lock.acquire(timeout=patience_s)
    except Timeout:
        what = f"{name} in {storage.uri} is being worked on by {_describe(holder)}"
        raise HeldError(what, str(_note(holder).get("job", ""))) from None
    except OSError as error:
        raise AnuvadError(f"{path.parent} must be writable, but: {error.strerror}") from error
    try:
        now = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
        who = {"host": socket.gethostname(), "process": os.getpid(), "since": now, "job": job}
        # On a full disk the lock holds all the same; only who holds it is not said.
        with contextlib.suppress(OSError):
            holder.write_text(json.dumps(who))
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def holders(storage: Storage) -> dict[str, str]:
    """Name → who holds it, of all such locks that are held now; to read them is all that it takes.

    Of one that can't be read, or whose disk knows no locks, that it may be held.
    """
    root = storage.local_root
    if root is None or not (root / LOCKS).is_dir():
        return {}
    folder, found = root / LOCKS, {}
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        return {LOCKS: f"may be held, but {folder} can't be read: {error.strerror}"}
    for path in (folder / name for name in names if name.endswith(".lock")):
        try:
            if _is_held(path):
                found[path.stem] = _describe(path.with_suffix(".json"))
        except OSError as error:
            who = _describe(path.with_suffix(".json"))
            found[path.stem] = f"may be held by {who}, but {path} does not say: {error.strerror}"
    return found


def _is_held(path: Path) -> bool:
    """Whether somebody holds the lock of this file, which :class:`FileLock` locks with ``flock``.

    Raises:
        OSError: if it can't be read, or its disk knows no locks.
    """
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        # A shared one keeps no other onlooker out; see `hold` for those that come to hold it.
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        # Answers of one that is held; some disks give the second.
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return True
        raise
    finally:
        os.close(file)
    return False


def _describe(holder: Path) -> str:
    who = _note(holder)
    try:
        return f"process {who['process']} on {who['host']} since {who['since']}"
    except KeyError:
        # Between its lock and its note, or between its note and its end.
        return "another process"


def _note(holder: Path) -> dict[str, Any]:
    """What the holder says of itself; nothing where that can't be read."""
    try:
        who = json.loads(holder.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return who if isinstance(who, dict) else {}
