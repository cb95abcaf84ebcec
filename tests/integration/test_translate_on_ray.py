"""Files translated by actors: the same bytes as in one process, though workers and command die."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from command_line import REPOSITORY, Finished, environment, run
from jobs.actors import ActorRunner
from jobs.cluster import RaySession
from jobs.models import share_the_cores
from jobs.translate import search_with
from jobs.translate_files import FilesJob, order_of
from nonsense_model import write_nonsense_model
from pipeline import artifacts
from pipeline.artifacts import ArtifactSpec, Part
from pipeline.errors import AnuvadError, CorpusError
from pipeline.phrasebook import PhrasebookConfig, generate
from pipeline.runner import Runner, Task, run_here
from pipeline.storage import Storage

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("tasks_reach_workers")]

SPEC = ArtifactSpec("translate", {}, "c0de", {})
SENTENCES = 3000


@pytest.fixture(scope="module")
def tasks_reach_workers(ray_session: RaySession) -> Iterator[None]:
    """Workers can't import a test module, so its functions travel to them whole."""
    import ray.cloudpickle

    module = sys.modules[__name__]
    ray.cloudpickle.register_pickle_by_value(module)
    yield
    ray.cloudpickle.unregister_pickle_by_value(module)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_nonsense_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def sentences() -> list[str]:
    pairs = generate(PhrasebookConfig(train_pairs=SENTENCES))["train"]
    return [pair.english for pair in pairs]


class Silent:
    """Progress that nobody looks at."""

    def say(self, name: str, text: str) -> None:
        """Nothing."""

    def warn(self, text: str) -> None:
        """Nothing."""

    def stage_advanced(self, name: str, done: int, total: int) -> None:
        """Nothing."""

    def bar_ended(self, name: str) -> None:
        """Nothing."""


def work(storage: Storage, name: str, deaths: int = 0, tries: Path | None = None) -> Part:
    """A task whose process is killed so many times."""
    if tries is not None:
        with tries.open("a") as file:
            file.write("x")
        if len(tries.read_text()) <= deaths:
            os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.05)
    storage.write_bytes(f"{SPEC.path}/{name}", name.encode())
    return Part((artifacts.entry_of(storage, SPEC, name),), {"pid": os.getpid()})


def refuse() -> Part:
    raise CorpusError("every line must have 2 columns, but line 7 has 1")


def translate(model: Path, where: Path, output: Path, rows: int, runner: Runner) -> None:
    search = search_with([str(model)], None, None, [])
    FilesJob(order_of(str(where), str(output), None, rows), search).run(lambda _: runner, Silent())


def test_each_actor_runs_many_tasks_and_all_are_run(tmp_path: Path) -> None:
    storage, parts = Storage(str(tmp_path)), {}
    tasks = [Task(f"{i}", work, (storage, f"{i}")) for i in range(20)]
    ActorRunner(share_the_cores)(tasks, lambda task, part: parts.update({task.name: part}))
    assert set(parts) == {task.name for task in tasks}
    pids = {part.counts["pid"] for part in parts.values()}
    assert os.getpid() not in pids
    # As many as the cluster has CPUs.
    assert len(pids) <= max(2, os.cpu_count() or 1)


def test_no_tasks_need_no_actor() -> None:
    ActorRunner(share_the_cores)([], lambda task, part: None)


def test_an_actor_that_is_killed_is_started_anew_with_its_task(tmp_path: Path) -> None:
    storage, ended = Storage(str(tmp_path / "store")), []
    tries = tmp_path / "tries"
    tasks = [Task(f"{i}", work, (storage, f"{i}")) for i in range(6)]
    tasks.insert(2, Task("fragile", work, (storage, "fragile", 2, tries)))
    ActorRunner(share_the_cores)(tasks, lambda task, part: ended.append(task.name))
    assert sorted(ended) == sorted(task.name for task in tasks)
    assert tries.read_text() == "xxx"


def test_a_task_that_kills_each_actor_is_given_up_and_named(tmp_path: Path) -> None:
    task = Task("doomed", work, (Storage(str(tmp_path)), "doomed", 99, tmp_path / "tries"))
    with pytest.raises(AnuvadError, match="worker process of task doomed died four times"):
        ActorRunner(share_the_cores)([task], lambda task, part: None)
    assert (tmp_path / "tries").read_text() == "xxxx"


def test_what_a_task_raises_is_raised_as_it_is() -> None:
    with pytest.raises(CorpusError, match=r"^every line must have 2 columns, but line 7 has 1$"):
        ActorRunner(share_the_cores)([Task("bad", refuse, ())], lambda task, part: None)


