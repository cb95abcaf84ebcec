"""Who is told of a verdict: a real server over loopback, real commands, and their failures."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import shlex
import socket
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pydantic import ValidationError

from jobs.gate_config import GateConfig
from jobs.hooks import ATTEMPTS, SECRET, run_hooks, signature

VERDICT = {"model": "seed", "version": "3", "promoted": True, "why": "BLEU 31,5 → बेहतर"}


class Receiver:
    """A server that keeps what it is sent and answers with the codes that it was given."""

    def __init__(self, *codes: int) -> None:
        self.codes = list(codes)
        self.taken: list[tuple[dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.taken.append((dict(self.headers), body))
                code = receiver.codes.pop(0) if receiver.codes else 200
                self.send_response(code)
                if code == 302:
                    self.send_header("Location", "http://127.0.0.1:9/elsewhere")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/verdicts"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setenv(SECRET, "गुप्त")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = Receiver()
    yield server
    server.close()


def told(
    webhook: str | None = None,
    command: str | None = None,
    timeout_s: float = 60,
    answer_timeout_s: float = 30,
) -> list[str]:
    """The warnings of the hooks."""
    warnings: list[str] = []
    policy = GateConfig(webhook=webhook, command=command, command_timeout_s=timeout_s)
    run_hooks(
        policy, VERDICT, warnings.append, first_wait_s=0.01, answer_timeout_s=answer_timeout_s
    )
    return warnings


def python(code: str) -> str:
    return f"{shlex.quote(sys.executable)} -c {shlex.quote(code)}"


def test_without_hooks_nobody_is_told() -> None:
    assert told() == []


def test_a_webhook_gets_the_verdict_signed_with_the_secret(receiver: Receiver) -> None:
    assert told(receiver.url) == []
    [(headers, body)] = receiver.taken
    assert json.loads(body) == VERDICT
    stamp = headers["X-Anuvad-Timestamp"]
    expected = hmac.new("गुप्त".encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers["X-Anuvad-Signature"] == f"sha256={expected}"
    assert headers["Content-Type"] == "application/json; charset=utf-8"


def test_the_signature_is_that_of_openssl() -> None:
    # printf '1700000000.{}' | openssl dgst -sha256 -hmac secret
    assert signature("secret", "1700000000", b"{}") == (
        "sha256=b8569b78799ff9e3cbff0fc2d63a33a2b57f3282abd07c37ae5e8e7d79a5f163"
    )


def test_a_server_that_is_busy_is_tried_again_under_one_name(receiver: Receiver) -> None:
    receiver.codes = [503, 429]
    assert told(receiver.url) == []
    assert len(receiver.taken) == 3
    assert len({headers["X-Anuvad-Delivery"] for headers, _ in receiver.taken}) == 1


def test_a_server_that_stays_busy_is_one_warning(receiver: Receiver) -> None:
    receiver.codes = [500] * 9
    assert told(receiver.url) == [
        f"gate.webhook {receiver.url} must take the verdict, which stands all the same, but: it "
        f"answers 500 Internal Server Error"
    ]
    assert len(receiver.taken) == 4


@pytest.mark.parametrize(("code", "said"), [(404, "404 Not Found"), (302, "302 Found")])
def test_a_refusal_or_a_redirection_is_final(receiver: Receiver, code: int, said: str) -> None:
    receiver.codes = [code]
    (warning,) = told(receiver.url)
    assert warning.endswith(f"but: it answers {said}")
    assert len(receiver.taken) == 1


def test_a_server_that_is_not_there_is_one_warning(receiver: Receiver) -> None:
    receiver.close()
    (warning,) = told(receiver.url)
    assert "can't be reached" in warning
    assert "Connection refused" in warning


def test_a_server_that_answers_a_byte_now_and_then_is_given_up(receiver: Receiver) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        ended = threading.Event()

        def drip() -> None:
            for _ in range(ATTEMPTS):
                connection, _ = server.accept()
                connections.append(connection)
            while not ended.wait(0.01):
                for connection in connections:
                    with contextlib.suppress(OSError):
                        connection.sendall(b"H")

        connections: list[socket.socket] = []
        thread = threading.Thread(target=drip)
        thread.start()
        warnings = told(url, answer_timeout_s=0.2)
        ended.set()
        thread.join()
        for connection in connections:
            connection.close()
    assert warnings == [
        f"gate.webhook {url} must take the verdict, which stands all the same, but: it has not "
        f"answered within 0.2 seconds"
    ]


def test_nothing_is_sent_unsigned(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SECRET)
    (warning,) = told(receiver.url)
    assert warning.endswith(
        "but: ANUVAD_WEBHOOK_SECRET is not set, and nothing is sent that is not signed"
    )
    assert receiver.taken == []


def test_a_command_reads_the_verdict(tmp_path: Path) -> None:
    out = tmp_path / "verdict.json"
    code = f"import sys; open({str(out)!r}, 'wb').write(sys.stdin.buffer.read())"
    assert told(command=python(code)) == []
    assert json.loads(out.read_bytes()) == VERDICT


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (python("import sys; print('नहीं', file=sys.stderr); sys.exit(3)"), "it ended with 3: नहीं"),
        (python("import os; os._exit(4)"), "it ended with 4"),
        ("/no/such/program --now", "[Errno 2] No such file or directory: '/no/such/program'"),
    ],
)
def test_a_command_that_fails_is_one_warning(
    command: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONUTF8", "1")
    (warning,) = told(command=command)
    assert warning == (
        f"gate.command {command!r} must end with exit code 0, and the verdict stands all the "
        f"same, but: {said}"
    )


def test_a_command_that_hangs_is_killed_with_what_it_started() -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    hanging = python(f"import time; {code}; time.sleep(1000)")
    (warning,) = told(command=hanging, timeout_s=0.5)
    assert warning.endswith("but: it was killed after 0.5 seconds")


def test_a_command_may_leave_another_in_the_background(tmp_path: Path) -> None:
    # In a session of its own, with the standard error of the command, until somebody writes to it.
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    waits = f"[sys.executable, '-c', {f'open({str(pipe)!r}).read()'!r}], start_new_session=True"
    code = f"import subprocess, sys; subprocess.Popen({waits})"
    assert told(command=python(code), timeout_s=30) == []
    pipe.write_text("")


def test_a_command_that_says_very_much_is_quoted_at_its_end() -> None:
    code = "import sys; sys.stderr.write('x' * 9_000_000 + '\\nno room\\n'); sys.exit(1)"
    (warning,) = told(command=python(code))
    assert warning.endswith("but: it ended with 1: no room")


def test_a_command_that_fails_keeps_nobody_from_being_told(receiver: Receiver) -> None:
    assert len(told(receiver.url, command="false")) == 1
    assert len(receiver.taken) == 1


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"webhook": "ftp://host/x"}, "must be an address such as https://host/path"),
        ({"webhook": "https://me:secret@host/x"}, "without user and password"),
        ({"webhook": "https://host/नमस्ते"}, "in ASCII and without spaces"),
        ({"webhook": "https://host/a b"}, "in ASCII and without spaces"),
        ({"webhook": "https://[::1/x"}, "must be an address such as"),
        ({"webhook": "https://host:99999/x"}, "must be an address such as"),
        ({"command": "echo 'open"}, "must be a command line, but: No closing quotation"),
        ({"command": "  "}, "must name a program, but is empty"),
    ],
)
def test_hooks_that_can_not_be_are_refused(settings: dict[str, str], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        GateConfig.model_validate(settings)


def test_whom_a_verdict_is_told_is_not_what_it_depends_on() -> None:
    policy = GateConfig(webhook="https://host/x", command="true", command_timeout_s=5)
    assert policy.rules() == GateConfig().rules()
    assert GateConfig(p_value=0.01).rules() != GateConfig().rules()
