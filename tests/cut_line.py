"""A TCP connection to a server of this machine that can be cut, and healed."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Self

from ports import own_port


class CutLine:
    """Hands bytes on between its own port and another; a context manager.

    Attributes:
        port: to connect to.
    """

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self._ends: list[socket.socket] = []
        self.port = own_port()
        self._listener = socket.create_server(("127.0.0.1", self.port))

    def cut(self) -> None:
        """End all connections, and refuse new ones."""
        for end in [self._listener, *self._ends]:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._ends = []

    def heal(self) -> None:
        """Take connections again."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._start(self._accept, self._listener)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", self._to_port))
                self._ends += [near, far]
                self._start(self._hand_on, near, far)
                self._start(self._hand_on, far, near)

    @staticmethod
    def _hand_on(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    @staticmethod
    def _start(work: object, *arguments: socket.socket) -> None:
        assert callable(work)
        threading.Thread(target=work, args=arguments, daemon=True).start()

    def __enter__(self) -> Self:
        self._start(self._accept, self._listener)
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
