"""A disk that is really full: a small one in memory, mounted where only the test's commands see it.

A user namespace lets anybody mount it; where the system forbids those the tests are skipped, and
``tests/unit/pipeline/test_no_room.py`` is what remains.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from command_line import ANUVAD, Finished, run
from data_job import write_data_job
from jobs.config import load_config
from jobs.console import JobConsole
from jobs.context import JobContext
from killing import Silent, assert_same
from pipeline import artifacts
from pipeline.runner import run_here
from pipeline.stages import prepare
from pipeline.storage import Storage, sha256_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

DISK_BYTES = 8 << 20
GO_ON = """
import sys
from jobs.config import load_config
from jobs.console import JobConsole
from jobs.context import JobContext
from pipeline.runner import run_here
from pipeline.stages import prepare
job = JobContext(load_config(sys.argv[1], []), JobConsole())
prepare(job.data, job.storage, lambda: run_here, job.console, until=sys.argv[2])
"""
_MOUNT = 'mount -t tmpfs -o size="$2" tmpfs "$1" && echo mounted && exec sleep infinity'


class SmallDisk:
    """A disk of ``DISK_BYTES`` at ``place``, which ends with the process that holds it."""

    def __init__(self, place: Path) -> None:
        self.place = place
        unshare = ["unshare", "--user", "--map-root-user", "--mount"]
        self._holder = subprocess.Popen(
            [*unshare, "sh", "-c", _MOUNT, "sh", str(place), str(DISK_BYTES)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._holder.stdout is not None
        self.is_mounted = self._holder.stdout.readline() == "mounted\n"

    def close(self) -> str:
        """Give the disk up; what was said of why it could not be mounted."""
        self._holder.kill()
        return str(self._holder.communicate()[1])

    @property
    def seen_from_here(self) -> Path:
        """The same folder, for processes that the disk is not mounted for."""
        return Path(f"/proc/{self._holder.pid}/root{self.place}")

    def run(self, *command: str | Path) -> Finished:
        """Run a command that sees the disk."""
        enter = ["nsenter", f"--target={self._holder.pid}", "--user", "--mount"]
        return run([*enter, "--preserve-credentials", *map(str, command)], self.place.parent)

    def leave_free(self, size: int) -> None:
        """Fill the disk up to its last ``size`` bytes."""
        filler = self.seen_from_here / "filler"
        filler.unlink(missing_ok=True)
        filler.write_bytes(bytes(shutil.disk_usage(self.seen_from_here).free - size))
        assert shutil.disk_usage(self.seen_from_here).free == size


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A small disk at ``tmp_path / "disk"``."""
    if shutil.which("unshare") is None or shutil.which("nsenter") is None:
        pytest.skip("a disk of the test's own needs unshare and nsenter, which are Linux's")
    (tmp_path / "disk").mkdir()
    disk = SmallDisk(tmp_path / "disk")
    mounted = disk.is_mounted
    try:
        if mounted:
            yield disk
    finally:
        said = disk.close()
    if not mounted:
        pytest.skip(f"no disk can be mounted in a user namespace here: {said.strip()}")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration whose storage is on the disk, with two thousand pairs in four shards."""
    return write_data_job(tmp_path, "full", 2_000, 500, tmp_path / "disk" / "storage")


def bytes_on_disk(folder: Path) -> int:
    """What the files of a folder take, in whole pages."""
    page = os.sysconf("SC_PAGE_SIZE")
    return sum(-(-p.stat().st_size // page) * page for p in folder.rglob("*") if p.is_file())


def test_a_disk_that_fills_up_in_each_stage_publishes_no_half_file_and_goes_on_with_room(
    config: Path, disk: SmallDisk, tmp_path: Path
) -> None:
    job = JobContext(load_config(str(config), []), JobConsole())
    whole = Storage(str(tmp_path / "undisturbed"))
    expected = prepare(job.data, whole, lambda: run_here, Silent())
    folder = disk.seen_from_here / "storage" / "artifacts"
    for stage, result in expected.items():
        wanted = result.artifact
        size = bytes_on_disk(Path(wanted.uri))
        # Half of what it takes, in whole pages; folders take none.
        disk.leave_free(size // 2 // 4096 * 4096)
        done = disk.run(ANUVAD, "prepare", config)
        assert (done.code, done.out, done.foreign_lines()) == (1, "", []), stage
        assert re.fullmatch(
            rf"error: {disk.place}/storage/artifacts/{wanted.id}/\S+ must be writable and its disk "
            r"have room, but: No space left on device "
            rf"\(([\d,]+ bytes of it were written; )?{disk.place}\S* has [\d,]+ bytes free\)",
            done.err.splitlines()[-1],
        ), done.err
        assert not (folder / wanted.id / "manifest.json").exists()
        published = {file.name: file.sha256 for file in wanted.files}
        for name, sha256 in published.items():
            path = folder / wanted.id / name
            assert not path.exists() or sha256_of(path) == sha256
        disk.leave_free(DISK_BYTES // 2)
        # The next stage has to begin with its own share of the disk, so this one ends here.
        assert disk.run(sys.executable, "-c", GO_ON, config, stage).code == 0
    done = disk.run(ANUVAD, "prepare", config)
    assert done.code == 0, done.err
    disk.run("cp", "-r", disk.place / "storage", tmp_path / "copied")
    copied = Storage(str(tmp_path / "copied"))
    for result in expected.values():
        assert_same(artifacts.load(copied, result.artifact.id), result.artifact)


def test_a_disk_that_may_only_be_read_is_one_sentence(
    config: Path, disk: SmallDisk, tmp_path: Path
) -> None:
    assert disk.run("mount", "-o", "remount,ro", disk.place).code == 0
    done = disk.run(ANUVAD, "prepare", config)
    assert (done.code, done.out, done.foreign_lines()) == (1, "", [])
    assert done.err == (
        f"error: {disk.place}/storage/locks must be writable, but: Read-only file system\n"
    )
