"""One at a time: a lock file in the storage that says who holds it and since when."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import socket
from collections.abc import Iterator

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
        # `holders` takes it for a moment, to see whether it can.
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
    """Name → who holds it, of all such locks that are held now."""
    root = storage.local_root
    found = {}
    for path in sorted((root / LOCKS).glob("*.lock")) if root is not None else []:
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            found[path.stem] = _describe(path.with_suffix(".json"))
        else:
            lock.release()
    return found


def _describe(holder: os.PathLike[str]) -> str:
    try:
        with open(holder, encoding="utf-8") as file:
            who = json.load(file)
        return f"process {who['process']} on {who['host']} since {who['since']}"
    except (OSError, ValueError, KeyError):
        # Between its lock and its note, or between its note and its end.
        return "another process"
