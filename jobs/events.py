"""What training workers tell the process that started them, through a small Ray actor.

Only the driver speaks with MLflow and with the terminal: a worker posts and goes on, so neither a
slow tracking server nor a closed terminal stops training.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Collection
from types import TracebackType
from typing import Any, Self

from jobs.failures import Beat, Failure, Heard, blame, in_one_line
from pipeline.errors import AnuvadError

Event = dict[str, Any]
BEAT_EVERY_S = 1.0


class EventBoard:
    """Keeps events until the driver takes them, and what is heard of each worker; a Ray actor.

    Args:
        timeout_s: of an exchange between workers.
        max_failures: times that the workers are started anew.
    """

    def __init__(self, timeout_s: float = 600.0, max_failures: int = 0) -> None:
        self._timeout_s = timeout_s
        self._max_failures = max_failures
        self._events: list[Event] = []
        self._refusal: str | None = None
        self._groups: list[str] = []
        self._beats: dict[int, tuple[Beat, float]] = {}
        self._failures: list[Failure] = []
        self._earlier: list[Failure] = []
        self._told: list[str] = []
        self._pauses = False

    def post(self, event: Event) -> None:
        """Add an event."""
        self._events.append(event)

    def take(self) -> list[Event]:
        """The events since the last call."""
        taken, self._events = self._events, []
        return taken

    def refuse(self, message: str) -> None:
        """Say why training can't go on, so that starting the workers anew is no use."""
        self._refusal = self._refusal or message

    def refusal(self) -> str | None:
        """The first reason given to :meth:`refuse`."""
        return self._refusal

    def pause(self) -> None:
        """Have the workers save where they stand and end."""
        self._pauses = True

    def beat(self, beat: Beat) -> bool:
        """Hear that a worker lives, and answer whether it is to pause.

        One of a group that has been followed by another is late.
        """
        if not self._groups or self._groups[-1] != beat.group:
            if beat.group in self._groups:
                return self._pauses
            self._groups.append(beat.group)
            self._beats.clear()
        self._beats[beat.rank] = (beat, time.monotonic())
        return self._pauses

    def fail(self, failure: Failure) -> None:
        """Hear what a worker fails of; twice the same at the same update is refused.

        Another start would come to it again.
        """
        self._failures.append(failure)
        same = [f for f in self._earlier if (f.update, f.text) == (failure.update, failure.text)]
        if same and not failure.of_exchange:
            self.refuse(
                f"worker {failure.rank} must get past update {failure.update:,}, but failed twice "
                f"there in the same way: {failure.text}"
            )

    def silent_s(self) -> dict[int, float]:
        """For how long nothing has been heard of each rank that has not said why."""
        said = {failure.rank for failure in self._failures}
        return {r: h.silent_s for r, h in self._heard().items() if r not in said}

    def only_exchanges_failed(self) -> bool:
        """Whether all that has failed so far failed of another worker."""
        return all(failure.of_exchange for failure in self._failures)

    def tell(self, dead: Collection[int], otherwise: str) -> None:
        """Say who is to blame for the end of the present workers, of whom ``dead`` have died.

        Args:
            dead: ranks whose process has ended.
            otherwise: what to say where nothing is known.
        """
        text = blame(self._heard(), self._failures, dead, self._timeout_s) or otherwise
        self._told.append(text)
        self._earlier += self._failures
        self._failures = []
        count = len(self._told)
        if count <= self._max_failures and self._refusal is None:
            again = f"starting the workers anew, {count} of at most {self._max_failures} times"
            self.post({"kind": "warning", "text": f"{text}; {again}"})

    def told(self) -> str | None:
        """What was said of the last failure."""
        return self._told[-1] if self._told else None

    def _heard(self) -> dict[int, Heard]:
        now = time.monotonic()
        return {rank: Heard(beat, now - when) for rank, (beat, when) in self._beats.items()}


class Pulse:
    """Tells the board each second that this worker lives, and how far it is.

    Args:
        beat: is handed each :class:`~jobs.failures.Beat`, and must not wait for anything.
        group, rank, place: see there.
    """

    def __init__(self, beat: Callable[[Beat], None], group: str, rank: int, place: str) -> None:
        self.update = 0
        self._beat = beat
        self._who = (group, rank, place)
        self._stop = threading.Event()
        threading.Thread(target=self._run, name="pulse", daemon=True).start()

    def at_exchange(self, update: int) -> None:
        """This worker comes to the exchange of ``update``; the next beat will say so."""
        self.update = update

    def stop(self) -> None:
        """Beat no more."""
        self._stop.set()

    def _run(self) -> None:
        group, rank, place = self._who
        while not self._stop.is_set():
            self._beat(Beat(group, rank, self.update, place))
            self._stop.wait(BEAT_EVERY_S)


class WarningPoster(logging.Handler):
    """Posts what the code of a worker warns of, which would else end in a log file of Ray's."""

    def __init__(self, post: Callable[[Event], None]) -> None:
        super().__init__(logging.WARNING)
        self._post = post

    def emit(self, record: logging.LogRecord) -> None:
        """Post the warning as an event."""
        self._post({"kind": "warning", "text": record.getMessage()})


class EventPump:
    """Hands the board's events to ``handle`` while its block runs, and the rest at its end.

    One that can't be handled, as a disk is full for a moment, keeps no other back and does not end
    the block: the first such is told as a warning, itself an event, and at the end how many.
    """

    def __init__(self, board: Any, handle: Callable[[Event], None], every_s: float = 0.5) -> None:
        self._board = board
        self._handle = handle
        self._every_s = every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        self._taken = 0
        self._missed = 0
        self._first_missed = ""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        import ray

        # Where Ray goes down under us, whoever waits for the training says why.
        with contextlib.suppress(ray.exceptions.RayError):
            while not self._stop.wait(self._every_s):
                self._drain(ray)
            self._drain(ray)
        if self._missed:
            self._warn(
                f"{self._missed:,} of {self._taken:,} reports of the training were not shown or "
                f"not written to its run's journal, so MLflow lacks them, the first since: "
                f"{self._first_missed}; the training's own history has all losses and scores"
            )

    def _drain(self, ray: Any) -> None:
        for event in ray.get(self._board.take.remote()):
            self._taken += 1
            try:
                self._handle(event)
            except Exception as error:
                self._missed += 1
                if self._missed == 1:
                    why = str(error) if isinstance(error, AnuvadError) else in_one_line(error)
                    self._first_missed = why
                    self._warn(
                        f"a report of the training was not shown or not written to its run's "
                        f"journal: {why}; the training goes on, and how many are missing is said "
                        f"at its end"
                    )

    def _warn(self, text: str) -> None:
        # What can't even be told is left; the training is worth more.
        with contextlib.suppress(Exception):
            self._handle({"kind": "warning", "text": text})
