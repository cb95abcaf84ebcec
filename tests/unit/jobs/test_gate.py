"""The gate's decision, case by case; carrying it out is in tests/system."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import ValidationError

from jobs.gate import Measured, Opponent, Rule, Verdict, decide
from jobs.gate_config import GateConfig
from jobs.health import Health
from jobs.scores import PairedResult, Score
from jobs.speed import Speed

SANE = Health(
    empty_share=0.0,
    truncated_share=0.0,
    repeated_share=0.0,
    length_ratio=1.0,
    numbers=40,
    digits_lost_share=0.1,
)
MACHINE = "a processor, 1 thread, torch 2.13.0"
POLICY = GateConfig()
BETTER = PairedResult(30.0, 31.0, 1.0, 0.01, "nrefs:1")


def measured(
    chrf: float = 60.0,
    health: Health = SANE,
    per_second: float = 40.0,
    sentences: int = 400,
    conditions: str = MACHINE,
) -> Measured:
    speed = Speed(sentences, sentences / per_second, conditions)
    return Measured({"chrf2": Score(chrf, chrf - 1, chrf + 1, "nrefs:1")}, health, speed)


def paired(champion: float, challenger: float, p_value: float) -> PairedResult:
    return PairedResult(champion, challenger, challenger - champion, p_value, "nrefs:1")


def judge(
    ours: Measured,
    theirs: Measured | None = None,
    result: PairedResult = BETTER,
    policy: GateConfig = POLICY,
) -> Verdict:
    """The verdict where one test set decides."""
    champion = None if theirs is None else {"test": Opponent(theirs, result)}
    return decide({"test": ours}, champion, policy)


def broken(verdict: Verdict) -> list[str]:
    return [rule.name for rule in verdict.rules if not rule.holds]


def rule(verdict: Verdict, name: str) -> Rule:
    (found,) = [rule for rule in verdict.rules if rule.name == name]
    return found


def test_the_first_version_is_promoted_when_its_output_is_sane() -> None:
    verdict = judge(measured())
    assert verdict.promoted
    assert verdict.why == "the first champion: all guardrails hold"
    assert verdict.rules == (
        Rule("empty outputs", "0.00%", "at most 1.00%", True),
        Rule("truncated outputs", "0.00%", "at most 5.00%", True),
        Rule("repetitive outputs", "0.00%", "at most 5.00%", True),
        Rule("length ratio", "1.00", "from 0.50 to 2.00", True),
        Rule("digits lost", "10.00% of 40", "at most 50.00%", True),
    )


@pytest.mark.parametrize(
    ("health", "name", "why"),
    [
        (replace(SANE, empty_share=0.011), "empty outputs", "is 1.10%, must be at most 1.00%"),
        (replace(SANE, truncated_share=0.06), "truncated outputs", "is 6.00%, must be at most"),
        (replace(SANE, repeated_share=0.06), "repetitive outputs", "is 6.00%, must be at most"),
        (replace(SANE, length_ratio=0.49), "length ratio", "is 0.49, must be from 0.50 to 2.00"),
        (replace(SANE, length_ratio=2.01), "length ratio", "is 2.01, must be from 0.50 to 2.00"),
        (replace(SANE, digits_lost_share=0.51), "digits lost", "is 51.00% of 40, must be at most"),
    ],
)
@pytest.mark.parametrize("first", [True, False], ids=["first", "against a champion"])
def test_a_broken_guardrail_refuses_however_good_the_scores_are(
    health: Health, name: str, why: str, first: bool
) -> None:
    # The champion loses as many numbers.
    champion = None if first else measured(10.0, health)
    verdict = judge(measured(99.0, health), champion, paired(10.0, 90.0, 0.001))
    assert not verdict.promoted
    assert broken(verdict) == [name]
    assert why in verdict.why


@pytest.mark.parametrize(
    "health",
    [
        replace(SANE, empty_share=0.01),
        replace(SANE, truncated_share=0.05),
        replace(SANE, repeated_share=0.05),
        replace(SANE, length_ratio=0.5),
        replace(SANE, length_ratio=2.0),
        replace(SANE, digits_lost_share=0.5),
        replace(SANE, digits_lost_share=1.0, numbers=19),
    ],
)
def test_a_guardrail_that_is_just_kept_holds(health: Health) -> None:
    assert judge(measured(health=health)).promoted


@pytest.mark.parametrize(
    ("result", "refused_for"),
    [
        (paired(30.0, 31.0, 0.01), []),
        (paired(30.0, 31.0, 0.05), []),
        (paired(30.0, 31.0, 0.06), ["p-value"]),
        (paired(30.0, 30.0, 1.0), ["BLEU difference", "p-value"]),
        (paired(30.0, 29.0, 0.01), ["BLEU difference"]),
        (paired(30.0, 29.0, 0.4), ["BLEU difference", "p-value"]),
    ],
    ids=["better", "p just kept", "by chance", "equal", "worse", "worse by chance"],
)
def test_a_challenger_must_be_better_by_more_than_chance(
    result: PairedResult, refused_for: list[str]
) -> None:
    verdict = judge(measured(), measured(), result)
    assert broken(verdict) == refused_for
    assert verdict.promoted == (not refused_for)


def test_the_reason_of_a_promotion_holds_the_numbers() -> None:
    verdict = judge(measured(), measured(), paired(30.0, 31.5, 0.0123))
    assert verdict.why == "BLEU 31.50 against 30.00, p = 0.0123, and all guardrails hold"


def test_the_reason_of_a_refusal_names_every_broken_rule() -> None:
    verdict = judge(measured(), measured(), paired(30.0, 29.0, 0.4))
    assert verdict.why == (
        "BLEU difference is -1.00, must be above 0; p-value is 0.4000, must be at most 0.05"
    )


@pytest.mark.parametrize(("chrf", "holds"), [(59.5, True), (59.4, False), (70.0, True)])
def test_a_gain_in_bleu_may_cost_little_chrf(chrf: float, holds: bool) -> None:
    verdict = judge(measured(chrf), measured(60.0))
    assert verdict.promoted == holds
    assert broken(verdict) == ([] if holds else ["chrF2 difference"])


@pytest.mark.parametrize(("gain", "holds"), [(0.4, False), (0.5, True), (1.0, True)])
def test_a_gain_must_reach_min_difference(gain: float, holds: bool) -> None:
    result = PairedResult(30.0, 30.0 + gain, gain, 0.01, "nrefs:1")
    verdict = judge(measured(), measured(), result, GateConfig(min_difference=0.5))
    assert verdict.promoted == holds
    if not holds:
        assert verdict.why == "BLEU difference is +0.40, must be at least +0.50"


@pytest.mark.parametrize(("lost", "holds"), [(0.1, True), (0.15, True), (0.16, False), (0.0, True)])
def test_a_gain_may_cost_few_numbers(lost: float, holds: bool) -> None:
    worse = measured(health=replace(SANE, digits_lost_share=lost))
    verdict = judge(worse, measured(), policy=GateConfig(max_more_digits_lost=0.05))
    assert broken(verdict) == ([] if holds else ["digits lost, more than the champion"])
    assert rule(verdict, "digits lost, more than the champion").bound == "at most +5.00%"


def test_a_gain_may_not_cost_all_speed() -> None:
    slow = judge(measured(per_second=7.9), measured(per_second=40.0))
    assert broken(slow) == ["decoding speed"]
    assert slow.why == "decoding speed is 0.20 times the champion's, must be at least 0.20 times"
    assert judge(measured(per_second=8.1), measured(per_second=40.0)).promoted


@pytest.mark.parametrize(
    ("ours", "bound"),
    [
        ({"conditions": "another processor"}, "anything, measured under unlike conditions"),
        ({"conditions": ""}, "anything, measured under unlike conditions"),
        ({"sentences": 99}, "anything, of fewer than 100 sentences"),
    ],
)
def test_speeds_that_can_not_be_compared_refuse_nobody(ours: dict[str, object], bound: str) -> None:
    verdict = judge(measured(per_second=0.1, **ours), measured())  # type: ignore[arg-type]
    assert verdict.promoted
    assert rule(verdict, "decoding speed").bound == bound


def test_a_speed_that_nobody_knows_the_conditions_of_is_like_no_other() -> None:
    verdict = judge(measured(per_second=0.1, conditions=""), measured(conditions=""))
    assert verdict.promoted


TWO = GateConfig(test=("test", "hard"))


@pytest.mark.parametrize(
    ("hard", "refused_for"),
    [
        (paired(20.0, 22.0, 0.01), []),
        (paired(20.0, 20.0, 1.0), []),
        (paired(20.0, 19.5, 0.2), []),
        (paired(20.0, 19.5, 0.05), ["BLEU difference on hard"]),
    ],
    ids=["better", "equal", "worse by chance", "worse"],
)
def test_on_the_other_test_sets_a_challenger_must_not_be_worse(
    hard: PairedResult, refused_for: list[str]
) -> None:
    champion = {"test": Opponent(measured(), BETTER), "hard": Opponent(measured(), hard)}
    verdict = decide({"test": measured(), "hard": measured()}, champion, TWO)
    assert broken(verdict) == refused_for
    if verdict.promoted:
        assert verdict.why == "BLEU 31.00 against 30.00, p = 0.0100, and all guardrails hold"


def test_a_guardrail_is_kept_on_every_test_set_by_its_name() -> None:
    sick = measured(health=replace(SANE, repeated_share=0.5))
    verdict = decide({"test": measured(), "hard": sick}, None, TWO)
    assert broken(verdict) == ["repetitive outputs on hard"]


@pytest.mark.parametrize("test", [(), ("hard", "hard")])
def test_no_test_set_and_one_named_twice_are_refused(test: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError, match="one test set or several unlike ones"):
        GateConfig(test=test)


def test_a_verdict_survives_its_tag() -> None:
    verdict = Verdict(False, "BLEU 30 → 29", (Rule("p-value", "0.4", "at most 0.05", False),))
    assert Verdict.from_json(verdict.to_json()) == verdict
    assert "→" in verdict.to_json()
