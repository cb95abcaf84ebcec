"""A server of the S3 protocol on the loopback: moto's, in a thread."""

from __future__ import annotations

import itertools
import logging
import urllib.request
from typing import Self

S3_KEYS = {"AWS_ACCESS_KEY_ID": "anuvad-tests", "AWS_SECRET_ACCESS_KEY": "anuvad-tests"}


class LocalS3:
    """The server; a context manager."""

    def __enter__(self) -> Self:
        # Imported by those tests only that need it: it takes a second.
        from moto.server import ThreadedMotoServer

        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._server.start()
        host, port = self._server.get_host_and_port()
        self.url = f"http://{host}:{port}"
        self._numbers = itertools.count()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    def new_bucket(self) -> str:
        """The name of an empty bucket."""
        name = f"bucket-{next(self._numbers)}"
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/{name}", method="PUT")).close()
        return name
