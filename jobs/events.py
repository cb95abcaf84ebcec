"""What training workers tell the process that started them, through a small Ray actor.

Only the driver speaks with MLflow and with the terminal: a worker posts and goes on, so neither a
slow tracking server nor a closed terminal stops training.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

Event = dict[str, Any]


class EventBoard:
    """Keeps events until the driver takes them; runs as a Ray actor."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._refusal: str | None = None

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


class EventPump:
    """Hands the board's events to ``handle`` while its block runs, and the rest at its end."""

    def __init__(self, board: Any, handle: Callable[[Event], None], every_s: float = 0.5) -> None:
        self._board = board
        self._handle = handle
        self._every_s = every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        self._error: BaseException | None = None

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
        if error is None and self._error is not None:
            raise self._error

    def _run(self) -> None:
        import ray

        try:
            while not self._stop.wait(self._every_s):
                self._drain(ray)
            self._drain(ray)
        except ray.exceptions.RayError:
            # Ray went down under us; whoever waits for the training says why.
            return
        except BaseException as error:
            self._error = error

    def _drain(self, ray: Any) -> None:
        for event in ray.get(self._board.take.remote()):
            self._handle(event)
