"""The log of a Ray job, shown as it comes."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any, TextIO

from jobs.terminal import harmless

# Of a thread that was told to end; it is left behind then, as it writes nothing more.
_END_S = 5.0
# Of attempts to follow that showed nothing: a proxy may know nothing of web sockets.
_ENOUGH = 5


class LogTail:
    """Follows a job's log in a thread of its own, from the beginning, every character once.

    Ray sends a log from its first line on whenever somebody connects; what was shown is left out.

    Args:
        client: of Ray's.
        name: of the job.
        out: takes the text; a terminal gets its control characters written out.
    """

    def __init__(self, client: Any, name: str, out: TextIO) -> None:
        self._client = client
        self._name = name
        self._out = out
        self._shown = 0
        self._broken: OSError | None = None
        self._failed = 0
        self._why: Exception | None = None
        self._thread: threading.Thread | None = None
        self._stop: threading.Event = threading.Event()

    def connect(self, say: Callable[[str], None]) -> None:
        """Follow, unless that is done already.

        Args:
            say: takes a sentence, once, if it can't be done however often it is tried.

        Raises:
            OSError: if ``out`` takes no more.
        """
        if self._broken is not None:
            raise self._broken
        if self._thread is None or not self._thread.is_alive():
            if self._failed == _ENOUGH:
                self._failed += 1
                why = " ".join(str(self._why).split())[:200]
                say(f"the log of {self._name} comes at its end, since it can't be followed: {why}")
            self._stop = threading.Event()
            self._thread = threading.Thread(target=self._run, args=(self._stop,), daemon=True)
            self._thread.start()

    def disconnect(self) -> None:
        """Follow no more, until :meth:`connect`."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_END_S)

    def finish(self, whole: str) -> None:
        """Show what is left of ``whole``, the log of a job that has ended."""
        self.disconnect()
        self._show(whole, len(whole))

    def _run(self, stop: threading.Event) -> None:
        try:
            asyncio.run(self._follow(stop))
        except Exception as error:
            # Whoever looks after the job connects again.
            self._failed, self._why = self._failed + 1, error

    async def _follow(self, stop: threading.Event) -> None:
        reading = asyncio.create_task(self._read(stop))
        while not stop.is_set() and not reading.done():
            await asyncio.wait([reading], timeout=0.2)
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reading

    async def _read(self, stop: threading.Event) -> None:
        passed = 0
        async for text in self._client.tail_job_logs(self._name):
            passed += len(text)
            if stop.is_set():
                return
            self._show(text, passed)

    def _show(self, text: str, end: int) -> None:
        """Write what is new of a text that ends at the character ``end`` of the log."""
        new = end - self._shown
        if new > 0:
            self._shown = end
            self._failed = 0
            try:
                self._out.write(harmless(text[-new:]) if self._out.isatty() else text[-new:])
                self._out.flush()
            except OSError as error:
                self._broken = error
                raise
