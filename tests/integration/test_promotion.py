"""Promoting and rolling back over a real registry, by one process and by two at once."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from command_line import SEED
from jobs import promote as promotion
from jobs import record
from jobs.cli import promote as show_promotion
from jobs.cli import status as show_status
from jobs.context import JobContext
from jobs.evaluate import asked_tests, evaluate
from jobs.gate import Verdict
from jobs.lease import holders, lease
from jobs.moves import MOVE_TAG, Move, history, move_champion, moving, was_rolled_back
from jobs.promote import VERDICT_TAG, is_decided, promote, verdict_of
from jobs.registry import CHALLENGER, CHAMPION, Registry, Version
from jobs.rollback import rollback
from jobs.status import status
from pipeline import artifacts
from pipeline.artifacts import Part
from pipeline.errors import ConfigError, LostLockError, RegistryError
from pipeline.runner import Runner, Task, run_here
from scored_versions import REFERENCES, add_version, corpus, open_job, translations

pytestmark = [
    pytest.mark.integration,
    # SQLAlchemy's, of MLflow's code.
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"),
]

SCORED_TAG = "anuvad.evaluation.test"


@pytest.fixture(scope="module")
def empty_registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database without a model, to be copied: MLflow takes seconds to lay one out."""
    folder = tmp_path_factory.mktemp("empty")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        with open_job(folder) as job:
            assert job.registry.versions("seed") == []
    return folder / "mlflow.db"


@pytest.fixture
def job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_registry: Path
) -> Iterator[JobContext]:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "storage").mkdir()
    shutil.copy(empty_registry, tmp_path / "storage")
    with open_job(tmp_path / "storage") as opened:
        yield opened


def champion(job: JobContext) -> str | None:
    found = job.registry.by_alias("seed", CHAMPION)
    return found.number if found else None


def moves(job: JobContext) -> list[tuple[str | None, str, str]]:
    """Before, champion and how of each move that was done, the first one first."""
    found: list[Move] = history(job.registry.versions("seed"))
    assert all(move.done for move in found)
    return [(move.before, move.champion, move.how) for move in reversed(found)]


def promoted(job: JobContext, wrong: int) -> Version:
    """A version with so many wrong translations, which must pass the gate."""
    version = add_version(job, translations(wrong))
    assert promote(job, version, corpus(job.storage)).verdict.promoted
    return version


def test_each_better_version_becomes_the_champion_and_no_worse_one_does(job: JobContext) -> None:
    promoted(job, 12)
    promoted(job, 4)
    worse = promote(job, add_version(job, translations(8)), corpus(job.storage))
    assert not worse.verdict.promoted
    assert worse.verdict.why.startswith("BLEU difference is -")
    assert (worse.champion.number if worse.champion else None, champion(job)) == ("2", "2")
    assert moves(job) == [(None, "1", "promoted"), ("1", "2", "promoted")]
    # What was decided stands on the version, with all its numbers.
    tags = job.registry.resolve("models:/seed/3").tags
    assert Verdict.from_json(tags[VERDICT_TAG]) == worse.verdict
    assert holders(job.storage) == {}


def test_a_version_that_is_only_searched_otherwise_can_win(job: JobContext) -> None:
    greedy, beam = ('{"beam_size": 1}', '{"beam_size": 4}')
    corpus_ = corpus(job.storage)
    assert promote(job, add_version(job, translations(12), greedy), corpus_).verdict.promoted
    found = promote(job, add_version(job, translations(2), beam), corpus_)
    assert found.verdict.promoted
    assert found.verdict.why.endswith("; each decoded as registered: beam_size 4 against 1")


def test_a_version_whose_run_was_deleted_is_judged_all_the_same(
    job: JobContext, capfd: pytest.CaptureFixture[str]
) -> None:
    promoted(job, 12)
    better = add_version(job, REFERENCES)
    job.registry._client.delete_run(better.run_id)
    assert promote(job, better, corpus(job.storage)).verdict.promoted
    assert champion(job) == "2"
    warned = [line for line in capfd.readouterr().err.splitlines() if "warning" in line]
    assert warned == [
        f"warning    the MLflow run of models:/seed/2, {better.run_id}, was deleted: its metrics "
        f"and files go without it, its tags and what is in the storage stay"
    ]


