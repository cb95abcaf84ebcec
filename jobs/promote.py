"""The gate: whether a challenger becomes the champion, and the alias that says so.

:func:`decide` is pure; :func:`promote` measures, decides, moves the alias and writes the verdict,
with its numbers, on the version.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from jobs.config import GateConfig
from jobs.context import JobContext
from jobs.evaluate import ScoredTest, evaluate
from jobs.registry import CHAMPION, Version
from jobs.rollback import ROLLED_BACK_TAG
from jobs.scores import Health, PairedResult, Score, paired_bootstrap
from pipeline.artifacts import Artifact

VERDICT_TAG = "anuvad.verdict"
BASIS_TAG = "anuvad.verdict_basis"


@dataclass(frozen=True)
class Measured:
    """What the gate knows of one version on the deciding test set."""

    scores: Mapping[str, Score]
    health: Health


@dataclass(frozen=True)
class Rule:
    """One rule of the gate: what was measured, what bound it had to keep, and whether it did."""

    name: str
    measured: str
    bound: str
    holds: bool


@dataclass(frozen=True)
class Verdict:
    """What the gate decided, and why."""

    promoted: bool
    why: str
    rules: tuple[Rule, ...]

    def to_json(self) -> str:
        """For the version's tag."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Verdict:
        """The verdict in a version's tag."""
        data = json.loads(text)
        return cls(data["promoted"], data["why"], tuple(Rule(**rule) for rule in data["rules"]))


def decide(
    challenger: Measured,
    champion: Measured | None,
    paired: PairedResult | None,
    policy: GateConfig,
) -> Verdict:
    """Whether the challenger becomes the champion.

    It does if every rule holds. The guardrails ask only for a sane output; without a champion they
    decide alone. Against a champion the challenger must also be better in BLEU by a paired
    bootstrap (Koehn 2004), by more than ``min_difference``, and not lose too much chrF.

    Args:
        challenger: measured on the deciding test set.
        champion: measured on the same; None if there is none.
        paired: of the two; None if there is no champion.
        policy: the bounds.
    """
    rules = list(_guardrails(challenger.health, policy))
    if champion is not None and paired is not None:
        rules += _comparison(challenger, champion, paired, policy)
    broken = [rule for rule in rules if not rule.holds]
    if broken:
        reasons = "; ".join(f"{r.name} is {r.measured}, must be {r.bound}" for r in broken)
        return Verdict(False, reasons, tuple(rules))
    if paired is None:
        return Verdict(True, "the first champion: all guardrails hold", tuple(rules))
    why = (
        f"BLEU {paired.challenger:.2f} against {paired.champion:.2f}, "
        f"p = {paired.p_value:.4f}, and all guardrails hold"
    )
    return Verdict(True, why, tuple(rules))


def _guardrails(health: Health, policy: GateConfig) -> list[Rule]:
    return [
        Rule(
            "empty outputs",
            f"{health.empty_share:.2%}",
            f"at most {policy.max_empty_share:.2%}",
            health.empty_share <= policy.max_empty_share,
        ),
        Rule(
            "repetitive outputs",
            f"{health.repeated_share:.2%}",
            f"at most {policy.max_repeated_share:.2%}",
            health.repeated_share <= policy.max_repeated_share,
        ),
        Rule(
            "length ratio",
            f"{health.length_ratio:.2f}",
            f"from {policy.min_length_ratio:.2f} to {policy.max_length_ratio:.2f}",
            policy.min_length_ratio <= health.length_ratio <= policy.max_length_ratio,
        ),
    ]


def _comparison(
    challenger: Measured, champion: Measured, paired: PairedResult, policy: GateConfig
) -> list[Rule]:
    chrf = challenger.scores["chrf2"].score - champion.scores["chrf2"].score
    better = paired.difference > 0 and paired.difference >= policy.min_difference
    bound = f"at least {policy.min_difference:+.2f}" if policy.min_difference else "above 0"
    return [
        Rule("BLEU difference", f"{paired.difference:+.2f}", bound, better),
        Rule(
            "p-value",
            f"{paired.p_value:.4f}",
            f"at most {policy.p_value}",
            paired.p_value <= policy.p_value,
        ),
        Rule(
            "chrF2 difference",
            f"{chrf:+.2f}",
            f"at least {-policy.max_chrf_loss:+.2f}",
            chrf >= -policy.max_chrf_loss,
        ),
    ]


