"""The gate's decision, a pure function: what was measured goes in, a verdict of rules comes out.

A rule has a name, a measured value and a bound. Guardrails ask only for a sane output and hold on
every test set of ``gate.test``. Against a champion the challenger must also be better in BLEU on
the first of them, by a paired bootstrap (Koehn 2004), by more than ``gate.min_difference``, and on
none of the others worse by more than chance.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

from jobs.gate_config import GateConfig
from jobs.health import Health
from jobs.scores import PairedResult, Score
from jobs.speed import Speed

MIN_NUMBERS = 20
"""Numbers in a test set below which the share of lost ones says nothing."""

MIN_TIMED = 100
"""Translated sentences below which a speed says nothing: starting up is most of it."""


@dataclass(frozen=True)
class Measured:
    """What the gate knows of one version on one test set."""

    scores: Mapping[str, Score]
    health: Health
    speed: Speed


@dataclass(frozen=True)
class Opponent:
    """The champion on one test set, and the paired bootstrap of the challenger against it."""

    measured: Measured
    paired: PairedResult


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
    challenger: Mapping[str, Measured], champion: Mapping[str, Opponent] | None, policy: GateConfig
) -> Verdict:
    """Whether the challenger becomes the champion: it does if every rule holds.

    Args:
        challenger: measured on each of ``policy.tests``.
        champion: the same of the champion; None if there is none, and guardrails decide alone.
        policy: the bounds.
    """
    first = policy.tests[0]
    rules: list[Rule] = []
    for test in policy.tests:
        ours = challenger[test]
        found = [*_guardrails(ours.health, policy)]
        if champion is not None:
            found += _comparison(ours, champion[test], policy, decides=test == first)
        # Where one test set decides, everybody knows which.
        rules += found if len(policy.tests) == 1 else [_on(test, rule) for rule in found]
    broken = [rule for rule in rules if not rule.holds]
    if broken:
        reasons = "; ".join(f"{r.name} is {r.measured}, must be {r.bound}" for r in broken)
        return Verdict(False, reasons, tuple(rules))
    if champion is None:
        return Verdict(True, "the first champion: all guardrails hold", tuple(rules))
    paired = champion[first].paired
    why = (
        f"BLEU {paired.challenger:.2f} against {paired.champion:.2f}, "
        f"p = {paired.p_value:.4f}, and all guardrails hold"
    )
    return Verdict(True, why, tuple(rules))


def _on(test: str, rule: Rule) -> Rule:
    return Rule(f"{rule.name} on {test}", rule.measured, rule.bound, rule.holds)


def _guardrails(health: Health, policy: GateConfig) -> Iterator[Rule]:
    for name, share, most in (
        ("empty outputs", health.empty_share, policy.max_empty_share),
        ("truncated outputs", health.truncated_share, policy.max_truncated_share),
        ("repetitive outputs", health.repeated_share, policy.max_repeated_share),
    ):
        yield Rule(name, f"{share:.2%}", f"at most {most:.2%}", share <= most)
    yield Rule(
        "length ratio",
        f"{health.length_ratio:.2f}",
        f"from {policy.min_length_ratio:.2f} to {policy.max_length_ratio:.2f}",
        policy.min_length_ratio <= health.length_ratio <= policy.max_length_ratio,
    )
    lost = f"{health.digits_lost_share:.2%} of {health.numbers}"
    if health.numbers < MIN_NUMBERS:
        yield Rule("digits lost", lost, f"anything, of fewer than {MIN_NUMBERS} numbers", True)
    else:
        yield Rule(
            "digits lost",
            lost,
            f"at most {policy.max_digits_lost:.2%}",
            health.digits_lost_share <= policy.max_digits_lost,
        )


def _comparison(
    ours: Measured, champion: Opponent, policy: GateConfig, decides: bool
) -> Iterator[Rule]:
    theirs, paired = champion.measured, champion.paired
    p_value = f"{paired.p_value:.4f}"
    if decides:
        better = paired.difference > 0 and paired.difference >= policy.min_difference
        bound = f"at least {policy.min_difference:+.2f}" if policy.min_difference else "above 0"
        yield Rule("BLEU difference", f"{paired.difference:+.2f}", bound, better)
        yield Rule(
            "p-value", p_value, f"at most {policy.p_value}", paired.p_value <= policy.p_value
        )
    else:
        yield Rule(
            "BLEU difference",
            f"{paired.difference:+.2f} with p-value {p_value}",
            f"above 0, or below it with a p-value over {policy.p_value}",
            paired.difference >= 0 or paired.p_value > policy.p_value,
        )
    chrf = ours.scores["chrf2"].score - theirs.scores["chrf2"].score
    yield Rule(
        "chrF2 difference",
        f"{chrf:+.2f}",
        f"at least {-policy.max_chrf_loss:+.2f}",
        chrf >= -policy.max_chrf_loss,
    )
    if ours.health.numbers >= MIN_NUMBERS:
        more = ours.health.digits_lost_share - theirs.health.digits_lost_share
        yield Rule(
            "digits lost, more than the champion",
            f"{more:+.2%}",
            f"at most {policy.max_more_digits_lost:+.2%}",
            more <= policy.max_more_digits_lost,
        )
    yield _speed_rule(ours.speed, theirs.speed, policy.min_speed_ratio)


def _speed_rule(ours: Speed, theirs: Speed, bound: float) -> Rule:
    ratio = ours.per_second / theirs.per_second
    measured = f"{ratio:.2f} times the champion's"
    unlike = not ours.conditions or ours.conditions != theirs.conditions
    if unlike:
        return Rule("decoding speed", measured, "anything, measured under unlike conditions", True)
    if min(ours.sentences, theirs.sentences) < MIN_TIMED:
        few = f"anything, of fewer than {MIN_TIMED} sentences"
        return Rule("decoding speed", measured, few, True)
    return Rule("decoding speed", measured, f"at least {bound:.2f} times", ratio >= bound)
