"""Two at once: one works, the other says who holds the lock, and no lock outlives its holder."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from command_line import REPOSITORY
from jobs.lock import hold
from pipeline.errors import BusyError
from pipeline.storage import Storage

HOLDER = """
import sys
from jobs.lock import hold
from pipeline.storage import Storage
with hold(Storage(sys.argv[1]), "retrain-seed"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path))


def start_holder(folder: Path) -> subprocess.Popen[bytes]:
    """Another process that holds the lock until its standard input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    process.communicate()


def test_a_lock_can_be_held_again_after_its_block(storage: Storage, tmp_path: Path) -> None:
    for _ in range(2):
        with hold(storage, "retrain-seed"):
            assert (tmp_path / "locks" / "retrain-seed.json").is_file()
        assert not (tmp_path / "locks" / "retrain-seed.json").exists()


def test_a_second_holder_is_told_process_host_and_time(storage: Storage, tmp_path: Path) -> None:
    process = start_holder(tmp_path)
    try:
        with pytest.raises(BusyError) as caught, hold(storage, "retrain-seed"):
            pass
    finally:
        end(process)
    host = re.escape(socket.gethostname())
    assert re.fullmatch(
        rf"retrain-seed in {tmp_path} is being worked on by process {process.pid} on {host} since "
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d; run the same command again when it "
        r"has ended",
        str(caught.value),
    )


def test_other_names_are_other_locks(storage: Storage, tmp_path: Path) -> None:
    process = start_holder(tmp_path)
    try:
        with hold(storage, "retrain-phrasebook"):
            pass
    finally:
        end(process)


def test_a_lock_is_free_when_its_block_fails(storage: Storage) -> None:
    with pytest.raises(ZeroDivisionError), hold(storage, "retrain-seed"):
        raise ZeroDivisionError
    with hold(storage, "retrain-seed"):
        pass


def test_a_killed_holder_leaves_the_lock_free(storage: Storage, tmp_path: Path) -> None:
    process = start_holder(tmp_path)
    process.kill()
    end(process)
    # Its note is still there, and must not keep anybody out.
    note = tmp_path / "locks" / "retrain-seed.json"
    assert json.loads(note.read_text())["process"] == process.pid
    with hold(storage, "retrain-seed"):
        assert json.loads(note.read_text())["process"] != process.pid


@pytest.mark.parametrize("note", ["", "{", "{}"])
def test_a_holder_without_a_readable_note_is_another_process(
    storage: Storage, tmp_path: Path, note: str
) -> None:
    process = start_holder(tmp_path)
    (tmp_path / "locks" / "retrain-seed.json").write_text(note)
    try:
        with (
            pytest.raises(
                BusyError, match=r"worked on by another process; run the same command again"
            ),
            hold(storage, "retrain-seed"),
        ):
            pass
    finally:
        end(process)
