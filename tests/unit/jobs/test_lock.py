"""Two at once: one works, the other says who holds the lock, and no lock outlives its holder."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from command_line import REPOSITORY
from jobs.lock import hold, holders
from pipeline.errors import BusyError, HeldError
from pipeline.storage import Storage

HOLDER = """
import sys
from jobs.lock import hold, holders
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


@pytest.fixture
def open_storage() -> Iterator[Storage]:
    """A storage that other users may look into; pytest keeps its own folders from them."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Storage(folder)


@contextlib.contextmanager
def another_user() -> Iterator[None]:
    """Root becomes one who owns nothing; all others have only the rights that a file gives."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


def test_who_may_only_read_a_storage_is_told_which_of_its_locks_are_held(
    open_storage: Storage,
) -> None:
    locks = Path(open_storage.uri) / "locks"
    with hold(open_storage, "data"):
        pass
    with hold(open_storage, "retrain-seed"):
        for path in locks.glob("*.lock"):
            path.chmod(0o444)
        with another_user():
            found = holders(open_storage)
    assert list(found) == ["retrain-seed"]
    assert found["retrain-seed"].startswith(f"process {os.getpid()} on {socket.gethostname()} ")


def test_of_a_lock_that_cannot_be_read_it_is_said_that_it_may_be_held(
    open_storage: Storage,
) -> None:
    with hold(open_storage, "data"):
        pass
    locks = Path(open_storage.uri) / "locks"
    (locks / "data.lock").chmod(0)
    with another_user():
        said = holders(open_storage)
    assert said == {
        "data": f"may be held by another process, but {locks}/data.lock does not say: "
        "Permission denied"
    }
    locks.chmod(0)
    with another_user():
        said = holders(open_storage)
    locks.chmod(0o755)
    assert said == {"locks": f"may be held, but {locks} can't be read: Permission denied"}


def test_one_who_looks_at_a_lock_is_no_holder_to_another_who_looks(
    storage: Storage, tmp_path: Path
) -> None:
    with hold(storage, "data"):
        pass
    with (tmp_path / "locks" / "data.lock").open() as looked_at:
        fcntl.flock(looked_at, fcntl.LOCK_SH)
        assert holders(storage) == {}


def test_who_finds_a_lock_held_is_told_what_for(storage: Storage) -> None:
    with hold(storage, "retrain-seed", "train"):
        with pytest.raises(HeldError) as caught, hold(storage, "retrain-seed"):
            pass
        assert caught.value.job == "train"
        assert caught.value.what.endswith(holders(storage)["retrain-seed"])
