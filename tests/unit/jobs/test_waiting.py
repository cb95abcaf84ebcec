"""A retraining at night waits for its turn, says for whom, and goes by what there is after it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import pytest

from jobs import lock
from jobs.config import load_config
from jobs.console import JobConsole
from jobs.context import JobContext
from jobs.lock import hold
from jobs.prepare import Turn, run_stages
from jobs.retrain import due_now, retrain
from jobs.rounds import read_round
from pipeline.errors import UnderWayError
from pipeline.runner import Runner, run_here
from pipeline.storage import Storage

PAIRS = {"train": "hello\tनमस्ते", "validation": "good\tअच्छा", "test": "water\tपानी"}
CONFIG = """\
storage: {storage}
corpus:
  source: {source}
  licence: MIT
registry:
  name: seed
"""


class HereContext(JobContext):
    """A job whose tasks run in this process."""

    def runner(self) -> Runner:
        """No Ray."""
        return run_here


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that the job watches."""
    folder = tmp_path / "pairs"
    folder.mkdir()
    for split, pair in PAIRS.items():
        (folder / f"{split}.tsv").write_text(f"en\thi\n{pair}\n", "utf-8")
    return folder


@pytest.fixture
def job(folder: Path, tmp_path: Path) -> JobContext:
    config = tmp_path / "watched.yaml"
    config.write_text(CONFIG.format(storage=tmp_path / "storage", source=folder))
    return HereContext(load_config(str(config), []), JobConsole())


Busy = Callable[..., None]


@pytest.fixture
def busy(job: JobContext, monkeypatch: pytest.MonkeyPatch) -> Iterator[Busy]:
    """Let another hold a lock until it is asked for the n-th time, and then do something."""
    other = ExitStack()

    def until(
        n: int, then: Callable[[], object] = lambda: None, name: str = "data", what: str = ""
    ) -> None:
        asked = []

        def asking(storage: Storage, asked_for: str, *rest: Any) -> AbstractContextManager[None]:
            if asked_for == name:
                asked.append(name)
                if len(asked) == n:
                    then()
                    other.close()
            return hold(storage, asked_for, *rest)

        other.enter_context(hold(job.storage, name, what))
        monkeypatch.setattr(lock, "hold", asking)

    with other:
        yield until


def said(capfd: pytest.CaptureFixture[str], name: str) -> list[str]:
    lines = capfd.readouterr().err.splitlines()
    return [line.removeprefix(f"{name:<11}") for line in lines if line.startswith(f"{name} ")]


def test_who_waits_says_once_for_whom_and_goes_on_when_that_one_has_ended(
    job: JobContext, busy: Busy, capfd: pytest.CaptureFixture[str]
) -> None:
    busy(4)
    made = run_stages(job, until="corpus", turn=Turn(job, waits=True))
    assert not made["corpus"].skipped
    [line] = said(capfd, "data")
    assert re.fullmatch(
        rf"waits for its turn: data in {job.storage.uri} is being worked on by process "
        rf"{os.getpid()} on \S+ since \S+",
        line,
    )


def test_who_waits_for_hours_says_so_again(
    job: JobContext,
    busy: Busy,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As if there were an hour between any two looks.
    monkeypatch.setattr(lock, "_SAY_EVERY_S", 0.0)
    busy(4)
    run_stages(job, until="corpus", turn=Turn(job, waits=True))
    assert len(said(capfd, "data")) == 3


def test_a_corpus_is_made_of_the_files_that_are_there_when_the_turn_comes(
    job: JobContext, busy: Busy, folder: Path
) -> None:
    new = folder / "train-00001-of-00002.tsv"
    busy(3, lambda: new.write_text("en\thi\nthank you\tधन्यवाद\n", "utf-8"))
    asked = job.config
    with Turn(job, waits=True) as turn:
        due = due_now(job, turn, force=False)
        assert due.triggers == ("nothing was trained yet",)
        job.config = due.config
        made = run_stages(job, until="corpus", turn=turn)
    assert made["corpus"].artifact.counts["train_rows"] == 2
    begun = read_round(job.storage, job.config.model_copy(update={"train": asked.train}))
    assert begun is not None
    assert str(new) in begun.files
    # It is the next one's turn as soon as the data stand.
    with hold(job.storage, "data"):
        pass


def test_a_wait_in_which_nothing_came_changes_nothing(job: JobContext, busy: Busy) -> None:
    busy(3)
    with Turn(job, waits=True) as turn:
        assert due_now(job, turn, force=True).triggers == ("nothing was trained yet",)


class BegunError(Exception):
    """The retraining has begun."""


@pytest.mark.parametrize(("what", "waits"), [("train", True), ("retrain", False)])
def test_a_retraining_waits_for_a_training_and_leaves_the_rest_to_another_retraining(
    job: JobContext,
    busy: Busy,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    what: str,
    waits: bool,
) -> None:
    def begin(*_: Any) -> None:
        raise BegunError

    monkeypatch.setattr("jobs.retrain.due_now", begin)
    busy(3, name="retrain-seed", what=what)
    with pytest.raises(BegunError if waits else UnderWayError) as caught:
        retrain(job, ["anuvad", "retrain"])
    held = rf"retrain-seed in {job.storage.uri} is being worked on by process {os.getpid()} on \S+"
    if waits:
        [line] = said(capfd, "retrain")
        assert re.fullmatch(rf"waits for `anuvad train`: {held} since \S+", line)
    else:
        # There is nothing to do: so nothing that could be done later is said.
        assert re.fullmatch(rf"{held} since \S+", str(caught.value))
