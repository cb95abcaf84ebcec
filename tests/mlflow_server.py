"""A real MLflow server on the loopback, and a proxy that makes it slow, broken or mute."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from command_line import environment
from ports import own_port


class MlflowServer:
    """``mlflow server`` on a database and artifacts in ``folder``; a context manager.

    It can be stopped and started again; what it was told stays, and so does its address.

    Attributes:
        artifacts: where it keeps files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.artifacts = folder / "artifacts"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = own_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and return when it answers."""
        self._folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"]
        command += ["--port", str(self.port), "--workers", "1", "--serve-artifacts"]
        command += ["--backend-store-uri", f"sqlite:///{self._folder}/mlflow.db"]
        command += ["--artifacts-destination", str(self.artifacts)]
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                env=environment(
                    MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false", MLFLOW_DISABLE_TELEMETRY="true"
                ),
                start_new_session=True,
            )
        while self._process.poll() is None:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.url}/health"):
                return
            time.sleep(0.2)
        raise AssertionError((self._folder / "server.log").read_text())

    def stop(self) -> None:
        """End it, and return when it has ended."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Proxy:
    """Hands every request on to the server at ``port``; a context manager.

    Attributes:
        delay_s: that it waits before it hands a request on.
        open: while this is not set, no request goes on.
        status: what it answers by itself, if set.
        dropped: patterns of ``METHOD path``; the next request that fits the first of them is handed
            on, but its answer is not handed back, and the pattern is taken off.
        status_after_drop: what is answered from then on, if set.
        requests: ``METHOD path`` of all that came, in order.
    """

    def __init__(self, port: int) -> None:
        self.delay_s = 0.0
        self.open = threading.Event()
        self.open.set()
        self.status: int | None = None
        self.dropped: list[str] = []
        self.status_after_drop: int | None = None
        self.requests: list[str] = []
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                proxy._pass_on(self, port)

            do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def _pass_on(self, handler: BaseHTTPRequestHandler, port: int) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        request = f"{handler.command} {handler.path.partition('?')[0]}"
        self.requests.append(request)
        time.sleep(self.delay_s)
        self.open.wait()
        status, headers, answer = self.status, {}, b"broken"
        if status is None:
            server = http.client.HTTPConnection("127.0.0.1", port)
            with contextlib.closing(server):
                server.request(handler.command, handler.path, body, dict(handler.headers))
                response = server.getresponse()
                status, headers, answer = response.status, dict(response.headers), response.read()
        if self.dropped and re.search(self.dropped[0], request):
            self.dropped.pop(0)
            self.status = self.status_after_drop
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        with contextlib.suppress(OSError):
            handler.send_response(status)
            if "Content-Type" in headers:
                handler.send_header("Content-Type", headers["Content-Type"])
            handler.send_header("Content-Length", str(len(answer)))
            handler.end_headers()
            handler.wfile.write(answer)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.open.set()
        self._server.shutdown()
        self._server.server_close()
