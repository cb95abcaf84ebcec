"""Sending what is in a journal to MLflow: each record in its turn, and once.

reads   ``runs/<run id>/journal.jsonl``
writes  the MLflow run that has the tag ``anuvad.run``, which is made if there is none; and
        ``runs/<run id>/journal.sent``
holds   MLflow has what ``journal.sent`` says, whoever sends and however often that is killed; what
        MLflow lost with a run or a database is sent again
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jobs.journal import Journal, Record
from jobs.lock import hold
from jobs.tracking import MAX_METRICS, MlflowRun
from pipeline.errors import AnuvadError, OutageError
from pipeline.storage import Storage


class Replay:
    """Sends a journal, a request's worth at a time; one in all processes, see :func:`lock_of`.

    Args:
        uri: MLflow's.
        journal: what is sent.
        storage: of the run.
        warn: is told what MLflow refuses for good; that is passed over.

    Attributes:
        run: the MLflow run, once it was found or made.
    """

    def __init__(
        self, uri: str, journal: Journal, storage: Storage, warn: Callable[[str], None]
    ) -> None:
        self.run: MlflowRun | None = None
        self._uri = uri
        self._journal = journal
        self._storage = storage
        self._warn = warn
        self._sent = journal.sent()
        self._singly_until = 0

    def step(self) -> bool:
        """Send what comes next; whether there was anything.

        Raises:
            OutageError: if MLflow did not take it.
        """
        records = self._journal.after(self._sent)
        if not records:
            return False
        if self.run is None:
            self.run = self._find()
            if self._sent == 0:
                records = self._journal.after(0)
        batch = together(records, singly=records[0].number <= self._singly_until)
        try:
            self.run.take(batch)
        except OutageError:
            raise
        except AnuvadError as error:
            self._require_run()
            if len(batch) > 1:
                # One of them is what it refuses; the others must not go with it.
                self._singly_until = batch[-1].number
                return True
            self._warn(f"{error}; it goes without")
        self._sent = batch[-1].number
        self._journal.acknowledge(self._sent)
        return True

    def _find(self) -> MlflowRun:
        opened = self._journal.first()
        assert opened is not None, "a journal with records has a first"
        return MlflowRun(self._uri, self._journal.run_id, opened, self._storage, self._begin_anew)

    def _begin_anew(self) -> None:
        """This is another server, or one that has lost what it had been told."""
        if self._sent:
            self._journal.acknowledge(0)
            self._sent = 0

    def _require_run(self) -> None:
        """Refuse to go on where somebody has deleted the run; the next try makes it anew."""
        assert self.run is not None, "what was refused was sent to a run"
        again = self._find()
        if again.id != self.run.id:
            self.run = again
            raise OutageError(f"MLflow must keep the run {self._journal.run_id}, but has lost it")


def together(records: Sequence[Record], singly: bool = False) -> list[Record]:
    """The first of ``records``, and those after it that go with it in one request."""
    batch: list[Record] = []
    points = 0
    for record in records:
        points += len(record.what.get("points", ()))
        if batch and (singly or record.kind != "metrics" or points > MAX_METRICS):
            break
        batch.append(record)
        if record.kind != "metrics":
            break
    return batch


def lock_of(journal: Journal) -> str:
    """The lock that is held by whoever sends the journal."""
    return f"journal-{journal.run_id}"


def send(uri: str, journal: Journal, storage: Storage, warn: Callable[[str], None]) -> int:
    """Send all of a journal now; answers how many records that were.

    Raises:
        OutageError: if MLflow did not take one; those before it are sent.
        BusyError: if another process sends it.
    """
    pending = journal.pending()
    if pending:
        with hold(storage, lock_of(journal)):
            replay = Replay(uri, journal, storage, warn)
            while replay.step():
                pass
    return pending
