"""Ports for servers that must be told theirs before they start, or find it again."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket

# Ray's workers have those below, and Linux gives those above to whoever asks for any.
_PORTS = range(20_000, 32_768)
_turns = itertools.count(os.getpid() * 37)


def own_port() -> int:
    """A port of the loopback that is free, and that nobody is given who asks for any.

    A server takes seconds to come to its port, and one that is stopped and started again must find
    it free; a port that the system chose would be given to others meanwhile.
    """
    for turn in itertools.islice(_turns, len(_PORTS)):
        port = _PORTS[turn % len(_PORTS)]
        with contextlib.suppress(OSError), socket.socket() as asked:
            asked.bind(("127.0.0.1", port))
            return port
    raise AssertionError(f"no port of {_PORTS} is free")