def test_deciding_again_changes_nothing(job: JobContext) -> None:
    promoted(job, 12)
    second = promoted(job, 2)
    before = [version.tags for version in job.registry.versions("seed")]
    again = promote(job, second, corpus(job.storage))
    assert (again.verdict.promoted, again.decided) == (True, False)
    assert [version.tags for version in job.registry.versions("seed")] == before


def _promote(folder: str, number: str, barrier: Any, answers: Any) -> None:
    """Judge, wait until the other has judged too, and go on."""
    waited: list[bool] = []

    def after_both_have_judged(job: JobContext, model: str) -> Any:
        if not waited:
            waited.append(True)
            barrier.wait()
        return moving(job, model)

    promotion.moving = after_both_have_judged  # type: ignore[attr-defined]
    with open_job(Path(folder)) as job:
        version = job.registry.resolve(f"models:/seed/{number}")
        found = promote(job, version, corpus(job.storage))
    answers.put((number, found.verdict.promoted, found.before and found.before.number))


def test_of_two_promoters_at_once_one_moves_the_alias_and_the_other_judges_anew(
    job: JobContext, tmp_path: Path
) -> None:
    promoted(job, 12)
    # Both beat the champion and are as good as each other.
    for _ in range(2):
        add_version(job, REFERENCES)
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(2), context.Queue()
    processes = [
        context.Process(target=_promote, args=(str(tmp_path / "storage"), number, barrier, answers))
        for number in ("2", "3")
    ]
    for process in processes:
        process.start()
    found = sorted((answers.get() for _ in processes), key=lambda answer: not answer[1])
    for process in processes:
        process.join()
        assert process.exitcode == 0
    (winner, won, over), (loser, lost, against) = found
    assert (won, over) == (True, "1")
    assert (lost, against) == (False, winner)
    assert champion(job) == winner
    assert moves(job) == [(None, "1", "promoted"), ("1", winner, "promoted")]
    why = Verdict.from_json(job.registry.resolve(f"models:/seed/{loser}").tags[VERDICT_TAG]).why
    assert why.startswith("BLEU difference is +0.00, must be above 0")


def test_of_two_that_judge_one_unscored_version_at_once_one_scores_it_and_the_other_waits(
    job: JobContext, tmp_path: Path
) -> None:
    promoted(job, 12)
    better = add_version(job, REFERENCES, scored=False)
    waits, said, verdicts = threading.Event(), [], []

    def judge(by: JobContext, runner: Runner) -> None:
        by.runner = lambda: runner  # type: ignore[method-assign]
        verdicts.append(promote(by, by.registry.resolve(better.uri), corpus(by.storage)).verdict)

    def say(name: str, text: str) -> None:
        said.append((name, text))
        if text.startswith("waits"):
            waits.set()

    def judge_beside() -> None:
        try:
            with open_job(tmp_path / "storage") as other:
                other.console.say = say  # type: ignore[method-assign]
                judge(other, run_here)
        finally:
            waits.set()

    beside = threading.Thread(target=judge_beside)

    def run_beside_the_other(tasks: Sequence[Task], on_done: Callable[[Task, Part], None]) -> None:
        """Begin to score only when the other has come as far as it can."""
        if tasks:
            beside.start()
            assert waits.wait(60)
        run_here(tasks, on_done)

    judge(job, run_beside_the_other)
    beside.join()
    assert [verdict.promoted for verdict in verdicts] == [True, True]
    assert moves(job) == [(None, "1", "promoted"), ("1", "2", "promoted")]
    evaluation = artifacts.load(job.storage, job.registry.resolve(better.uri).tags[SCORED_TAG])
    evaluation.verify()
    here = f"process {os.getpid()} on {socket.gethostname()} since "
    ((name, text),) = [line for line in said if "waits" in line[1]]
    assert name == "evaluate"
    assert text.startswith(f"waits for {here}")
    assert text.endswith(f" (turn 1): it makes {evaluation.id}")
    # No pieces are left, and nobody holds a lock.
    assert not (tmp_path / "storage" / evaluation.path / "translated").exists()
    assert holders(job.storage) == {}