def test_actors_write_the_same_bytes_as_one_process(
    model: Path, sentences: list[str], tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.txt").write_text("\n".join(sentences[:700]))
    pq.write_table(pa.table({"en": sentences[700:900]}), folder / "b.parquet")
    translate(model, folder, tmp_path / "here", 64, run_here)
    translate(model, folder, tmp_path / "there", 64, ActorRunner(share_the_cores))
    for name in ("a.txt", "b.parquet"):
        here, there = ((tmp_path / at / name).read_bytes() for at in ("here", "there"))
        assert there == here
    lines = (tmp_path / "there" / "a.txt").read_text(encoding="utf-8").split("\n")
    assert len(lines) == 701
    translator = search_with([str(model)], None, None, []).models.load()
    for number in range(0, 700, 50):
        assert lines[number] == translator.translate([sentences[number]])[0].text


def command(model: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "jobs.translate", "--model", str(model), *arguments]


def finish(arguments: list[str], cwd: Path) -> Finished:
    return run(arguments, cwd, env=environment(PYTHONPATH=str(REPOSITORY)))


def kill_halfway(arguments: list[str], cwd: Path, is_halfway: Callable[[], bool]) -> None:
    """Start a command and kill it; what it had started ends too."""
    process = subprocess.Popen(
        arguments,
        cwd=cwd,
        env=environment(PYTHONPATH=str(REPOSITORY)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    family: list[psutil.Process] = []
    try:
        while not is_halfway():
            assert process.poll() is None, "the command ended before it could be killed"
            time.sleep(0.005)
        # It alone writes records, and looking for what it has started takes a while.
        process.send_signal(signal.SIGSTOP)
        family = psutil.Process(process.pid).children(recursive=True)
    finally:
        process.kill()
        process.wait()
        for left in psutil.wait_procs(family, timeout=15)[1]:
            with contextlib.suppress(psutil.NoSuchProcess):
                left.kill()


@pytest.mark.slow
@pytest.mark.parametrize("where", ["--ray", "--no-ray"])
def test_a_command_that_is_killed_goes_on_and_repeats_no_piece(
    where: str, model: Path, sentences: list[str], tmp_path: Path
) -> None:
    (tmp_path / "in.txt").write_text("\n".join(sentences), encoding="utf-8")
    arguments = command(model, "--input", "in.txt", "--task-sentences", "100", where)
    whole = finish([*arguments, "--output", "whole.txt"], tmp_path)
    assert whole.code == 0, whole.err
    assert whole.foreign_lines() == []
    folder = tmp_path / "out.txt.work" / "artifacts"

    def records() -> list[Path]:
        return sorted(folder.glob("translate-*/parts/*/*.json"))

    kill_halfway([*arguments, "--output", "out.txt"], tmp_path, lambda: len(records()) >= 4)
    kept = [json.loads(path.read_bytes())["files"][0] for path in records()]
    assert 4 <= len(kept) < SENTENCES // 100
    assert not (tmp_path / "out.txt").exists()
    expected = (tmp_path / "whole.txt").read_text(encoding="utf-8").split("\n")
    # Of what was translated before the kill we make something that no model says.
    for file in kept:
        (path,) = folder.glob(f"translate-*/{file['name']}")
        start, _, stop = path.name.partition("-")
        mark = path.name * 100
        lines = [mark[: len(line.encode())] for line in expected[int(start) : int(stop)]]
        expected[int(start) : int(stop)] = lines
        path.write_text("".join(f"{line}\n" for line in lines))
        assert path.stat().st_size == file["size"]
    again = finish([*arguments, "--output", "out.txt"], tmp_path)
    assert again.code == 0, again.err
    assert (tmp_path / "out.txt").read_text(encoding="utf-8").split("\n") == expected
    assert not folder.parent.exists()


@pytest.mark.slow
def test_memory_does_not_grow_with_the_input(
    model: Path, sentences: list[str], tmp_path: Path
) -> None:
    """Each row drags eight kilobytes of something else along, 160 MB in all."""
    peaks = []
    for times in (1, 40):
        schema = pa.schema([("en", pa.string()), ("note", pa.string())])
        with pq.ParquetWriter(tmp_path / f"{times}.parquet", schema) as writer:
            for index in range(times):
                notes = [f"{index * 500 + i:08192}" for i in range(500)]
                writer.write_table(pa.table([sentences[:500], notes], schema=schema))
        code = (
            "import sys, resource; from jobs.cli import run\n"
            f"sys.argv = ['anuvad', '--model', {str(model)!r}, '--no-ray', '--beam-size', '1', "
            f"'--task-sentences', '500', '--input', '{times}.parquet', "
            f"'--output', 'out{times}.parquet']\n"
            "try:\n    run('translate')\nexcept SystemExit as ended: assert not ended.code\n"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        done = finish([sys.executable, "-c", code], tmp_path)
        assert done.code == 0, done.err
        peaks.append(int(done.out) / 1024)
    # What is held is a row group that is written, 32 MB, and its copies.
    assert peaks[1] - peaks[0] < 110
    table = pq.read_table(tmp_path / "out40.parquet")
    assert len(table) == 20_000
    assert table.column("translation")[:500].equals(table.column("translation")[19_500:])
    assert table.column("note")[19_999].as_py() == f"{19_999:08192}"
