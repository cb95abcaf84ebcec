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
from pipeline.errors import ArtifactError
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


def test_what_stands_is_not_made_again_and_nobody_holds_its_lock(job: JobContext) -> None:
    made, is_new = made_once(job, SPEC, lambda check: make(job, "किताब", check))
    assert (made.local("words.txt").read_text(), is_new) == ("किताब", True)
    again = made_once(job, SPEC, lambda check: pytest.fail("it stands"))
    assert again == (made, False)
    assert holders(job.storage) == {}


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
    assert holders(job.storage) == {}


def test_one_that_fails_leaves_its_place_to_the_next(job: JobContext) -> None:
    with pytest.raises(OSError, match="no room"):
        made_once(job, SPEC, lambda check: _fail())
    assert made_once(job, SPEC, lambda check: make(job, "घर", check))[1]


class Silent:
    """One that makes it and is silent before it commits, so that another machine takes over.

    What the other makes stands when this one asks whether it may commit, if the other ``makes`` it.
    It may be that this one ``fails`` before, as its files went with the other's commit.
    """

    def __init__(self, job: JobContext, *, makes: bool, fails: bool = False) -> None:
        self._job, self._makes, self._fails, self.tries = job, makes, fails, 0

    def __call__(self, check: Callable[[], None]) -> Artifact:
        self.tries += 1
        return make(self._job, "घर", check if self.tries > 1 else lambda: self._wake_up(check))

    def _wake_up(self, check: Callable[[], None]) -> None:
        storage = self._job.storage
        assert storage.create(f"locks/{SPEC.id}/00000002.json", b"{}")
        if self._makes:
            make(self._job, "पानी", lambda: None)
        storage.write_bytes(f"locks/{SPEC.id}/00000002.ended", b"ended")
        if self._fails:
            raise ArtifactError("no file at translated/00000.parquet")
        check()


@pytest.mark.parametrize("fails", [False, True])
def test_one_that_was_taken_for_dead_finds_what_the_other_made(
    job: JobContext, capfd: pytest.CaptureFixture[str], fails: bool
) -> None:
    silent = Silent(job, makes=True, fails=fails)
    found, is_new = made_once(job, SPEC, silent)
    assert (found.local("words.txt").read_text(), is_new, silent.tries) == ("पानी", False, 1)
    assert capfd.readouterr().err.splitlines() == [
        f"warning    {SPEC.id}: this process was silent for so long that another took it for dead "
        f"and makes it anew; what this one has made of it does not count"
    ]


def test_one_that_was_taken_for_dead_makes_it_if_the_other_failed(job: JobContext) -> None:
    silent = Silent(job, makes=False)
    found, is_new = made_once(job, SPEC, silent)
    assert (found.local("words.txt").read_text(), is_new, silent.tries) == ("घर", True, 2)
    assert job.storage.list(f"locks/{SPEC.id}")[-2:] == ["00000003.ended", "00000003.json"]


def test_what_is_damaged_and_made_again_is_made_under_turns_of_its_own(job: JobContext) -> None:
    made_once(job, SPEC, lambda check: make(job, "किताब", check))
    # As docs/operations.md advises.
    job.storage.delete(SPEC.path)
    made_once(job, SPEC, lambda check: make(job, "किताब", check))
    assert job.storage.list(f"locks/{SPEC.id}")[-2:] == ["00000002.ended", "00000002.json"]


def _fail() -> Artifact:
    raise OSError("no room")