@dataclass(frozen=True)
class Promotion:
    """A verdict carried out.

    Attributes:
        verdict: what was decided.
        champion: the champion after it.
        before: the champion before it.
        before_tests: that one on the test sets; empty if there was none.
        decided: whether there was anything to decide; not so for the champion itself.
    """

    verdict: Verdict
    champion: Version | None
    before: Version | None
    before_tests: Mapping[str, ScoredTest]
    decided: bool = True

    def as_json(self) -> dict[str, Any]:
        """What ``anuvad promote --json`` prints."""
        return {
            "promoted": self.verdict.promoted,
            "why": self.verdict.why,
            "champion": self.champion.number if self.champion else None,
            "rules": [asdict(rule) for rule in self.verdict.rules],
        }


def promote(job: JobContext, challenger: Version, corpus: Artifact) -> Promotion:
    """Hold the challenger against the champion; move the alias if the gate lets it pass.

    The champion itself stays what it is; what it breaks of the present rules is said.
    """
    registry, policy, tests = job.registry, job.config.gate, job.config.evaluation.tests
    champion = registry.by_alias(challenger.name, CHAMPION)
    ours = evaluate(job, challenger, corpus, tests).tests[policy.test]
    basis = basis_of(policy, ours.artifact.id)
    if champion is not None and champion.number == challenger.number:
        verdict = _of_champion(decide(Measured(ours.scores, ours.health), None, None, policy))
        if VERDICT_TAG not in champion.tags:
            registry.set_tags(champion, {VERDICT_TAG: verdict.to_json(), BASIS_TAG: basis})
        return Promotion(verdict, champion, None, {}, decided=False)
    before_tests = evaluate(job, champion, corpus, tests).tests if champion else {}
    theirs = before_tests.get(policy.test)
    paired = _compare(ours, theirs, job.config.evaluation.bootstrap_samples) if theirs else None
    verdict = decide(
        Measured(ours.scores, ours.health),
        Measured(theirs.scores, theirs.health) if theirs else None,
        paired,
        policy,
    )
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    if verdict.promoted:
        before = champion.number if champion else "none"
        registry.set_tags(challenger, {"anuvad.champion_before": before, "anuvad.promoted": now})
        registry.set_alias(challenger, CHAMPION)
    # Last, so that a verdict that stands was carried out.
    registry.set_tags(
        challenger,
        {VERDICT_TAG: verdict.to_json(), BASIS_TAG: basis, "anuvad.decided": now},
    )
    return Promotion(verdict, challenger if verdict.promoted else champion, champion, before_tests)


def _of_champion(judged: Verdict) -> Verdict:
    """The verdict on a version that is the champion: it stays, but must not break rules unseen."""
    how = "all guardrails hold" if judged.promoted else f"but now {judged.why}"
    return Verdict(True, f"is the champion already, {how}", judged.rules)


def basis_of(policy: GateConfig, scores: str) -> str:
    """What a verdict rests on: the rules, and the scores (an artifact id) judged by them."""
    return json.dumps({"gate": policy.model_dump(mode="json"), "scores": scores})


def verdict_of(version: Version) -> Verdict | None:
    """The verdict that stands on a version, if one was given."""
    standing = version.tags.get(VERDICT_TAG)
    return None if standing is None else Verdict.from_json(standing)


def is_decided(version: Version, basis: str) -> bool:
    """Whether the verdict on a version is final: judged by these rules on these scores.

    One that a person has rolled back keeps its verdict, whatever the rules are now.
    """
    is_final = version.tags.get(BASIS_TAG) == basis or ROLLED_BACK_TAG in version.tags
    return VERDICT_TAG in version.tags and is_final


def _compare(challenger: ScoredTest, champion: ScoredTest, samples: int) -> PairedResult:
    ours, theirs = challenger.outputs(), champion.outputs()
    return paired_bootstrap(theirs["hypothesis"], ours["hypothesis"], ours["reference"], samples)


if __name__ == "__main__":
    from jobs.cli import run

    run("promote")
