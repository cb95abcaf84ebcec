"""A Hugging Face hub on the loopback with one dataset, and with the faults that a test asks for.

It answers what ``huggingface_hub`` asks of a dataset:

    HEAD, GET  /datasets/ID/resolve/REV/PATH    headers of the file; its bytes are at /cdn/PATH
    GET        /api/datasets/ID/revision/REV    the dataset's files
    GET        /api/datasets/ID/tree/REV/PATH   sizes and sha256 of a folder's files
    POST       /api/datasets/ID/paths-info/REV  the same of the files that are named

A fault is an :class:`Answer` in ``answers`` (of requests for bytes) or in ``api_answers`` (of all
others), or bytes in ``sent`` and ``flips`` that are not the published ones.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import socket
import struct
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self
from urllib.parse import parse_qs, unquote, urlsplit

DATASET = "anuvad/local-pairs"
REVISION = "0123456789abcdef0123456789abcdef01234567"

_RANGE = re.compile(r"bytes=(\d+)-(\d+)")


@dataclass(frozen=True)
class Answer:
    """What the hub says in place of what was asked for.

    Attributes:
        fault: a status; or ``cut``, half the bytes; ``reset``, half of them and a reset connection;
            ``hang``, half of them and then nothing, the connection held (of what are no bytes of a
            file nothing at all comes before these two); ``whole``, all bytes of
            the file with status 200, whatever range was asked for.
        headers: of a status.
    """

    fault: int | Literal["cut", "reset", "hang", "whole"]
    headers: Mapping[str, str] = field(default_factory=dict)


class LocalHub:
    """The server; a context manager.

    Attributes:
        files: path in the dataset → its bytes, as published.
        sent: path → other bytes that are sent for it, where a disk or a wire has flipped some.
        flips: path → places of bytes that are flipped the next time they are sent, once each.
        revisions: what the hub knows → the commit that it is.
        answers: what the next requests for bytes are answered, one after the other.
        api_answers: the same of all other requests.
        head_status: what every HEAD is answered, if set.
        page_entries: files that one page of a listing names.
        refusal: the status and X-Error-Code with which all else is refused, if set.
        ranges: path and first byte of each answer with bytes, in order.
        requests: method and path of each request, in order.
        tokens: path and Authorization of each request, in order.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.sent: dict[str, bytes] = {}
        self.flips: dict[str, set[int]] = {}
        self.revisions = {REVISION: REVISION, "main": REVISION}
        self.answers: deque[Answer] = deque()
        self.api_answers: deque[Answer] = deque()
        self.head_status: int | None = None
        self.page_entries = 1000
        self.refusal: tuple[int, str] | None = None
        self.ranges: list[tuple[str, int]] = []
        self.requests: list[tuple[str, str]] = []
        self.tokens: list[tuple[str, str | None]] = []
        self.closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
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
            hub.tokens.append((path, self.headers.get("Authorization")))
            # Who goes away in the middle has its reasons.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self._route(urlsplit(self.path).path)

        def _route(self, path: str) -> None:
            if self.command == "HEAD" and hub.head_status is not None:
                return self._send(hub.head_status, b"", {})
            if path.startswith("/cdn/"):
                return self._bytes(unquote(path.removeprefix("/cdn/")))
            answer = hub.api_answers.popleft() if hub.api_answers else None
            if answer is not None and isinstance(answer.fault, int):
                return self._send(answer.fault, b"", answer.headers)
            if answer is not None and answer.fault == "cut":
                return self._send(200, b"{}" * 100, {}, "cut")
            if answer is not None:
                return self._break(answer.fault)
            if hub.refusal is not None:
                return self._refuse(*hub.refusal)
            match = re.fullmatch(
                rf"(?:/api)?/datasets/{DATASET}/(resolve|revision|tree|paths-info)/([^/]+)/?(.*)",
                path,
            )
            if match is None:
                return self._refuse(401, "RepoNotFound")
            verb, revision, rest = (unquote(group) for group in match.groups())
            if revision not in hub.revisions:
                return self._refuse(404, "RevisionNotFound")
            if verb == "resolve":
                return self._resolve(rest)
            if verb == "revision":
                siblings = [{"rfilename": name} for name in sorted(hub.files)]
                commit = hub.revisions[revision]
                return self._json({"id": DATASET, "sha": commit, "siblings": siblings})
            if verb == "paths-info":
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                is_json = "json" in self.headers.get("Content-Type", "")
                asked = json.loads(body)["paths"] if is_json else parse_qs(body)["paths"]
                return self._json([hub.entry(name) for name in asked if name in hub.files])
            names = sorted(name for name in hub.files if name.rpartition("/")[0] == rest)
            if not names:
                return self._refuse(404, "EntryNotFound")
            start = int(parse_qs(urlsplit(self.path).query).get("cursor", ["0"])[0])
            stop = start + hub.page_entries
            more = f'<{hub.url}{path}?cursor={stop}>; rel="next"'
            return self._json(
                [hub.entry(name) for name in names[start:stop]],
                {"Link": more} if stop < len(names) else {},
            )

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
            if answer is not None and isinstance(answer.fault, int):
                return self._send(answer.fault, b"", answer.headers)
            body = bytearray(hub.sent.get(name, hub.files[name]))
            start, stop, status, headers = 0, len(body), 200, {"Accept-Ranges": "bytes"}
            asked = _RANGE.fullmatch(self.headers.get("Range", ""))
            if asked is not None and (answer is None or answer.fault != "whole"):
                start, stop, status = int(asked[1]), int(asked[2]) + 1, 206
                headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(body)}"
            if self.command == "GET":
                hub.ranges.append((name, start))
                flips = hub.flips.setdefault(name, set())
                for place in flips & set(range(start, stop)):
                    body[place] ^= 1
                    flips.remove(place)
            fault = answer.fault if answer is not None and answer.fault != "whole" else None
            return self._send(status, bytes(body[start:stop]), headers, fault)

        def _json(self, value: object, headers: Mapping[str, str] | None = None) -> None:
            content = {"Content-Type": "application/json", **(headers or {})}
            self._send(200, json.dumps(value).encode(), content)

        def _refuse(self, status: int, code: str) -> None:
            self._send(status, b"", {"X-Error-Code": code})

        def _send(
            self,
            status: int,
            body: bytes,
            headers: Mapping[str, str],
            fault: object = None,
        ) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body if fault is None else body[: len(body) // 2])
                self.wfile.flush()
            self._break(fault)

        def _break(self, fault: object) -> None:
            if fault == "hang":
                hub.closing.wait()
            if fault == "reset":
                # A close that lingers for no time sends RST in place of FIN.
                linger = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self.connection.close()

    return Handler
