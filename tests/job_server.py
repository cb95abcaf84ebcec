"""A Ray of its own with a job server, in another process, on this machine's loopback."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from command_line import REPOSITORY

# Until its standard input ends. Nothing but this process has the code that is here.
_SERVER = """
import sys
sys.path.insert(0, sys.argv[1])
from jobs.ray_jobs import local_jobs
with local_jobs() as jobs:
    print(jobs.address, flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def job_server(environment: Mapping[str, str], folder: Path) -> Iterator[str]:
    """The address of a server that is started with an environment, in a folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVER, str(REPOSITORY)],
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    found = process.stdout.readline().strip()
    assert found.startswith("http://127.0.0.1:")
    yield found
    process.communicate("")
