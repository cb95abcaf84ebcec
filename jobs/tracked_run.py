"""A training's MLflow run, as the training sees it: it writes a journal and never waits.

A thread of its own sends the journal (:mod:`jobs.replay`), so neither a slow MLflow nor a dead one
stops or slows the training. The queue between the two is the journal itself.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jobs.failures import in_one_line
from jobs.journal import Journal
from jobs.lock import hold
from jobs.replay import Replay, lock_of
from pipeline.errors import AnuvadError, BusyError, OutageError
from pipeline.storage import Storage

_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 30.0
# For what is left when a training ends: of one that was interrupted the machine may want to go.
_LAST_WAIT_S = {"FINISHED": 60.0, "FAILED": 20.0, "KILLED": 5.0}
_TRIES_AT_THE_END = 2
_RUN_WAIT_S = 60.0


class TrackedRun:
    """One run: what is said of it is in its journal when a method returns, and in MLflow soon.

    Args:
        uri: MLflow's.
        experiment: its name.
        run_id: anuvad's own; the same command, also after an interruption, has the same run.
        storage: where the journal is.
        warn: is told what MLflow does not take.
    """

    def __init__(
        self,
        uri: str,
        experiment: str,
        run_id: str,
        storage: Storage,
        warn: Callable[[str], None],
    ) -> None:
        self._journal = Journal(storage, run_id)
        self._curves = self._journal.curves()
        self._warn = warn
        opened = self._journal.append("open", experiment=experiment, name=run_id)
        self._began_ms = (self._journal.first() or opened).at
        self._sender = _Sender(uri, self._journal, storage, warn)
        self._sender.start()

    @property
    def seconds(self) -> int:
        """Since the run was first opened, interruptions included."""
        return int(time.time() - self._began_ms / 1000)

    def params(self, values: Mapping[str, Any]) -> None:
        """Log parameters; those that stand already are left as they are."""
        self._add("params", values={key: str(value) for key, value in values.items()})

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Log metrics at one step."""
        self._add("metrics", points=[[key, float(v), step] for key, v in values.items()])

    def curve(self, points: Sequence[tuple[str, float, int]]) -> None:
        """Log points of curves, each with its name, its value and its step.

        A training that goes on after its last checkpoint says some of them again; they are on
        record, and left out.
        """
        new = [(k, float(v), step) for k, v, step in points if step > self._curves.get(k, -1)]
        if new:
            self._add("metrics", points=new)
            self._curves |= {key: step for key, _, step in new}

    def tags(self, values: Mapping[str, str]) -> None:
        """Set tags."""
        self._add("tags", values={key: str(value) for key, value in values.items()})

    def dataset(self, source: str, digest: str, place: str) -> None:
        """Log the corpus as the run's input."""
        self._add("dataset", source=source, digest=digest.rpartition("-")[2], place=place)

    def text(self, content: str, name: str) -> None:
        """Store a text file among the run's artifacts."""
        self._add("text", content=content, name=name)

    def mlflow_id(self) -> str:
        """MLflow's id of the run.

        Raises:
            OutageError: if MLflow has no such run yet, and does not answer now.
            AnuvadError: if it refuses to make it.
        """
        return self._sender.run_id(_RUN_WAIT_S)

    def end(self, status: str = "FINISHED") -> None:
        """Close the run: ``FINISHED``, ``FAILED`` or ``KILLED``; what is left is sent, or named."""
        self._add("end", status=status)
        self._sender.finish(_LAST_WAIT_S[status])
        left = self._journal.pending()
        if left:
            self._warn(
                f"MLflow has not taken {left:,} records of the run {self._journal.run_id}, which "
                f"are kept in {self._journal.place}; `anuvad sync CONFIG` sends them"
            )
        else:
            self._journal.fold()

    def _add(self, kind: str, **what: Any) -> None:
        self._journal.append(kind, **what)
        self._sender.wake()


