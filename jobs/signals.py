"""SIGTERM, taken as an interruption: it ends a command as Ctrl-C does, with another exit code.

A scheduler or ``kill`` sends it. An interrupted command leaves no process of Ray's behind
and its MLflow run marked KILLED, so SIGTERM goes that very way.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType

EXIT_TERMINATED = 128 + signal.SIGTERM
EXIT_INTERRUPTED = 128 + signal.SIGINT

_terminated = threading.Event()


def take_sigterm() -> None:
    """From now on SIGTERM interrupts this process; to be said again after ``ray.init``."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _interrupt)


def note_termination() -> None:
    """SIGTERM came, and somebody else took it."""
    _terminated.set()


def was_terminated() -> bool:
    """Whether the interruption was a SIGTERM."""
    return _terminated.is_set()


def _interrupt(number: int, frame: FrameType | None) -> None:
    _terminated.set()
    # Whoever takes Ctrl-C takes this too: Ray Train ends its workers first.
    handler = signal.getsignal(signal.SIGINT)
    if callable(handler):
        handler(signal.SIGINT, frame)
    else:
        # A shell starts what runs in its background deaf to Ctrl-C.
        raise KeyboardInterrupt
