"""Turns: one holder at a time, the dead and the silent taken over from, and who woke up is told."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from command_line import REPOSITORY
from jobs import lease as leases
from jobs.lease import holders, lease
from pipeline.errors import BusyError, LostLockError
from pipeline.storage import Storage

NAME = "promote-seed"
HOLDER = """
import sys
from jobs.lease import lease
from pipeline.errors import LostLockError
from pipeline.storage import Storage
with lease(Storage(sys.argv[1]), "promote-seed", print, beat_every_s=0.05) as held:
    print("held", flush=True)
    sys.stdin.readline()
    try:
        held.check()
        print("still held", flush=True)
    except LostLockError as error:
        print(error, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path))


class Other:
    """Another process that holds the lock, and asks whether it still does when told to."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(folder)],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.line() == "held"

    def __enter__(self) -> Other:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    @property
    def id(self) -> int:
        return self._process.pid

    def line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().rstrip("\n")

    def check(self) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self.line()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def send(self, what: signal.Signals) -> None:
        os.kill(self.id, what)


def is_elsewhere(folder: Path, token: int) -> None:
    """Make the holder one of another machine, so that nobody here can tell whether it lives."""
    path = folder / "locks" / NAME / f"{token:08}.json"
    note = json.loads(path.read_text())
    path.write_text(json.dumps(note | {"machine": "elsewhere", "host": "node-7"}))


def test_turns_are_counted_and_each_ends(storage: Storage) -> None:
    tokens = []
    for _ in range(3):
        with lease(storage, NAME, pytest.fail) as held:
            held.check()
            tokens.append(held.holder.token)
            assert holders(storage) == {NAME: held.holder}
        assert holders(storage) == {}
    assert tokens == [1, 2, 3]


def test_a_turn_ends_when_its_block_fails(storage: Storage) -> None:
    with pytest.raises(ZeroDivisionError), lease(storage, NAME, pytest.fail):
        raise ZeroDivisionError
    with lease(storage, NAME, pytest.fail):
        pass


def test_turns_of_long_ago_leave_nothing_behind(storage: Storage, tmp_path: Path) -> None:
    for _ in range(5):
        with lease(storage, NAME, pytest.fail):
            pass
    left = {path.name.partition(".")[0] for path in (tmp_path / "locks" / NAME).iterdir()}
    assert left == {"00000004", "00000005"}


def test_who_waits_in_vain_is_told_who_holds_it(storage: Storage, tmp_path: Path) -> None:
    with Other(tmp_path) as other:
        with (
            pytest.raises(BusyError) as caught,
            lease(storage, NAME, pytest.fail, wait_s=0.3),
        ):
            pass
        holder = holders(storage)[NAME]
    assert holder.process == other.id
    assert str(caught.value) == (
        f"{NAME} in {tmp_path} is held by process {other.id} on {holder.host} since "
        f"{holder.since} (turn 1); run the same command again when it has ended"
    )


def test_one_that_died_here_is_taken_over_from_at_once_with_a_notice(
    storage: Storage, tmp_path: Path
) -> None:
    notices: list[str] = []
    with Other(tmp_path) as other:
        holder = holders(storage)[NAME]
        other.kill()
        with lease(storage, NAME, notices.append, wait_s=0, stale_s=1000) as held:
            assert held.holder.token == 2
    assert notices == [f"{NAME}: {holder} has died; turn 2 takes over"]


def test_a_process_that_got_the_number_of_a_dead_one_is_not_taken_for_it(
    storage: Storage, tmp_path: Path
) -> None:
    notices: list[str] = []
    with Other(tmp_path):
        path = tmp_path / "locks" / NAME / "00000001.json"
        note = json.loads(path.read_text())
        path.write_text(json.dumps(note | {"started": note["started"] - 3600}))
        with lease(storage, NAME, notices.append, wait_s=0, stale_s=1000):
            pass
    assert len(notices) == 1
    assert "has died" in notices[0]


class Late(Storage):
    """Where the first file is made only after three other turns were taken and have ended."""

    is_late = False

    def create(self, path: str, data: bytes) -> bool:
        if not self.is_late:
            self.is_late = True
            for _ in range(3):
                with lease(Storage(self.uri), NAME, pytest.fail):
                    pass
        return super().create(path, data)


def test_who_looked_long_ago_takes_no_turn_that_is_over(storage: Storage, tmp_path: Path) -> None:
    with lease(storage, NAME, pytest.fail):
        pass
    with lease(Late(str(tmp_path)), NAME, pytest.fail) as held:
        held.check()
        assert held.holder.token == 5
        assert holders(storage) == {NAME: held.holder}
    # Nor is anything left of the turn that it tried to take.
    assert not list((tmp_path / "locks" / NAME).glob("00000002.*"))


class BeatClock:
    """A watch that goes on by fifty seconds with each beat of the first turn."""

    def __init__(self, folder: Path) -> None:
        self._beat = folder / "locks" / NAME / "00000001.beat"
        self._now = 0.0

    def monotonic(self) -> float:
        return self._now

    def sleep(self, _: float) -> None:
        before = self._read()
        while self._read() == before:
            time.sleep(0.01)
        self._now += 50

    def _read(self) -> bytes:
        return self._beat.read_bytes() if self._beat.exists() else b""


def test_one_elsewhere_that_lives_is_waited_for(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Other(tmp_path):
        is_elsewhere(tmp_path, 1)
        monkeypatch.setattr(leases, "time", BeatClock(tmp_path))
        # Three times as long as one who is silent, but never for so long without a beat.
        with (
            pytest.raises(BusyError, match="on node-7 since"),
            lease(storage, NAME, pytest.fail, wait_s=180, stale_s=60),
        ):
            pass


class LongClock:
    """A watch on which each pause takes ten minutes."""

    def __init__(self) -> None:
        self._now = 0.0

    def monotonic(self) -> float:
        return self._now

    def sleep(self, _: float) -> None:
        self._now += 600


def test_who_waits_for_hours_says_so_each_hour(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[object] = []
    with lease(storage, NAME, pytest.fail) as held:
        monkeypatch.setattr(leases, "time", LongClock())
        with (
            pytest.raises(BusyError),
            lease(storage, NAME, pytest.fail, waits=said.append, wait_s=3 * 3600, stale_s=math.inf),
        ):
            pass
    # At once, and after one, two and three hours.
    assert said == [held.holder] * 4


def test_where_somebody_deleted_the_folder_a_turn_of_the_same_number_is_another(
    storage: Storage, tmp_path: Path
) -> None:
    with lease(storage, NAME, pytest.fail) as first:
        is_elsewhere(tmp_path, 1)
        note = json.loads((tmp_path / "locks" / NAME / "00000001.json").read_text())
        shutil.rmtree(tmp_path / "locks" / NAME)
        with pytest.raises(LostLockError, match="another process has taken over"):
            first.check()
        assert storage.create(f"locks/{NAME}/00000001.json", json.dumps(note).encode())
        with pytest.raises(LostLockError, match=r"process \d+ on node-7 since .* has taken over"):
            first.check()
    # Nor does the end of the one look like the end of the other.
    assert holders(storage)[NAME].host == "node-7"


def test_of_all_locks_those_that_are_held_are_named(storage: Storage) -> None:
    for name in ("evaluate-1f2e3d4c5b6a", "evaluate-6a5b4c3d2e1f"):
        with lease(storage, name, pytest.fail):
            pass
    storage.write_bytes("locks/retrain-seed.json", b"{}")
    with (
        lease(storage, NAME, pytest.fail) as held,
        lease(storage, "words-0a1b2c3d4e5f", pytest.fail) as other,
    ):
        assert holders(storage) == {NAME: held.holder, "words-0a1b2c3d4e5f": other.holder}


def test_one_that_was_silent_and_wakes_up_finds_that_it_holds_nothing(
    storage: Storage, tmp_path: Path
) -> None:
    notices: list[str] = []
    with Other(tmp_path) as other:
        is_elsewhere(tmp_path, 1)
        other.send(signal.SIGSTOP)
        with lease(storage, NAME, notices.append, stale_s=0.5) as held:
            other.send(signal.SIGCONT)
            said = other.check()
            held.check()
            mine = str(held.holder)
    assert notices[0].endswith("(turn 1) has not been heard of for 0.5 seconds; turn 2 takes over")
    assert said == (
        f"turn 1 of {NAME} in {tmp_path} must be the latest, but {mine} has taken over; run the "
        f"same command again"
    )


def test_one_that_was_not_taken_over_from_still_holds_it(tmp_path: Path) -> None:
    with Other(tmp_path) as other:
        assert other.check() == "still held"


def test_a_lost_lock_is_a_busy_one() -> None:
    assert issubclass(LostLockError, BusyError)


def _count(folder: str, barrier: Any) -> None:
    """Read a number and write the next one, where two at once would lose one."""
    barrier.wait()
    for _ in range(5):
        with lease(Storage(folder), NAME, print):
            path = Path(folder) / "number"
            number = int(path.read_text())
            path.write_text(str(number + 1))


def test_four_processes_at_once_take_turns(tmp_path: Path) -> None:
    (tmp_path / "number").write_text("0")
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(4)
    processes = [context.Process(target=_count, args=(str(tmp_path), barrier)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert (tmp_path / "number").read_text() == "20"
    assert (tmp_path / "locks" / NAME / "00000020.ended").is_file()


@pytest.mark.integration
def test_turns_are_taken_in_an_object_store_too(s3_prefix: str) -> None:
    store = Storage(s3_prefix)
    for token in (1, 2, 3):
        with lease(store, NAME, pytest.fail) as held:
            assert held.holder.token == token
            assert holders(store) == {NAME: held.holder}
            with (
                pytest.raises(BusyError, match=r"held by process \d+ on "),
                lease(Storage(s3_prefix), NAME, pytest.fail, wait_s=0),
            ):
                pass
            held.check()
    assert holders(store) == {}
