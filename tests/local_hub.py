"""A Hugging Face hub on the loopback with one dataset, and with the faults that a test asks for.

It answers what ``huggingface_hub`` asks of a dataset:

    HEAD, GET  /datasets/ID/resolve/REV/PATH    headers of the file; its bytes are at /cdn/PATH
    GET        /api/datasets/ID/revision/REV    the dataset's files
    GET        /api/datasets/ID/tree/REV/PATH   sizes and sha256 of a folder's files
    POST       /api/datasets/ID/paths-info/REV  the same of the files that are named
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

DATASET = "anuvad/local-pairs"
REVISION = "0123456789abcdef0123456789abcdef01234567"

_RANGE = re.compile(r"bytes=(\d+)-(\d+)")


@dataclass(frozen=True)
class Answer:
    """What the hub says in place of a file's bytes; without a status, half of them."""

    status: int | None
    headers: Mapping[str, str] = field(default_factory=dict)


class LocalHub:
    """The server; a context manager.

    Attributes:
        files: path in the dataset → its bytes, as published.
        sent: path → other bytes that are sent for it, where a disk or a wire has flipped some.
        answers: what the next requests for bytes are answered, one after the other.
        refusal: the status and X-Error-Code with which all else is refused, if set.
        ranges: path and first byte of each answer with bytes, in order.
        requests: method and path of each request, in order.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.sent: dict[str, bytes] = {}
        self.answers: deque[Answer] = deque()
        self.refusal: tuple[int, str] | None = None
        self.ranges: list[tuple[str, int]] = []
        self.requests: list[tuple[str, str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        """What ``HF_ENDPOINT`` has to be."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def entry(self, path: str) -> dict[str, Any]:
        """What the hub lists of a file."""
        size, sha256 = len(self.files[path]), hashlib.sha256(self.files[path]).hexdigest()
        lfs = {"oid": sha256, "size": size, "pointerSize": 134}
        return {"type": "file", "path": path, "size": size, "oid": sha256[:40], "lfs": lfs}


def _handler_of(hub: LocalHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def log_message(self, *_: object) -> None:
            """Nothing: what was asked is in ``hub.requests``."""

        def _answer(self) -> None:
            path = unquote(urlsplit(self.path).path)
            hub.requests.append((self.command, path))
            # Who goes away in the middle has its reasons.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self._route(path)

        def _route(self, path: str) -> None:
            if path.startswith("/cdn/"):
                return self._bytes(path.removeprefix("/cdn/"))
            if hub.refusal is not None:
                return self._refuse(*hub.refusal)
            match = re.fullmatch(
                rf"(?:/api)?/datasets/{DATASET}/(resolve|revision|tree|paths-info)/(\w+)/?(.*)",
                path,
            )
            if match is None:
                return self._refuse(401, "RepoNotFound")
            verb, revision, rest = match.groups()
            if revision != REVISION:
                return self._refuse(404, "RevisionNotFound")
            if verb == "resolve":
                return self._resolve(rest)
            if verb == "revision":
                siblings = [{"rfilename": name} for name in sorted(hub.files)]
                return self._json({"id": DATASET, "sha": REVISION, "siblings": siblings})
            if verb == "paths-info":
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                is_json = "json" in self.headers.get("Content-Type", "")
                asked = json.loads(body)["paths"] if is_json else parse_qs(body)["paths"]
                return self._json([hub.entry(name) for name in asked if name in hub.files])
            names = sorted(name for name in hub.files if name.rpartition("/")[0] == rest)
            if not names:
                return self._refuse(404, "EntryNotFound")
            return self._json([hub.entry(name) for name in names])

        def _resolve(self, name: str) -> None:
            if name not in hub.files:
                return self._refuse(404, "EntryNotFound")
            headers = {
                "X-Repo-Commit": REVISION,
                "X-Linked-Etag": f'"{hub.entry(name)["lfs"]["oid"]}"',
                "X-Linked-Size": str(len(hub.files[name])),
                # As the real hub does: the bytes come from another host.
                "Location": f"{hub.url.replace('127.0.0.1', 'localhost')}/cdn/{name}",
            }
            return self._send(302, b"", headers)

        def _bytes(self, name: str) -> None:
            answer = hub.answers.popleft() if hub.answers and self.command == "GET" else None
            if answer is not None and answer.status is not None:
                return self._send(answer.status, b"", answer.headers)
            body = hub.sent.get(name, hub.files[name])
            start, status, headers = 0, 200, {"Accept-Ranges": "bytes"}
            asked = _RANGE.fullmatch(self.headers.get("Range", ""))
            if asked is not None:
                start, stop = int(asked[1]), int(asked[2]) + 1
                headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(body)}"
                body, status = body[start:stop], 206
            if self.command == "GET":
                hub.ranges.append((name, start))
            return self._send(status, body, headers, keep=len(body) // 2 if answer else None)

        def _json(self, value: object) -> None:
            self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

        def _refuse(self, status: int, code: str) -> None:
            self._send(status, b"", {"X-Error-Code": code})

        def _send(
            self, status: int, body: bytes, headers: Mapping[str, str], keep: int | None = None
        ) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body[:keep])

    return Handler
