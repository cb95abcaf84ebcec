"""The main job: from corpus to champion, safe to start at any time, from anywhere, twice.

Every step of it is skipped where what it would make stands already. So nothing new is a matter of
seconds, and an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jobs.context import JobContext
from jobs.evaluate import Evaluation, evaluate
from jobs.gate import Verdict
from jobs.lock import hold_in_turn
from jobs.model_folder import restore_named
from jobs.origin import Origin, noted_origin, origin_here, origin_of
from jobs.prepare import Turn
from jobs.promote import Promotion, basis_of, is_decided, promote, verdict_of
from jobs.registry import CHAMPION, Version
from jobs.train import TRAIN, Trained, lock_name, train_under_lock
from jobs.triggers import Due, find_due
from pipeline import artifacts, stages
from pipeline.artifacts import Artifact
from pipeline.errors import BusyError, HeldError, OutageError, UnderWayError


@dataclass(frozen=True)
class Retrained:
    """What a retraining came to.

    Attributes:
        trained: the run, its stages and its version.
        evaluation: of the version on all test sets.
        promotion: the gate's verdict and the champion after it.
        was_new: whether anything was trained or decided now.
        report: the HTML report.
        triggers: why it began, a sentence each.
    """

    trained: Trained
    evaluation: Evaluation
    promotion: Promotion
    was_new: bool
    report: Path | str
    triggers: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """What ``anuvad retrain --json`` prints."""
        champion = self.promotion.champion
        return {
            "run_id": self.trained.run_id,
            "version": self.trained.version.number,
            "promoted": self.promotion.verdict.promoted,
            "why": self.promotion.verdict.why,
            "tests": self.evaluation.as_json()["tests"],
            "champion": champion.number if champion else None,
            "new": self.was_new,
            "triggers": list(self.triggers),
            "report": str(self.report),
            "stages": stages_json(self.trained.stages),
        }


def retrain(job: JobContext, command: Sequence[str], force: bool = False) -> Retrained:
    """Prepare, train, register, evaluate, let the gate decide, and write the report.

    While another command makes data in the storage it waits, as two models that are retrained at
    one hour share one; and while ``anuvad train`` trains the model, which nobody would promote.

    Args:
        job: the job; from here on its configuration is that of the round, see :mod:`jobs.rounds`.
        command: what the user typed.
        force: train once more, though nothing is new.

    Raises:
        UnderWayError: if another process retrains the same model in the same storage.
        BusyError: if another process is moving the champion for minutes.
    """
    # What the gate will need is asked for before hours of work.
    job.storage.require_create()
    with _only_one(job), Turn(job, waits=True) as turn:
        due = due_now(job, turn, force)
        job.config = due.config
        for trigger in due.triggers:
            job.console.say("trigger", trigger)
        # What translates, what is started from and what is judged against; whatever trains now.
        restore_named(job)
        trained = train_under_lock(job, command, turn)
        corpus = trained.stages["corpus"].artifact
        with _version_stands(trained.version, command):
            evaluation = evaluate(job, trained.version, corpus, job.config.evaluation.tests)
            promotion, decided_now = _decide_once(job, trained, evaluation, corpus)
            scored_now = any(not test.skipped for test in evaluation.tests.values())
            was_new = trained.was_new or decided_now or scored_now
            report = _report(job, trained, evaluation, promotion, command, was_new)
        return Retrained(trained, evaluation, promotion, was_new, report, due.triggers)


def due_now(job: JobContext, turn: Turn, force: bool) -> Due:
    """:func:`find_due`, and the turn to make its data, if any are to be made.

    What was found before a turn that was waited for may be hours old: files have come meanwhile,
    and a corpus is made of what there is, or not at all. So it is found anew.
    """
    due = find_due(job, force)
    planned = stages.specs(job.data, job.storage)
    stand = all(artifacts.find(job.storage, spec) is not None for spec in planned.values())
    if stand or not turn.take() or stages.specs(job.data, job.storage) == planned:
        return due
    anew = find_due(job, force)
    # The first has begun a round, of which the second does not say why.
    return replace(anew, triggers=tuple(dict.fromkeys([*due.triggers, *anew.triggers])))


@contextlib.contextmanager
def _only_one(job: JobContext) -> Iterator[None]:
    """Hold the model's lock, after a training that has it by itself."""

    def wait_or_leave(held: HeldError) -> None:
        if held.job != TRAIN:
            raise UnderWayError(held.what) from held
        job.console.say("retrain", f"waits for `anuvad train`: {held.what}")

    with hold_in_turn(job.storage, lock_name(job.config), wait_or_leave, "retrain"):
        yield


