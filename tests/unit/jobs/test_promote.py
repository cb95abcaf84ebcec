"""What is said of a verdict; the decision is in test_gate, carrying it out in tests/system."""

from __future__ import annotations

import pytest

from jobs.gate import Rule, Verdict
from jobs.promote import Promotion, unlike_decoding
from jobs.registry import Version
from jobs.retrain import _as_of_now, _version_stands
from model.config import DecodeConfig
from pipeline.errors import AnuvadError, BusyError, OutageError


def version(number: str) -> Version:
    return Version("seed", number, "run", {}, 0)


def test_versions_that_are_searched_otherwise_say_so() -> None:
    greedy, beam = DecodeConfig(beam_size=1), DecodeConfig(beam_size=5, length_penalty=0.6)
    assert unlike_decoding(beam, beam) == ""
    assert unlike_decoding(beam, greedy) == (
        "; each decoded as registered: beam_size 5 against 1, length_penalty 0.6 against 1.0"
    )


def test_a_promotion_prints_champion_and_rules() -> None:
    rule = Rule("empty outputs", "0.00%", "at most 1.00%", True)
    verdict = Verdict(True, "the first champion: all guardrails hold", (rule,))
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


@pytest.mark.parametrize(
    "error",
    [
        OutageError("MLflow must take metrics, but: http://host:5000 does not answer"),
        BusyError("promote-seed is held by process 7; run the same command again"),
    ],
    ids=["MLflow is away", "another promotes for minutes"],
)
def test_what_ends_it_after_the_registration_says_what_stands_and_how_to_finish(
    error: AnuvadError,
) -> None:
    command = ["anuvad", "retrain", "configs/my seed.yaml"]
    with (
        pytest.raises(type(error)) as told,
        _version_stands(version("3"), command),
    ):
        raise error
    assert str(told.value) == (
        f"{error}; version 3 of seed is "
        "registered and what was measured is kept, and the same command does the rest: anuvad "
        "retrain 'configs/my seed.yaml'"
    )
