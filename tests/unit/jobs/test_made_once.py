"""One command makes an artifact, and the others wait for it and find it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobs.context import JobContext
from jobs.lease import holders
from jobs.made_once import made_once
from pipeline import artifacts
from pipeline.artifacts import Artifact, ArtifactSpec, Part
from pipeline.errors import LostLockError
from scored_versions import open_job

SPEC = ArtifactSpec("words", {"split": "train"}, "", {})


@pytest.fixture
def job(tmp_path: Path) -> Iterator[JobContext]:
    with open_job(tmp_path / "storage") as opened:
        yield opened


def make(job: JobContext, text: str, check: Callable[[], None]) -> Artifact:
    job.storage.write_bytes(f"{SPEC.path}/words.txt", text.encode())
    check()
    entry = artifacts.entry_of(job.storage, SPEC, "words.txt")
    return artifacts.commit(job.storage, SPEC, [Part((entry,), {})])


def test_what_stands_is_not_made_again_and_no_lock_is_left(job: JobContext) -> None:
    made, is_new = made_once(job, SPEC, lambda check: make(job, "किताब", check))
    assert (made.local("words.txt").read_text(), is_new) == ("किताब", True)
    again = made_once(job, SPEC, lambda check: pytest.fail("it stands"))
    assert again == (made, False)
    assert job.storage.list("locks") == []


def test_three_at_once_make_it_once(job: JobContext) -> None:
    waiting, found = threading.Barrier(3, timeout=60), []

    def want() -> None:
        found.append(made_once(job, SPEC, lambda check: pytest.fail("another makes it")))

    def say(name: str, text: str) -> None:
        assert (name, text.partition(" on ")[0].rpartition(" ")[0]) == (
            "words",
            "waits for process",
        )
        waiting.wait()

    job.console.say = say  # type: ignore[method-assign]
    others = [threading.Thread(target=want) for _ in range(2)]

    def make_beside(check: Callable[[], None]) -> Artifact:
        assert holders(job.storage).keys() == {SPEC.id}
        for other in others:
            other.start()
        waiting.wait()
        # What it said it says to whoever waits for the first of the others too.
        job.console.say = lambda name, text: None  # type: ignore[method-assign]
        return make(job, "क़लम", check)

    found.append(made_once(job, SPEC, make_beside))
    for other in others:
        other.join()
    assert sorted(is_new for _, is_new in found) == [False, False, True]
    assert {artifact.local("words.txt").read_text() for artifact, _ in found} == {"क़लम"}
    assert job.storage.list("locks") == []


def test_one_that_fails_leaves_its_place_to_the_next(job: JobContext) -> None:
    with pytest.raises(OSError, match="no room"):
        made_once(job, SPEC, lambda check: _fail())
    assert made_once(job, SPEC, lambda check: make(job, "घर", check))[1]


def test_one_that_was_taken_for_dead_does_not_commit(job: JobContext) -> None:
    def be_taken_over(check: Callable[[], None]) -> Artifact:
        assert job.storage.create(f"locks/{SPEC.id}/00000002.json", b"{}")
        return make(job, "पानी", check)

    with pytest.raises(LostLockError, match="another process has taken over"):
        made_once(job, SPEC, be_taken_over)
    assert artifacts.find(job.storage, SPEC) is None


def _fail() -> Artifact:
    raise OSError("no room")