def test_scores_that_stand_and_are_on_no_version_yet_are_recorded_once_by_two_at_once(
    job: JobContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As an evaluation leaves it that MLflow did not answer any more after its commit.
    version, recorded = add_version(job, REFERENCES), []
    both, write = threading.Barrier(2, timeout=60), Registry.set_tags

    def set_tags(registry: Registry, to: Version, tags: Mapping[str, str]) -> None:
        recorded.append(SCORED_TAG in tags)
        write(registry, to, tags)

    def wait_for_the_other(*_: object) -> contextlib.AbstractContextManager[object]:
        both.wait()
        return lease(*_)  # type: ignore[arg-type]

    monkeypatch.setattr(Registry, "set_tags", set_tags)
    # Both have seen by then that nothing is recorded.
    monkeypatch.setattr(record, "lease", wait_for_the_other)

    def evaluate_it() -> None:
        with open_job(tmp_path / "storage") as other:
            evaluate(other, version, corpus(other.storage), ["test"])

    threads = [threading.Thread(target=evaluate_it) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert recorded == [True]
    evaluation = job.registry.resolve(version.uri).tags[SCORED_TAG]
    assert artifacts.load(job.storage, evaluation).spec.stage == "evaluate"


def test_one_whose_lock_was_taken_over_does_not_move_the_alias(job: JobContext) -> None:
    first, second = promoted(job, 12), add_version(job, REFERENCES)
    with moving(job, "seed") as held:
        # Another machine thinks that this one is dead.
        path = f"locks/promote-seed/{held.holder.token + 1:08}.json"
        assert job.storage.create(path, b"{}")
        with pytest.raises(LostLockError, match="another process has taken over"):
            move_champion(job.registry, held, second, first, "promoted", "better")
    assert champion(job) == "1"
    assert moves(job) == [(None, "1", "promoted")]


def test_a_rollback_says_why_on_both_versions_and_in_the_history(job: JobContext) -> None:
    promoted(job, 12)
    promoted(job, 4)
    done = rollback(job, why="users  saw\nwrong names")
    assert done.as_json() == {"champion": "1", "before": "2", "why": "users saw wrong names"}
    assert champion(job) == "1"
    second, first = job.registry.versions("seed")
    assert second.tags["anuvad.rolled_back_why"] == "users saw wrong names"
    assert second.tags["anuvad.rolled_back"] == first.tags["anuvad.restored"]
    latest = history([first, second])[0]
    assert (latest.before, latest.champion, latest.how) == ("2", "1", "rolled back")
    assert latest.why == "users saw wrong names"


def test_a_rollback_goes_to_any_version_and_each_one_takes_back_a_move(job: JobContext) -> None:
    promoted(job, 12)
    add_version(job, translations(8))
    promoted(job, 4)
    # Version 2 never passed the gate.
    for to in ("2", "1", "3"):
        assert rollback(job, to=to).champion.number == to
    # Each goes back one more, also through those that were put there by hand: none is in circles.
    assert [rollback(job).champion.number for _ in range(4)] == ["1", "2", "3", "1"]
    with pytest.raises(RegistryError, match="version 1, but that was the first"):
        rollback(job)
    with pytest.raises(RegistryError, match=r"--to must be a version of seed .*, not '7'"):
        rollback(job, to="7")
    with pytest.raises(
        RegistryError, match=r"--to must be a version of seed \(1, 2, 3\), not '@x'"
    ):
        rollback(job, to="@x")
    assert champion(job) == "1"


def test_a_version_that_was_rolled_back_before_it_was_judged_is_not_promoted_again(
    job: JobContext, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    promoted(job, 12)
    better = add_version(job, REFERENCES)
    # A person moved it, or the promotion was killed just before its verdict.
    job.registry.set_alias(better, CHAMPION)
    rollback(job, to="1", why="wrong names")
    again = job.registry.resolve(better.uri)
    assert is_decided(again, "whatever the rules")
    verdict = verdict_of(again)
    assert verdict == Verdict(False, "was rolled back before it was judged: wrong names", ())
    # Put back it is so no longer, until it is rolled back once more.
    rollback(job, to="2", why="the names were right")
    again = job.registry.resolve(better.uri)
    assert (was_rolled_back(again), verdict_of(again), is_decided(again, "")) == (
        False,
        None,
        False,
    )
    assert was_rolled_back(job.registry.resolve("models:/seed/1"))
    rollback(job, to="1", why="wrong names")
    assert verdict_of(job.registry.resolve(better.uri)) == verdict
    assert not was_rolled_back(job.registry.resolve("models:/seed/1"))
    # Nor when the challenger is asked for, as which it still stands.
    job.registry.set_alias(better, CHALLENGER)
    show_promotion(str(SEED), [f"storage={job.storage.uri}"])
    assert capsys.readouterr().out.splitlines() == [
        "not promoted: version 2 was rolled back: wrong names; `anuvad promote CONFIG --model "
        "models:/seed/2` has it judged anew",
        "champion: version 1",
    ]
    assert champion(job) == "1"
    # Who asks for it by name gets it; and as the champion it is nothing that stays rolled back.
    monkeypatch.setattr(promotion, "corpus_of", lambda job: corpus(job.storage))
    assert promotion.promote_asked(job, better.uri).verdict.promoted
    assert promotion.promote_asked(job, None).verdict.why.startswith("is the champion already")
    assert champion(job) == "2"
    assert not was_rolled_back(job.registry.resolve(better.uri))


def test_a_rollback_to_the_champion_does_nothing(job: JobContext) -> None:
    promoted(job, 12)
    before = job.registry.versions("seed")
    done = rollback(job, to="1", why="nothing")
    assert (done.before, done.champion) == (before[0], before[0])
    assert done.why == "version 1 is the champion already"
    assert job.registry.versions("seed") == before


def test_a_champion_of_before_that_was_deleted_is_named(job: JobContext) -> None:
    promoted(job, 12)
    promoted(job, 4)
    job.registry._client.delete_model_version("seed", "1")
    with pytest.raises(RegistryError) as refused:
        rollback(job)
    assert str(refused.value) == (
        "the champion before version 2, version 1, must be in the registry, but was deleted; "
        "`anuvad rollback CONFIG --to VERSION` puts another in its place"
    )
    assert champion(job) == "2"


def test_status_tells_the_moves_the_latest_first(job: JobContext) -> None:
    promoted(job, 12)
    promoted(job, 4)
    rollback(job, why="wrong names")
    found = status(job)
    latest = found["moves"][0]
    assert (latest["before"], latest["how"], latest["why"]) == ("2", "rolled back", "wrong names")
    assert [m["champion"] for m in found["moves"]] == ["1", "2", "1"]
    assert found["champion"]["version"] == "1"
    assert found["locks"] == []
    with moving(job, "seed") as held:
        (lock,) = status(job)["locks"]
    assert lock["name"] == "promote-seed"
    assert lock["holder"] == str(held.holder)
    assert json.dumps(found)


def test_status_tells_a_move_that_may_not_have_been_done(
    job: JobContext, capsys: pytest.CaptureFixture[str]
) -> None:
    first = promoted(job, 12)
    with moving(job, "seed") as held:
        move = Move("2026-03-28T20:30:00+00:00", "1", "2", "promoted", "better", "me", False)
        job.registry.set_tags(
            first, {f"{MOVE_TAG}20260328T203000.000000Z": json.dumps(asdict(move))}
        )
        held.check()
    show_status(str(SEED), [f"storage={job.storage.uri}"])
    told = [line for line in capsys.readouterr().out.splitlines() if "→" in line]
    assert ["or was about to be" in line for line in told] == [False, True]


def test_a_test_set_that_was_asked_for_and_is_none_is_named_as_it_was_typed(
    job: JobContext,
) -> None:
    test_corpus = corpus(job.storage)
    assert asked_tests(job, test_corpus, None) == ("test",)
    assert asked_tests(job, test_corpus, ["test", "test"]) == ["test"]
    with pytest.raises(ConfigError) as refused:
        asked_tests(job, test_corpus, ["test", "nope"])
    assert str(refused.value) == "--test must name splits of the corpus (test), not nope"
