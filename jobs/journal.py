"""What a run has to tell MLflow, written down before it is told.

reads   what a run records: parameters, tags, metrics, texts, its end
writes  ``runs/<run id>/journal.jsonl``, a record a line, numbered from 1 (in an object store, which
        can't append, ``journal-00000042.jsonl`` each until :meth:`Journal.fold`), and
        ``runs/<run id>/journal.sent`` with the number of the last record that MLflow has
holds   a record is written before anybody sends it, and its number in ``journal.sent`` only after
        MLflow has it: a kill at any moment loses none, and sends the last one twice at most, which
        MLflow sees is the same
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import ArtifactError
from pipeline.storage import Storage

RUNS = "runs"
JOURNAL = "journal.jsonl"
SENT = "journal.sent"


@dataclass(frozen=True)
class Record:
    """One thing to tell MLflow.

    Attributes:
        number: its place in the journal, from 1.
        at: milliseconds since 1970.
        kind: ``open``, ``params``, ``tags``, ``metrics``, ``text``, ``dataset`` or ``end``.
        what: the rest, as :class:`jobs.tracked_run.TrackedRun` writes it.
    """

    number: int
    at: int
    kind: str
    what: dict[str, Any]

    def to_line(self) -> bytes:
        """The record as JSON, with a line break."""
        line = {"number": self.number, "at": self.at, "kind": self.kind, **self.what}
        return (json.dumps(line, ensure_ascii=False) + "\n").encode()

    @classmethod
    def from_line(cls, line: bytes) -> Record | None:
        """The record in a line; None of one that a kill has cut off, or a disk has lost."""
        try:
            what = json.loads(line)
            return cls(what.pop("number"), what.pop("at"), what.pop("kind"), what)
        except (ValueError, KeyError, AttributeError, TypeError):
            return None


class Journal:
    """The journal of one run. One process at a time appends; any may read.

    Args:
        storage: of the run.
        run_id: anuvad's own.
    """

    def __init__(self, storage: Storage, run_id: str) -> None:
        self._storage = storage
        self.run_id = run_id
        self.folder = f"{RUNS}/{run_id}"
        self._lock = threading.Lock()
        self._last: int | None = None
        # Of a file on a disk: the number of a record, and where the one after it begins.
        self._passed = (0, 0)

    @property
    def place(self) -> str:
        """Where a person finds it."""
        return self._storage.uri_of(f"{self.folder}/{JOURNAL}")

    def append(self, kind: str, **what: Any) -> Record:
        """Write a record down; returns when it is in the file.

        Raises:
            ArtifactError: if the storage can't be written.
        """
        with self._lock:
            if self._last is None:
                numbers = [record.number for record in self._records()]
                # What was sent has had a number, even where the journal was deleted since.
                self._last = max([self.sent(), *numbers])
            record = Record(self._last + 1, int(time.time() * 1000), kind, what)
            self._write(record)
            self._last = record.number
            return record

    def _write(self, record: Record) -> None:
        root = self._storage.local_root
        if root is None:
            name = f"journal-{record.number:08}.jsonl"
            self._storage.write_bytes(f"{self.folder}/{name}", record.to_line())
            return
        path = root / self.folder / JOURNAL
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab+") as file:
                size = file.tell()
                if size:
                    file.seek(size - 1)
                # A kill may have cut the last line off.
                torn = size > 0 and file.read(1) != b"\n"
                file.write(b"\n" * torn + record.to_line())
        except OSError as error:
            raise ArtifactError(
                f"{path} must be writable and its disk have room, but: {error.strerror}"
            ) from error

    def after(self, number: int, limit: int = 1000) -> list[Record]:
        """At most ``limit`` records that come after record ``number``, in order."""
        root = self._storage.local_root
        if root is not None:
            return self._read_on(root / self.folder / JOURNAL, number, limit)
        names = [name for name in self._segments() if _number_of(name) > number]
        found = {_number_of(name): self._record_in(name) for name in names[:limit]}
        if self._storage.exists(f"{self.folder}/{JOURNAL}"):
            found |= {record.number: record for record in self._records()}
        return [found[n] for n in sorted(found) if n > number][:limit]

    def _read_on(self, path: Path, number: int, limit: int) -> list[Record]:
        """:meth:`after` of a file on a disk, where what was read before is not read again."""
        found: list[Record] = []
        if not path.is_file():
            return found
        offset = self._passed[1] if self._passed[0] <= number else 0
        with path.open("rb") as file:
            file.seek(offset)
            for line in file:
                if len(found) == limit or not line.endswith(b"\n"):
                    # What has no end is being written, or was cut off.
                    break
                offset += len(line)
                record = Record.from_line(line)
                if record is None:
                    continue
                if record.number > number:
                    found.append(record)
                else:
                    self._passed = (record.number, offset)
        return found

    def _records(self) -> Iterator[Record]:
        names = self._storage.list(self.folder)
        if JOURNAL in names:
            for line in self._storage.read_bytes(f"{self.folder}/{JOURNAL}").split(b"\n"):
                record = Record.from_line(line)
                if record is not None:
                    yield record
        for name in self._segments():
            yield self._record_in(name)

    def _segments(self) -> list[str]:
        return [n for n in self._storage.list(self.folder) if n.startswith("journal-")]

    def _record_in(self, name: str) -> Record:
        record = Record.from_line(self._storage.read_bytes(f"{self.folder}/{name}"))
        assert record is not None, f"an object is whole, but {name} is cut off"
        return record

    def first(self) -> Record | None:
        """The first record, which opens the run; None of an empty journal."""
        return next(iter(self._records()), None)

    def curves(self) -> dict[str, int]:
        """Metric → the last step that is on record; what a training that goes on need not say."""
        last: dict[str, int] = {}
        for record in self._records():
            for key, _, step in record.what.get("points", ()):
                last[key] = max(step, last.get(key, step))
        return last

    def sent(self) -> int:
        """The number of the last record that MLflow has; 0 if it has none."""
        path = f"{self.folder}/{SENT}"
        try:
            return int(self._storage.read_bytes(path)) if self._storage.exists(path) else 0
        except ValueError:
            # Damaged; what is sent twice is as good as once.
            return 0

    def acknowledge(self, number: int) -> None:
        """MLflow has everything up to record ``number``."""
        self._storage.write_bytes(f"{self.folder}/{SENT}", f"{number}\n".encode())

    def pending(self) -> int:
        """How many records MLflow has not taken."""
        sent = self.sent()
        return len({record.number for record in self._records() if record.number > sent})

    def fold(self) -> None:
        """Make one file of the objects that an object store has it in; by who appends, only."""
        names = self._segments()
        if names and self._storage.local_root is None:
            with self._lock:
                lines = {record.number: record.to_line() for record in self._records()}
                whole = b"".join(lines[number] for number in sorted(lines))
                self._storage.write_bytes(f"{self.folder}/{JOURNAL}", whole)
                for name in names:
                    self._storage.delete(f"{self.folder}/{name}")


def journals(storage: Storage, model: str) -> list[Journal]:
    """The journals of all runs of a registered name, by the runs' ids."""
    ours = re.compile(rf"{re.escape(model)}-[0-9a-f]{{12}}")
    return [Journal(storage, name) for name in storage.list(RUNS) if ours.fullmatch(name)]


def _number_of(segment: str) -> int:
    return int(segment.removeprefix("journal-").removesuffix(".jsonl"))
