"""A training in a process of its own, to be ended while a checkpoint is being written."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest
from filelock import FileLock

from command_line import ANUVAD, SEED, anuvad, environment
from pipeline.storage import sha256_of

# Two workers, and a checkpoint at each update: one is nearly always being written.
SETTINGS = (
    "compute.num_workers=2",
    "train.micro_batches=2",
    "train.max_updates=240",
    "train.validate_every=120",
    "train.checkpoint_every=1",
    "train.log_every=10",
)
MARK = "TEST_OF_TRAINING"


class Command:
    """``anuvad train``, or ``job``, in a process group of its own; its processes carry a mark."""

    def __init__(
        self,
        storage: Path,
        settings: tuple[str, ...] = SETTINGS,
        job: str = "train",
        **variables: str,
    ) -> None:
        self.storage = storage
        self._mark = f"{MARK}={storage}".encode()
        self._process = subprocess.Popen(
            [ANUVAD, job, SEED, f"storage={storage}", *settings],
            cwd=storage.parent,
            env=environment(**{MARK: str(storage)}, **variables),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self._process.stderr is not None
        self._lines: Iterator[str] = iter(self._process.stderr)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
        for process in self.processes():
            # Ray's end by themselves, too.
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    @property
    def id(self) -> int:
        """The id of the process that was started, and of its group."""
        return self._process.pid

    def wait_for(self, update: int) -> None:
        """Return when a whole checkpoint of ``update`` or later stands."""
        while not any(number >= update and whole for number, whole in self.checkpoints()):
            assert self._process.poll() is None, "".join(self._lines)
            time.sleep(0.05)

    def lives(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def wait_for_line(self, start: str) -> str:
        """Return the first line from here on that begins so."""
        for line in self._lines:
            if line.startswith(start):
                return line
        pytest.fail(f"no line {start!r}, exit code {self._process.wait()}")

    def wait_for_half_a_checkpoint(self) -> None:
        """Return while a checkpoint is being written."""
        while all(is_whole for _, is_whole in self.checkpoints()):
            assert self._process.poll() is None, "".join(self._lines)
            # Ray's workers are nice, so a loop that never rests takes the core that they train on.
            time.sleep(0.001)

    def checkpoints(self) -> list[tuple[int, bool]]:
        """The updates of the checkpoints, and whether each is whole."""
        return [
            (int(folder.name.removeprefix("update-")), (folder / "manifest.json").exists())
            for folder in self.storage.glob("checkpoints/*/update-*")
        ]

    def processes(self, name: str = "") -> list[int]:
        """Its processes that live, those whose command line begins so."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                marks = (folder / "environ").read_bytes().split(b"\0")
                command = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if self._mark in marks and command.startswith(name.encode()):
                found.append(int(folder.name))
        return found

    def wait_for_its_processes(self) -> None:
        """Return when all have ended: Ray's end a moment after the one that they wait for."""
        while self.processes():
            time.sleep(0.2)

    def end(self) -> tuple[int, list[str]]:
        """Wait for its end: the exit code, and the lines that were not read yet."""
        lines = list(self._lines)
        return self._process.wait(), lines


def finish(storage: Path) -> Path:
    """Run the command to its end."""
    done = anuvad("train", SEED, f"storage={storage}", *SETTINGS, cwd=storage.parent)
    assert done.code == 0, done.err
    assert not list((storage / "ray").glob("*"))
    return storage


def weights(storage: Path) -> str:
    """The sha256 of the weights of the one training there."""
    [path] = storage.glob("artifacts/train-*/model.safetensors")
    return sha256_of(path)


def undisturbed_weights(factory: pytest.TempPathFactory) -> str:
    """The sha256 of the weights that are learnt where nothing happens.

    The test processes of one session share what the first that asks has learnt.
    """
    folder = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    folder /= "undisturbed-training"
    folder.mkdir(exist_ok=True)
    learnt = folder / "sha256"
    with FileLock(folder / "lock"):
        if not learnt.exists():
            learnt.write_text(weights(finish(folder / "storage")))
        return learnt.read_text()