@contextlib.contextmanager
def _version_stands(version: Version, command: Sequence[str]) -> Iterator[None]:
    """Add to what keeps the gate from deciding what is done already, and how to finish."""
    try:
        yield
    except (OutageError, BusyError) as error:
        raise type(error)(
            f"{error}; version {version.number} of {version.name} is registered and what was "
            f"measured is kept, and the same command does the rest: {shlex.join(command)}"
        ) from error


def busy_json(error: UnderWayError) -> dict[str, Any]:
    """What ``--json`` prints when another process is at it."""
    return {"run_id": None, "version": None, "promoted": False, "why": str(error), "tests": {}}


def stages_json(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The stages as ``prepare --json`` lists them."""
    return [
        {
            "name": name,
            "id": result.artifact.id,
            "path": result.artifact.uri,
            "skipped": result.skipped,
            "seconds": round(result.seconds, 3),
            "counts": result.artifact.counts,
        }
        for name, result in results.items()
    ]


def _decide_once(
    job: JobContext, trained: Trained, evaluation: Evaluation, corpus: Artifact
) -> tuple[Promotion, bool]:
    """The gate's verdict, and whether it was given now.

    A version that was judged by the same rules on the same scores keeps the verdict it got; so does
    one that a person has rolled back, whatever the rules are now.
    """
    registry, version = job.registry, trained.version
    judged = registry.resolve(version.uri)
    standing = verdict_of(judged)
    scores = [evaluation.tests[test].artifact.id for test in job.config.gate.tests]
    basis = basis_of(job.config.gate, scores)
    if standing is not None and is_decided(judged, basis):
        champion = registry.by_alias(version.name, CHAMPION)
        verdict = _as_of_now(standing, version, champion)
        return Promotion(verdict, champion, None, {}), False
    promotion = promote(job, version, corpus)
    how = "promoted" if promotion.verdict.promoted else "stays a challenger"
    said = f"{how}: {promotion.verdict.why}" if promotion.decided else promotion.verdict.why
    job.console.say("gate", f"version {version.number} {said}")
    return promotion, promotion.decided


def _as_of_now(verdict: Verdict, version: Version, champion: Version | None) -> Verdict:
    """A verdict of some time ago; who was promoted then may have been replaced or rolled back."""
    if not verdict.promoted or (champion is not None and champion.number == version.number):
        return verdict
    now = f"version {champion.number} is the champion" if champion else "there is no champion"
    return Verdict(False, f"{now} now; once promoted: {verdict.why}", verdict.rules)


def _report(
    job: JobContext,
    trained: Trained,
    evaluation: Evaluation,
    promotion: Promotion,
    command: Sequence[str],
    was_new: bool,
) -> Path | str:
    """Write the HTML report to the storage and to the MLflow run; the one that stands, if any."""
    from jobs.build_report import build_report
    from jobs.model_card import model_card
    from jobs.report import render

    path = f"reports/{trained.run_id}.html"
    if was_new or job.storage.size(path) is None:
        origin = _origin(job, trained, command)
        page = render(build_report(job, trained, evaluation, promotion, command, origin))
        job.storage.write_bytes(path, page.encode())
        job.registry.log_file(trained.version, job.storage.local(path), "report")
        card = model_card(
            job.config, trained.version.number, trained.stages, origin, evaluation.tests
        )
        job.registry.write_card(trained.version, card)
    root = job.storage.local_root
    return root / path if root is not None else job.storage.uri_of(path)


def _origin(job: JobContext, trained: Trained, command: Sequence[str]) -> Origin:
    """What trained the version; of some time ago that was the code of then."""
    noted = noted_origin(job.storage, trained.training.id)
    if noted is not None:
        return noted
    return origin_here(command) if trained.was_new else origin_of(job.registry, trained.version)


if __name__ == "__main__":
    from jobs.cli import run

    run("retrain")
