"""The peers' virtual environments, and running a part of the bench in one of them.

writes  ``.bench/joeynmt/`` and ``.bench/eole/``, which git ignores
holds   an environment has what its list of pins says, ``peers/joeynmt.txt`` or ``peers/eole.txt``;
        where that has changed it is made anew, and one whose making was interrupted too
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PEERS = Path(__file__).resolve().with_name("peers")
BENCH = PEERS.parent.parent.parent / ".bench"
_READY = ".ready"


class PeerError(Exception):
    """A peer can't be installed or does not run; one sentence."""


def python_of(peer: str, folder: Path = BENCH, pins: Path = PEERS) -> Path:
    """The interpreter of a peer's environment, which is installed if it is not there.

    Args:
        peer: ``joeynmt`` or ``eole``.
        folder: where environments are.
        pins: where the lists of what they hold are.

    Raises:
        PeerError: if it can't be installed; saying what pip said.
    """
    wanted = (pins / f"{peer}.txt").read_text()
    environment = folder / peer
    python, ready = environment / "bin" / "python", environment / _READY
    if not (ready.is_file() and ready.read_text() == wanted):
        print(f"installing {peer} into {environment}: some minutes and 2 GB", file=sys.stderr)
        shutil.rmtree(environment, ignore_errors=True)
        pip = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        _install(peer, [sys.executable, "-m", "venv", str(environment)])
        _install(peer, [*pip, "-r", str(pins / f"{peer}.txt")])
        ready.write_text(wanted)
    return python


def _install(peer: str, command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise PeerError(
            f"{peer} must be installed from PyPI to be measured, but: {_why(done)}; connect to it, "
            f"or run `make bench`, which needs no peers"
        )


def measure_peer(
    python: Path, script: str, arguments: Sequence[str], threads: int
) -> dict[str, Any]:
    """What a part that runs in a peer's environment printed: one JSON object, its last line.

    Args:
        python: of the environment.
        script: the part, a file of ``peers/``.
        arguments: what it is told.
        threads: that its libraries may use.

    Raises:
        PeerError: if it failed; with the end of what it said.
    """
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [str(python), str(PEERS / script), *arguments, "--threads", str(threads)],
        capture_output=True,
        text=True,
        env=environment | {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)},
    )
    if done.returncode:
        raise PeerError(f"{script} must print what it measured, but: {_why(done)}")
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _why(done: subprocess.CompletedProcess[str]) -> str:
    said = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    errors = [line for line in said if line.startswith("ERROR: ")]
    last = (errors or said or [f"it ended with status {done.returncode} without a word"])[-1]
    return last.removeprefix("ERROR: ")
