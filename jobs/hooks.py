"""Who is told of a verdict: a web address and a command, after it was carried out.

``gate.webhook`` is sent a POST of one JSON document, what ``anuvad promote --json`` prints with
``model``, ``version``, ``before`` and ``decided`` (ISO time) beside it, and these headers:

    X-Anuvad-Delivery   names the verdict; the same in every try, so that a receiver can tell copies
    X-Anuvad-Timestamp  seconds since 1970 at which this try was signed
    X-Anuvad-Signature  ``sha256=`` and the HMAC-SHA256, in hexadecimal, of the timestamp, a full
                        stop and the body, with the key in ANUVAD_WEBHOOK_SECRET

``gate.command`` is split as a shell would split it, run without one, and reads the same document
from its standard input. Neither can change a verdict: what goes wrong is one line of warning.
Both are called once: where the process ends between the verdict and them, they are not called.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import shlex
import signal
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from jobs.gate_config import GateConfig

SECRET = "ANUVAD_WEBHOOK_SECRET"
ATTEMPTS = 4
# Without a byte, and in all.
REQUEST_TIMEOUT_S = 10.0
ANSWER_TIMEOUT_S = 30.0
_TAIL_BYTES = 4096
_MAY_PASS = {408, 425, 429, 500, 502, 503, 504}


class HookError(Exception):
    """A hook did not do what it was for; in a few words."""


def run_hooks(
    policy: GateConfig,
    document: Mapping[str, Any],
    warn: Callable[[str], None],
    first_wait_s: float = 1.0,
    answer_timeout_s: float = ANSWER_TIMEOUT_S,
) -> None:
    """Tell whom the configuration names of a verdict.

    Args:
        policy: names them.
        document: the verdict.
        warn: is handed a sentence for each that could not be told.
        first_wait_s: before the second try of a web address; it doubles.
        answer_timeout_s: for the whole answer to one try.
    """
    body = json.dumps(document, ensure_ascii=False).encode()
    if policy.webhook is not None:
        try:
            _post(policy.webhook, body, first_wait_s, answer_timeout_s)
        except Exception as error:
            warn(
                f"gate.webhook {policy.webhook} must take the verdict, which stands all the "
                f"same, but: {_in_words(error)}"
            )
    if policy.command is not None:
        try:
            _call(policy.command, body, policy.command_timeout_s)
        except Exception as error:
            warn(
                f"gate.command {policy.command!r} must end with exit code 0, and the verdict "
                f"stands all the same, but: {_in_words(error)}"
            )


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """What ``X-Anuvad-Signature`` says of a body."""
    message = timestamp.encode() + b"." + body
    return f"sha256={hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()}"


def _post(url: str, body: bytes, first_wait_s: float, answer_timeout_s: float) -> None:
    secret = os.environ.get(SECRET)
    if not secret:
        raise HookError(f"{SECRET} is not set, and nothing is sent that is not signed")
    delivery = hashlib.sha256(body).hexdigest()[:16]
    tries = Retrying(
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_random_exponential(multiplier=first_wait_s, max=30),
        retry=retry_if_exception(_may_pass),
        reraise=True,
    )
    for attempt in tries:
        with attempt:
            timestamp = str(int(time.time()))
            request = urllib.request.Request(
                url,
                data=body,
                method="POST",
                headers={
                    "Content-Type": "application/json; charset=utf-8",
                    "User-Agent": "anuvad",
                    "X-Anuvad-Delivery": delivery,
                    "X-Anuvad-Timestamp": timestamp,
                    "X-Anuvad-Signature": signature(secret, timestamp, body),
                },
            )
            _within(answer_timeout_s, partial(_send, request))


def _send(request: urllib.request.Request) -> None:
    try:
        _OPENER.open(request, timeout=REQUEST_TIMEOUT_S).close()
    except urllib.error.HTTPError as error:
        # It holds the connection.
        error.close()
        raise


def _within(seconds: float, do: Callable[[], None]) -> None:
    """Do it, but wait no longer than that: a socket's own limit begins anew with every byte.

    Raises:
        TimeoutError: if it is not done by then; it is left to itself.
    """
    raised: list[BaseException] = []

    def run() -> None:
        try:
            do()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, name="webhook", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise TimeoutError(f"it has not answered within {seconds:g} seconds")
    if raised:
        raise raised[0]


class _StaysThere(urllib.request.HTTPRedirectHandler):
    """A redirection is an answer: what is signed for one address goes to no other."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_StaysThere)


def _may_pass(error: BaseException) -> bool:
    """Whether another try may go better: the server is busy, or not there."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code in _MAY_PASS
    return isinstance(error, OSError)


def _call(command: str, body: bytes, timeout_s: float) -> None:
    # Files and no pipes: what it leaves running in the background would hold a pipe open.
    with tempfile.TemporaryFile() as document, tempfile.TemporaryFile() as said:
        document.write(body)
        document.seek(0)
        process = subprocess.Popen(
            shlex.split(command),
            stdin=document,
            stdout=subprocess.DEVNULL,
            stderr=said,
            start_new_session=True,
        )
        try:
            process.wait(timeout_s)
        except BaseException as error:
            # With what it has started; it may have ended just now.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if isinstance(error, subprocess.TimeoutExpired):
                raise HookError(f"it was killed after {timeout_s:g} seconds") from error
            raise
        if process.returncode:
            said.seek(max(0, said.seek(0, os.SEEK_END) - _TAIL_BYTES))
            lines = said.read(_TAIL_BYTES).decode(errors="replace").strip().splitlines()
            tail = f": {lines[-1][:200]}" if lines else ""
            raise HookError(f"it ended with {process.returncode}{tail}")


def _in_words(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"it answers {error.code} {error.reason}"
    if isinstance(error, urllib.error.URLError):
        return f"it can't be reached ({error.reason})"
    return " ".join(str(error).split()) or type(error).__name__