class _Sender:
    """The thread that sends a journal while it grows."""

    def __init__(
        self, uri: str, journal: Journal, storage: Storage, warn: Callable[[str], None]
    ) -> None:
        # Its first import takes seconds, and two threads must not begin it at once.
        from jobs.tracking import open_mlflow

        open_mlflow(uri)
        self._uri = uri
        self._journal = journal
        self._storage = storage
        self._warn = warn
        self._changed = threading.Condition()
        self._news = False
        self._ending = False
        self._failures = 0
        self._error: OutageError | None = None
        self._refusal: Exception | None = None
        self._run_id: str | None = None
        self._warned = False
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def wake(self) -> None:
        """There is something to send."""
        with self._changed:
            self._news = True
            self._changed.notify_all()

    def finish(self, wait_s: float) -> None:
        """Send what is left, and return when that is done, or hopeless, or after ``wait_s``."""
        with self._changed:
            self._ending, self._failures = True, 0
            self._changed.notify_all()
        self._thread.join(wait_s)

    def run_id(self, wait_s: float) -> str:
        """MLflow's id of the run, as soon as it is known.

        Raises:
            OutageError: if two tries more have failed, or after ``wait_s``.
            AnuvadError: if MLflow refuses the run for good.
        """
        with self._changed:
            self._failures = 0
            self._changed.notify_all()
            self._changed.wait_for(
                lambda: (
                    self._run_id is not None
                    or self._refusal is not None
                    or self._failures >= _TRIES_AT_THE_END
                ),
                wait_s,
            )
            if self._run_id is not None:
                return self._run_id
            if self._refusal is not None:
                raise self._refusal
            raise self._error or OutageError(
                f"MLflow must open the run within {wait_s:g} s, but has not answered"
            )

    def _work(self) -> None:
        while True:
            try:
                with hold(self._storage, lock_of(self._journal)):
                    self._send()
                return
            except BusyError:
                # Somebody syncs it; what comes then is left to us.
                with self._changed:
                    self._failures += 1
                if not self._pause(_FIRST_PAUSE_S):
                    return
            except Exception as error:
                # Whatever MLflow's client comes to must not end a training.
                why = str(error) if isinstance(error, AnuvadError) else in_one_line(error)
                self._warn(f"{why}; MLflow is told no more of this run until `anuvad sync CONFIG`")
                with self._changed:
                    self._refusal = error
                    self._changed.notify_all()
                return

    def _send(self) -> None:
        replay = Replay(self._uri, self._journal, self._storage, self._warn)
        while True:
            with self._changed:
                self._news = False
            try:
                went_on = replay.step()
            except OutageError as error:
                if not self._note(error):
                    return
                continue
            self._note_answer(replay)
            with self._changed:
                if went_on or self._news:
                    continue
                if self._ending:
                    return
                self._changed.wait_for(lambda: self._news or self._ending)

    def _note_answer(self, replay: Replay) -> None:
        with self._changed:
            self._failures = 0
            if replay.run is not None and self._run_id != replay.run.id:
                self._run_id = replay.run.id
                self._changed.notify_all()

    def _note(self, error: OutageError) -> bool:
        """Remember an outage and pause; False if it is no use to go on."""
        if not self._warned:
            self._warned = True
            self._warn(f"{error}; what it misses is kept in {self._journal.place} until it answers")
        with self._changed:
            self._failures += 1
            self._error = error
            self._changed.notify_all()
            pause_s = min(_FIRST_PAUSE_S * 2 ** (self._failures - 1), _LONGEST_PAUSE_S)
        return self._pause(pause_s)

    def _pause(self, seconds: float) -> bool:
        """Wait, less long where somebody waits for us; False if it is time to give up."""
        with self._changed:
            failures = self._failures
            if self._ending and failures >= _TRIES_AT_THE_END:
                return False
            self._changed.wait_for(lambda: self._failures < failures, seconds)
            return True
