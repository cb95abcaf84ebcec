"""The gate carried out: both measured, decided, the alias moved, the verdict on the version.

reads   challenger and champion from the registry, and their scores on the test sets of ``gate``
writes  the alias ``champion``; on the challenger the verdict with its numbers, as a tag
holds   each version is decoded with the settings that it was registered with and will serve with,
        so a challenger that is only searched otherwise can win; all else is the same for both
"""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from jobs.context import JobContext
from jobs.evaluate import ScoredTest, corpus_of, evaluate, own_decode, pick_version
from jobs.gate import Measured, Opponent, Verdict, decide
from jobs.gate_config import GateConfig
from jobs.hooks import run_hooks
from jobs.lease import Lease
from jobs.moves import move_champion, moving, was_rolled_back
from jobs.registry import CHAMPION, Version
from jobs.rollback import BEFORE_TAG, NO_REASON, WHY_TAG
from jobs.scores import PairedResult, paired_bootstrap
from model.config import DecodeConfig
from pipeline.artifacts import Artifact
from pipeline.errors import LostLockError

VERDICT_TAG = "anuvad.verdict"
BASIS_TAG = "anuvad.verdict_basis"


@dataclass(frozen=True)
class Promotion:
    """A verdict carried out.

    Attributes:
        verdict: what was decided.
        champion: the champion after it.
        before: the champion before it.
        before_tests: that one on the test sets; empty if there was none.
        decided: whether there was anything to decide; not so for the champion itself.
        basis: see :func:`basis_of`; empty if nothing was decided.
        at: ISO time at which it was carried out.
    """

    verdict: Verdict
    champion: Version | None
    before: Version | None
    before_tests: Mapping[str, ScoredTest]
    decided: bool = True
    basis: str = ""
    at: str = ""

    def as_json(self) -> dict[str, Any]:
        """What ``anuvad promote --json`` prints."""
        return {
            "promoted": self.verdict.promoted,
            "why": self.verdict.why,
            "champion": self.champion.number if self.champion else None,
            "rules": [asdict(rule) for rule in self.verdict.rules],
        }


def promote_asked(job: JobContext, model: str | None) -> Promotion:
    """:func:`promote` what a person asks for; the challenger if ``model`` is None.

    A challenger that was rolled back stays so unless it is named: who rolled it back did not take
    the alias of challenger from it.

    Raises:
        RegistryError: if there is no such version, or none at all.
        BusyError: see :func:`promote`.
    """
    challenger = pick_version(job, model)
    champion = job.registry.by_alias(challenger.name, CHAMPION)
    if model is None and was_rolled_back(challenger) and not _are_one(challenger, champion):
        why = (
            f"version {challenger.number} was rolled back: "
            f"{challenger.tags.get(WHY_TAG, NO_REASON)}; `anuvad promote CONFIG --model "
            f"{challenger.uri}` has it judged anew"
        )
        return Promotion(Verdict(False, why, ()), champion, None, {}, decided=False)
    return promote(job, challenger, corpus_of(job))


def promote(job: JobContext, challenger: Version, corpus: Artifact) -> Promotion:
    """Hold the challenger against the champion; move the alias if the gate lets it pass.

    The champion itself stays what it is; what it breaks of the present rules is said. Whoever moves
    the alias holds a lock, and not while it evaluates: if the champion is another by then, the
    challenger is held against that one.

    Raises:
        BusyError: if another process holds the lock for minutes.
    """
    job.storage.require_create()
    registry = job.registry
    while True:
        judged = _judge(job, challenger, corpus)
        if not judged.decided:
            return judged
        with moving(job, challenger.name) as held:
            champion = registry.by_alias(challenger.name, CHAMPION)
            if not _are_one(champion, judged.before):
                now = f"version {champion.number}" if champion else "none"
                job.console.say(
                    "gate",
                    f"the champion is {now} since; version {challenger.number} is judged anew",
                )
                continue
            try:
                carried_out = _carry_out(job, held, challenger, judged)
            except LostLockError:
                job.console.warn(
                    f"this process was silent for so long that another took it for dead and may "
                    f"have moved the champion; version {challenger.number} is judged anew"
                )
                continue
        run_hooks(job.config.gate, _document(challenger, carried_out), job.console.warn)
        return carried_out


