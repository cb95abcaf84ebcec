"""``anuvad prepare`` interrupted and killed in the middle of its stages, then run again."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from command_line import ANUVAD, Finished, anuvad, environment
from data_job import write_data_job
from jobs.config import load_config
from jobs.console import JobConsole
from jobs.context import JobContext
from killing import Silent, assert_same
from pipeline import artifacts
from pipeline.artifacts import Artifact
from pipeline.runner import run_here
from pipeline.stages import prepare
from pipeline.storage import Storage

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

ENDED = 3
"""Tasks of a stage that have to have ended before it is interrupted."""

PATIENCE_S = 120.0
"""For processes of a command that has ended to follow it, on a machine however busy."""

# They hold no task, and outlive a raylet whose driver was killed by a minute and more.
RAYS_OWN = {"ray::DashboardAgent", "ray::RuntimeEnvAgent"}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration whose training split is six thousand pairs in sixty shards."""
    return write_data_job(tmp_path, "interrupted", 6_000, 100, tmp_path / "storage")


def undisturbed(config: Path, folder: Path) -> dict[str, Artifact]:
    """What a run in this process makes in ``folder``."""
    job = JobContext(load_config(str(config), []), JobConsole())
    results = prepare(job.data, Storage(str(folder)), lambda: run_here, Silent())
    return {name: result.artifact for name, result in results.items()}


class Command:
    """``anuvad prepare`` in a process group of its own; whatever it started ends with the block."""

    def __init__(self, config: Path) -> None:
        self._process = subprocess.Popen(
            [ANUVAD, "prepare", config],
            cwd=config.parent,
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._started: list[psutil.Process] = []

    def __enter__(self) -> Command:
        return self

    def __exit__(self, *_: object) -> None:
        self._remember()
        for process in [*self._started, self._process]:
            with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
                process.kill()
        if not self._process.stderr.closed:
            self._process.communicate()

    def stop_in(self, folder: Path, stage: str) -> None:
        """Stop the driver, who alone ends a stage, while the stage is in the middle of its work."""
        while self._process.poll() is None:
            if is_under_way(folder, stage):
                self._process.send_signal(signal.SIGSTOP)
                return
            time.sleep(0.002)
        pytest.fail(f"it ended before {stage} was seen under way:\n{self._process.stderr.read()}")

    def wait_for_process(self, name: str) -> None:
        """Return when it has such a process."""
        while self._process.poll() is None:
            self._remember()
            for process in self._started:
                with contextlib.suppress(psutil.Error):
                    if " ".join(process.cmdline()).startswith(name):
                        return
            time.sleep(0.05)
        pytest.fail(f"it ended before it had {name}:\n{self._process.stderr.read()}")

    def end(self, what: signal.Signals) -> tuple[Finished, set[str]]:
        """Ctrl-C, as a terminal sends it to the whole group; another signal to the driver alone.

        Returns:
            how it ended, and the names of its processes that outlive it.
        """
        self._remember()
        if what == signal.SIGINT:
            os.killpg(self._process.pid, what)
            self._process.send_signal(signal.SIGCONT)
        else:
            self._process.send_signal(what)
        deadline = time.monotonic() + PATIENCE_S
        # Who is killed can't take them along.
        may_stay = RAYS_OWN if what == signal.SIGKILL else set()
        while not (names := self._alive()) <= may_stay and time.monotonic() < deadline:
            self._remember()
            time.sleep(0.1)
        # Who inherited the pipe keeps it open until it has ended too.
        for process in self._started:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        said = self._process.communicate()[1]
        return Finished(self._process.returncode, "", said), names

    def _alive(self) -> set[str]:
        """The names of its processes that have not ended."""
        names = set()
        for process in self._started:
            with contextlib.suppress(psutil.NoSuchProcess):
                if process.status() != psutil.STATUS_ZOMBIE:
                    names.add(process.name())
        return names

    def _remember(self) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            children = psutil.Process(self._process.pid).children(recursive=True)
            self._started += [child for child in children if child not in self._started]


def is_under_way(folder: Path, stage: str) -> bool:
    """Whether some tasks of the stage have ended, or a tokenizer is being trained."""
    if stage == "tokenizer":
        return any(folder.glob("tokenizer-*/.*.model.*"))
    return sum(1 for _ in finished(folder, stage)) >= ENDED


def finished(folder: Path, stage: str) -> Iterator[Path]:
    """Files that finished tasks of the stage have made, and that stay to its end."""
    for record in folder.glob(f"{stage}-*/parts/train-*.json"):
        # It may be gone by now, with the stage's end.
        with contextlib.suppress(FileNotFoundError):
            for file in json.loads(record.read_text())["files"]:
                yield record.parent.parent / file["name"]


@pytest.mark.parametrize("rays_start_s", [0.0, 0.8, 1.6])
def test_a_sigterm_while_ray_starts_leaves_no_process_and_no_word_of_rays(
    config: Path, rays_start_s: float
) -> None:
    with Command(config) as command:
        command.wait_for_process("ray::DashboardAgent")
        time.sleep(rays_start_s)
        done, alive = command.end(signal.SIGTERM)
    assert done.code == 143
    assert done.err.endswith("\nterminated; the same command goes on where it stopped\n")
    assert done.foreign_lines() == []
    assert alive == set()


def test_a_prepare_that_is_interrupted_in_each_stage_goes_on_and_makes_the_same_bytes(
    config: Path, tmp_path: Path
) -> None:
    expected = undisturbed(config, tmp_path / "undisturbed")
    folder = tmp_path / "storage" / "artifacts"
    stood: dict[Path, tuple[int, int]] = {}
    for stage, what, code in (
        ("clean", signal.SIGINT, 130),
        ("clean", signal.SIGKILL, -signal.SIGKILL),
        ("dedup", signal.SIGKILL, -signal.SIGKILL),
        ("tokenizer", signal.SIGKILL, -signal.SIGKILL),
        ("tensorize", signal.SIGKILL, -signal.SIGKILL),
    ):
        with Command(config) as command:
            command.stop_in(folder, stage)
            ended, alive = command.end(what)
        assert ended.code == code
        if what == signal.SIGINT:
            assert ended.err.endswith("\ninterrupted; the same command goes on where it stopped\n")
            assert ended.foreign_lines() == []
            assert alive == set()
        assert alive <= RAYS_OWN
        assert not list(folder.glob(f"{stage}-*/manifest.json")), f"{stage} was not in the middle"
        for path in finished(folder, stage):
            stood[path] = path.stat().st_ino, path.stat().st_mtime_ns

    done = anuvad("prepare", config, "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    assert done.foreign_lines() == []
    skipped = {stage["name"]: stage["skipped"] for stage in done.json()["stages"]}
    assert skipped == {name: name != "tensorize" for name in expected}
    # A task that is run again publishes a new file in the place of the old one.
    assert {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in stood} == stood
    assert {path.parent.name.split("-")[0] for path in stood} == {"clean", "dedup", "tensorize"}
    storage = Storage(str(tmp_path / "storage"))
    for artifact in expected.values():
        assert_same(artifacts.load(storage, artifact.id), artifact)
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        artifact.id for artifact in expected.values()
    )
