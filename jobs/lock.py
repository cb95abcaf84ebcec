"""One at a time: a lock file in the storage that says who holds it and since when."""

from __future__ import annotations

import contextlib
import datetime
import errno
import fcntl
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from pipeline.errors import AnuvadError, BusyError
from pipeline.storage import Storage

LOCKS = "locks"
"""Folder of the lock files, in a storage."""


@contextlib.contextmanager
def hold(storage: Storage, name: str) -> Iterator[None]:
    """Hold the lock ``name`` of a storage on a local or mounted disk while the block runs.

    The operating system frees it with the process, however that ends. An object store has no such
    locks; there the block runs without.

    Raises:
        BusyError: if another process holds it.
    """
    if storage.local_root is None:
        yield
        return
    path = storage.local_root / LOCKS / f"{name}.lock"
    holder = path.with_suffix(".json")
    lock = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # `holders` shares it for microseconds, to see whether it can; this tries ten times.
        lock.acquire(timeout=0.5)
    except Timeout:
        raise BusyError(
            f"{name} in {storage.uri} is being worked on by {_describe(holder)}; run the same "
            f"command again when it has ended"
        ) from None
    except OSError as error:
        raise AnuvadError(f"{path.parent} must be writable, but: {error.strerror}") from error
    try:
        now = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
        who = {"host": socket.gethostname(), "process": os.getpid(), "since": now}
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


def _describe(holder: os.PathLike[str]) -> str:
    try:
        with open(holder, encoding="utf-8") as file:
            who = json.load(file)
        return f"process {who['process']} on {who['host']} since {who['since']}"
    except (OSError, ValueError, KeyError):
        # Between its lock and its note, or between its note and its end.
        return "another process"