def _judge(job: JobContext, challenger: Version, corpus: Artifact) -> Promotion:
    """The verdict against the champion of this moment; nothing is carried out."""
    registry, policy = job.registry, job.config.gate
    champion = registry.by_alias(challenger.name, CHAMPION)
    ours = _scored(job, challenger, corpus)
    basis = basis_of(policy, [ours[test].artifact.id for test in policy.tests])
    measured = {test: _measured(ours[test]) for test in policy.tests}
    if champion is not None and champion.number == challenger.number:
        verdict = _of_champion(decide(measured, None, policy))
        if VERDICT_TAG not in champion.tags:
            registry.set_tags(champion, {VERDICT_TAG: verdict.to_json(), BASIS_TAG: basis})
        return Promotion(verdict, champion, None, {}, decided=False)
    before_tests = _scored(job, champion, corpus) if champion else {}
    samples = job.config.evaluation.bootstrap_samples
    opponents = {
        test: Opponent(_measured(theirs), _compare(ours[test], theirs, samples))
        for test, theirs in before_tests.items()
        if test in policy.tests
    }
    verdict = decide(measured, opponents if champion else None, policy)
    if champion is not None:
        unlike = unlike_decoding(own_decode(job, challenger), own_decode(job, champion))
        verdict = dataclasses.replace(verdict, why=f"{verdict.why}{unlike}")
    after = challenger if verdict.promoted else champion
    return Promotion(verdict, after, champion, before_tests, basis=basis)


def _carry_out(job: JobContext, held: Lease, challenger: Version, judged: Promotion) -> Promotion:
    """Move the alias if that was decided, and write the verdict on the version.

    Raises:
        LostLockError: if another process took the lock over; the alias is where it was.
    """
    registry, verdict = job.registry, judged.verdict
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    if verdict.promoted:
        before = judged.before.number if judged.before else "none"
        registry.set_tags(challenger, {BEFORE_TAG: before, "anuvad.promoted": now})
        move_champion(registry, held, challenger, judged.before, "promoted", verdict.why)
    # Last, so that a verdict that stands was carried out.
    registry.set_tags(
        challenger,
        {VERDICT_TAG: verdict.to_json(), BASIS_TAG: judged.basis, "anuvad.decided": now},
    )
    return dataclasses.replace(judged, at=now)


def _document(challenger: Version, promotion: Promotion) -> dict[str, Any]:
    """What hooks are told."""
    return {
        "model": challenger.name,
        "version": challenger.number,
        **promotion.as_json(),
        "before": promotion.before.number if promotion.before else None,
        "decided": promotion.at,
    }


def _are_one(a: Version | None, b: Version | None) -> bool:
    return (a.number if a else None) == (b.number if b else None)


def _of_champion(judged: Verdict) -> Verdict:
    """The verdict on a version that is the champion: it stays, but must not break rules unseen."""
    how = "all guardrails hold" if judged.promoted else f"but now {judged.why}"
    return Verdict(True, f"is the champion already, {how}", judged.rules)


def _scored(job: JobContext, version: Version, corpus: Artifact) -> Mapping[str, ScoredTest]:
    tests = job.config.evaluation.tests
    return evaluate(job, version, corpus, tests, own_decode(job, version)).tests


def _measured(test: ScoredTest) -> Measured:
    return Measured(test.scores, test.health, test.speed)


def unlike_decoding(challenger: DecodeConfig, champion: DecodeConfig) -> str:
    """What to add to a verdict whose versions are not searched alike; else nothing."""
    ours, theirs = challenger.model_dump(), champion.model_dump()
    said = [f"{k} {ours[k]} against {theirs[k]}" for k in ours if ours[k] != theirs[k]]
    return f"; each decoded as registered: {', '.join(said)}" if said else ""


def basis_of(policy: GateConfig, scores: Sequence[str]) -> str:
    """What a verdict rests on: the rules, and the scores (artifact ids) judged by them."""
    return json.dumps({"gate": policy.rules(), "scores": list(scores)})


def verdict_of(version: Version) -> Verdict | None:
    """The verdict that stands on a version, if one was given.

    A champion that nobody had judged, as a person moved the alias, may have been rolled back.
    """
    standing = version.tags.get(VERDICT_TAG)
    if standing is not None:
        return Verdict.from_json(standing)
    if was_rolled_back(version):
        why = version.tags.get(WHY_TAG, NO_REASON)
        return Verdict(False, f"was rolled back before it was judged: {why}", ())
    return None


def is_decided(version: Version, basis: str) -> bool:
    """Whether the verdict on a version is final: judged by these rules on these scores.

    One that a person has rolled back keeps its verdict, whatever the rules are now.
    """
    is_judged = VERDICT_TAG in version.tags and version.tags.get(BASIS_TAG) == basis
    return is_judged or was_rolled_back(version)


def _compare(challenger: ScoredTest, champion: ScoredTest, samples: int) -> PairedResult:
    ours, theirs = challenger.outputs(), champion.outputs()
    return paired_bootstrap(theirs["hypothesis"], ours["hypothesis"], ours["reference"], samples)


if __name__ == "__main__":
    from jobs.cli import run

    run("promote")
