"""The gate's decision, case by case; carrying it out is in tests/system."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jobs.config import GateConfig
from jobs.promote import Measured, Promotion, Rule, Verdict, decide
from jobs.registry import Version
from jobs.retrain import _as_of_now
from jobs.scores import Health, PairedResult, Score

SANE = Health(empty_share=0.0, repeated_share=0.0, length_ratio=1.0)
POLICY = GateConfig()


def measured(chrf: float = 60.0, health: Health = SANE) -> Measured:
    return Measured({"chrf2": Score(chrf, chrf - 1, chrf + 1, "nrefs:1")}, health)


def paired(champion: float, challenger: float, p_value: float) -> PairedResult:
    return PairedResult(champion, challenger, challenger - champion, p_value, "nrefs:1")


def version(number: str) -> Version:
    return Version("seed", number, "run", {}, 0)


def broken(verdict: Verdict) -> list[str]:
    return [rule.name for rule in verdict.rules if not rule.holds]


def test_the_first_version_is_promoted_when_its_output_is_sane() -> None:
    verdict = decide(measured(), None, None, POLICY)
    assert verdict.promoted
    assert verdict.why == "the first champion: all guardrails hold"
    assert [rule.name for rule in verdict.rules] == [
        "empty outputs",
        "repetitive outputs",
        "length ratio",
    ]


@pytest.mark.parametrize(
    ("health", "name", "why"),
    [
        (replace(SANE, empty_share=0.011), "empty outputs", "is 1.10%, must be at most 1.00%"),
        (replace(SANE, repeated_share=0.06), "repetitive outputs", "is 6.00%, must be at most"),
        (replace(SANE, length_ratio=0.49), "length ratio", "is 0.49, must be from 0.50 to 2.00"),
        (replace(SANE, length_ratio=2.01), "length ratio", "is 2.01, must be from 0.50 to 2.00"),
    ],
)
@pytest.mark.parametrize("champion", [None, measured(10.0)], ids=["first", "against a champion"])
def test_a_broken_guardrail_refuses_however_good_the_scores_are(
    health: Health, name: str, why: str, champion: Measured | None
) -> None:
    better = paired(10.0, 90.0, 0.001) if champion else None
    verdict = decide(measured(99.0, health), champion, better, POLICY)
    assert not verdict.promoted
    assert broken(verdict) == [name]
    assert why in verdict.why


@pytest.mark.parametrize(
    "health",
    [
        replace(SANE, empty_share=0.01),
        replace(SANE, repeated_share=0.05),
        replace(SANE, length_ratio=0.5),
        replace(SANE, length_ratio=2.0),
    ],
)
def test_a_guardrail_that_is_just_kept_holds(health: Health) -> None:
    assert decide(measured(health=health), None, None, POLICY).promoted


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
    verdict = decide(measured(), measured(), result, POLICY)
    assert broken(verdict) == refused_for
    assert verdict.promoted == (not refused_for)


def test_the_reason_of_a_promotion_holds_the_numbers() -> None:
    verdict = decide(measured(), measured(), paired(30.0, 31.5, 0.0123), POLICY)
    assert verdict.why == "BLEU 31.50 against 30.00, p = 0.0123, and all guardrails hold"


def test_the_reason_of_a_refusal_names_every_broken_rule() -> None:
    verdict = decide(measured(), measured(), paired(30.0, 29.0, 0.4), POLICY)
    assert verdict.why == (
        "BLEU difference is -1.00, must be above 0; p-value is 0.4000, must be at most 0.05"
    )


@pytest.mark.parametrize(("chrf", "holds"), [(59.5, True), (59.4, False), (70.0, True)])
def test_a_gain_in_bleu_may_cost_little_chrf(chrf: float, holds: bool) -> None:
    verdict = decide(measured(chrf), measured(60.0), paired(30.0, 31.0, 0.01), POLICY)
    assert verdict.promoted == holds
    assert broken(verdict) == ([] if holds else ["chrF2 difference"])


@pytest.mark.parametrize(("gain", "holds"), [(0.4, False), (0.5, True), (1.0, True)])
def test_a_gain_must_reach_min_difference(gain: float, holds: bool) -> None:
    policy = GateConfig(min_difference=0.5)
    result = PairedResult(30.0, 30.0 + gain, gain, 0.01, "nrefs:1")
    verdict = decide(measured(), measured(), result, policy)
    assert verdict.promoted == holds
    if not holds:
        assert verdict.why == "BLEU difference is +0.40, must be at least +0.50"


def test_a_verdict_survives_its_tag() -> None:
    verdict = Verdict(False, "BLEU 30 → 29", (Rule("p-value", "0.4", "at most 0.05", False),))
    assert Verdict.from_json(verdict.to_json()) == verdict
    assert "→" in verdict.to_json()


def test_a_promotion_prints_champion_and_rules() -> None:
    verdict = decide(measured(), None, None, POLICY)
    document = Promotion(verdict, version("3"), None, {}).as_json()
    assert document["promoted"] is True
    assert document["champion"] == "3"
    assert document["why"] == verdict.why
    assert document["rules"][0] == {
        "name": "empty outputs",
        "measured": "0.00%",
        "bound": "at most 1.00%",
        "holds": True,
    }
    assert Promotion(verdict, None, None, {}).as_json()["champion"] is None


@pytest.mark.parametrize(
    ("champion", "promoted", "why"),
    [
        (version("1"), True, "better"),
        (version("2"), False, "version 2 is the champion now; once promoted: better"),
        (None, False, "there is no champion now; once promoted: better"),
    ],
)
def test_an_old_verdict_says_who_is_champion_since(
    champion: Version | None, promoted: bool, why: str
) -> None:
    verdict = _as_of_now(Verdict(True, "better", ()), version("1"), champion)
    assert (verdict.promoted, verdict.why) == (promoted, why)


def test_an_old_refusal_stays_what_it_was() -> None:
    refusal = Verdict(False, "worse", ())
    assert _as_of_now(refusal, version("2"), version("1")) is refusal
