"""A training that is killed at any moment: the same command goes on, and learns the same."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from command_line import ANUVAD, SEED, Finished, anuvad, environment
from pipeline.storage import sha256_of

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(900)]

# Two workers, and a checkpoint at each update: one is nearly always being written.
SETTINGS = (
    "compute.num_workers=2",
    "train.micro_batches=2",
    "train.max_updates=120",
    "train.validate_every=60",
    "train.checkpoint_every=1",
    "train.log_every=10",
)
MARK = "TEST_OF_TRAINING"


class Command:
    """``anuvad train`` in a process group of its own; its processes carry a mark."""

    def __init__(self, storage: Path, settings: tuple[str, ...] = SETTINGS) -> None:
        self.storage = storage
        self._mark = f"{MARK}={storage}".encode()
        self._process = subprocess.Popen(
            [ANUVAD, "train", SEED, f"storage={storage}", *settings],
            cwd=storage.parent,
            env=environment(**{MARK: str(storage)}),
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
            os.kill(process, signal.SIGKILL)

    @property
    def id(self) -> int:
        """The id of the process that was started."""
        return self._process.pid

    def wait_for(self, update: int) -> None:
        """Return when a checkpoint of ``update`` or later stands."""
        while not any(number >= update for number, _ in self.checkpoints()):
            assert self._process.poll() is None, "".join(self._lines)

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


def to_a_worker(command: Command) -> None:
    os.kill(command.processes("ray::RayTrainWorker")[0], signal.SIGKILL)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The sha256 of the weights that are learnt where nothing happens."""
    return weights(finish(tmp_path_factory.mktemp("undisturbed") / "storage"))


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


@pytest.mark.parametrize(
    ("what", "code", "said"),
    [
        (signal.SIGTERM, 75, "terminated; the same command goes on where it stopped\n"),
        (signal.SIGINT, 130, "interrupted; the same command goes on where it stopped\n"),
        (signal.SIGKILL, -9, None),
    ],
    ids=["SIGTERM", "SIGINT", "SIGKILL"],
)
def test_a_command_that_is_ended_goes_on_to_the_same_weights(
    tmp_path: Path, undisturbed: str, what: signal.Signals, code: int, said: str | None
) -> None:
    with Command(tmp_path / "storage") as command:
        command.wait_for(30)
        command.wait_for_half_a_checkpoint()
        os.kill(command.id, what)
        ended, lines = command.end()
        assert ended == code
        assert Finished(code, "", "".join(lines)).foreign_lines() == []
        if said is not None:
            assert lines[-1] == said
            command.wait_for_its_processes()
            assert not list((command.storage / "ray").glob("*"))
            status = anuvad("status", SEED, f"storage={command.storage}", "--json", cwd=tmp_path)
            assert [run["status"] for run in status.json()["runs"]] == ["KILLED"]
    assert weights(finish(tmp_path / "storage")) == undisturbed


RARELY = ("compute.num_workers=2", "train.micro_batches=2", "train.max_updates=2000")
RARELY += ("train.validate_every=1000", "train.checkpoint_every=1000", "train.log_every=10")


def test_a_sigterm_saves_where_it_stands_and_the_next_start_goes_on_from_there(
    tmp_path: Path,
) -> None:
    with Command(tmp_path / "storage", RARELY) as command:
        command.wait_for_line("train      update")
        os.kill(command.id, signal.SIGTERM)
        code, lines = command.end()
        assert code == 75
        assert lines[-1] == "terminated; the same command goes on where it stopped\n"
        # None was due yet.
        [(update, is_whole)] = command.checkpoints()
        assert (is_whole, 0 < update < 1000) == (True, True)
        command.wait_for_its_processes()
        assert not list((command.storage / "ray").glob("*"))
    with Command(tmp_path / "storage", RARELY) as command:
        assert command.wait_for_line("train      goes on").split()[-1] == f"{update:,}"


def test_a_second_sigterm_ends_it_at_once_and_all_that_it_started(tmp_path: Path) -> None:
    # Its workers stand still, so that it waits for its grace period to end, half a minute.
    with Command(tmp_path / "storage", RARELY) as command:
        command.wait_for_line("train      update")
        for worker in command.processes("ray::RayTrainWorker"):
            os.kill(worker, signal.SIGSTOP)
        # Two that come before the first is taken are one, so: until it has ended.
        while command.lives():
            os.kill(command.id, signal.SIGTERM)
            time.sleep(0.2)
        code, _ = command.end()
        assert code == 75
        command.wait_for_its_processes()


def test_a_worker_that_is_killed_as_it_writes_costs_no_more_than_a_warning(
    tmp_path: Path, undisturbed: str
) -> None:
    with Command(tmp_path / "storage") as command:
        command.wait_for(30)
        command.wait_for_half_a_checkpoint()
        to_a_worker(command)
        code, lines = command.end()
    assert code == 0, lines
    [warning] = [line for line in lines if line.startswith("warning")]
    assert "died, last heard of at update" in warning
    assert "starting the workers anew, 1 of at most 3 times" in warning
    assert weights(tmp_path / "storage") == undisturbed
