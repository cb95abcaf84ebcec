"""SIGTERM: a training saves where it stands, all else is interrupted as by Ctrl-C.

A scheduler, a cluster that takes a machine back, or ``kill`` sends it. While a training is under
way (:func:`graceful`) it is asked to pause, and has a grace period for that. Then, and elsewhere at
once, the command is interrupted, which leaves no process of Ray's behind and its MLflow run marked
KILLED. A second SIGTERM ends this process and all that it started at once, with the exit code of
the first: nothing is saved then, and the same command goes on from what was saved before.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

EXIT_TRY_AGAIN = 75
"""EX_TEMPFAIL of sysexits.h: schedulers start the same command again, and it goes on."""

EXIT_TERMINATED = 128 + signal.SIGTERM
EXIT_INTERRUPTED = 128 + signal.SIGINT

_terminated = threading.Event()
_has_ended = threading.Event()
_skips_exit = threading.Event()
_grace_is_over = threading.Event()
_ask: Callable[[], None] | None = None
_grace_s = 0.0
_exit_code = EXIT_TRY_AGAIN


def take_sigterm(exit_code: int | None = None) -> None:
    """From now on SIGTERM comes here; to be said again after ``ray.init``.

    Args:
        exit_code: of this process after a second one; as it was said before if None.
    """
    global _exit_code
    if exit_code is not None:
        _exit_code = exit_code
    if threading.current_thread() is threading.main_thread():
        _has_ended.clear()
        signal.signal(signal.SIGTERM, _on_sigterm)


def let_end() -> None:
    """The command has ended and its exit code stands: the first SIGTERM changes nothing now."""
    _has_ended.set()


def skip_exit() -> None:
    """What Ray's core was in the middle of would crash as the interpreter takes it down."""
    _skips_exit.set()


def skips_exit() -> bool:
    """Whether the process is to end without exit hooks, once it has said what it has to say."""
    return _skips_exit.is_set()


def ignore_sigterm() -> None:
    """The interpreter is about to end.

    It hands signals back to the system before it takes its modules down, which can take a second,
    and one that came then would look like a command that was killed in its work.
    """
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def note_termination() -> None:
    """SIGTERM came, and somebody else took it."""
    _terminated.set()


def was_terminated() -> bool:
    """Whether the interruption was a SIGTERM."""
    return _terminated.is_set()


@contextlib.contextmanager
def graceful(ask: Callable[[], None], grace_s: float) -> Iterator[None]:
    """While the block runs, the first SIGTERM calls ``ask``, in a thread, and interrupts nothing.

    The block is to end by itself then; if it has not after ``grace_s`` seconds it is interrupted.
    """
    global _ask, _grace_s
    _ask, _grace_s = ask, grace_s
    try:
        yield
    finally:
        _ask = None


def _on_sigterm(number: int, frame: FrameType | None) -> None:
    if _grace_is_over.is_set():
        _grace_is_over.clear()
        if _ask is not None:
            _interrupt(frame)
        return
    if _terminated.is_set():
        end_at_once()
    _terminated.set()
    if _has_ended.is_set():
        return
    if _ask is None:
        _interrupt(frame)
    else:
        # Not here: whatever this thread is in the middle of may hold a lock that asking needs.
        threading.Thread(target=_ask_and_wait, args=(_ask, _grace_s), daemon=True).start()


def _ask_and_wait(ask: Callable[[], None], grace_s: float) -> None:
    overdue = threading.Timer(grace_s, _interrupt_main)
    overdue.daemon = True
    overdue.start()
    ask()


def _interrupt_main() -> None:
    _grace_is_over.set()
    # A signal also wakes the main thread from a wait in C.
    os.kill(os.getpid(), signal.SIGTERM)


def _interrupt(frame: FrameType | None) -> None:
    # Whoever takes Ctrl-C takes this too: Ray Train ends its workers first.
    handler = signal.getsignal(signal.SIGINT)
    if callable(handler):
        handler(signal.SIGINT, frame)
    else:
        # A shell starts what runs in its background deaf to Ctrl-C.
        raise KeyboardInterrupt


def end_at_once() -> None:
    """End all processes that this one started, and this one, without another word."""
    end_children()
    os._exit(_exit_code)


def end_children() -> None:
    """Kill all processes that this one started, and those that they did."""
    import psutil

    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
