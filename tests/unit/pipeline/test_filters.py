"""Each filter keeps a pair, or drops it for its reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.filters import FilterConfig, build_filters


def reason_of(english: str, hindi: str, **settings: Any) -> str | None:
    """Why the pair is dropped; None if it stays."""
    filters = build_filters(FilterConfig(**settings))
    return next((f.reason for f in filters if not f.keeps(english, hindi)), None)


def words(count: int, word: str = "घर") -> str:
    """``count`` times the word."""
    return " ".join([word] * count)


def test_a_good_pair_stays() -> None:
    assert reason_of("The fort is old.", "क़िला पुराना है।") is None


@pytest.mark.parametrize(("english", "hindi"), [("", "नमस्ते"), ("hello", ""), ("", "")])
def test_an_empty_side_is_dropped_as_empty(english: str, hindi: str) -> None:
    assert reason_of(english, hindi) == "empty"


def test_the_same_text_on_both_sides_is_dropped_as_identical() -> None:
    assert reason_of("GNOME 3.2", "GNOME 3.2") == "identical"
    assert reason_of("GNOME 3.2", "GNOME 3.2", drop_identical=False) is None


@pytest.mark.parametrize("side", [0, 1])
def test_a_side_over_the_limit_is_dropped_as_too_many_characters(side: int) -> None:
    pair = ["abc", "कखग"]
    assert reason_of(*pair, max_characters=3) is None
    pair[side] += "।"
    assert reason_of(*pair, max_characters=3) == "too_many_characters"
    assert reason_of(*pair, max_characters=None) is None


def test_characters_are_code_points_and_not_bytes() -> None:
    # हिंदी is five code points in fifteen bytes.
    assert reason_of("Hindi", "हिंदी", max_characters=5) is None
    assert reason_of("Hindi", "हिंदी", max_characters=4) == "too_many_characters"


@pytest.mark.parametrize("side", [0, 1])
def test_a_side_over_the_limit_is_dropped_as_too_many_words(side: int) -> None:
    pair = [words(4, "house"), words(4)]
    assert reason_of(*pair, max_words=4) is None
    pair[side] += " है"
    assert reason_of(*pair, max_words=4) == "too_many_words"
    assert reason_of(*pair, max_words=None) is None


@pytest.mark.parametrize(("english", "hindi"), [(12, 3), (3, 12)])
def test_sides_of_very_different_length_are_dropped_as_length_ratio(
    english: int, hindi: int
) -> None:
    pair = words(english, "house"), words(hindi)
    assert reason_of(*pair, max_length_ratio=4.0) is None
    assert reason_of(*pair, max_length_ratio=3.9) == "length_ratio"
    assert reason_of(*pair, max_length_ratio=None) is None


def test_the_ratio_is_not_asked_of_short_pairs() -> None:
    assert reason_of(words(5, "do"), words(1), ratio_min_words=6) is None
    assert reason_of(words(6, "do"), words(1), ratio_min_words=6) == "length_ratio"


def test_the_first_reason_is_the_one_that_counts() -> None:
    assert reason_of("", "") == "empty"
    assert reason_of("abcd", "abcd", max_characters=3) == "identical"


def test_a_filter_without_threshold_does_not_run() -> None:
    config = FilterConfig(
        max_words=None, max_characters=None, max_length_ratio=None, drop_identical=False
    )
    assert [f.reason for f in build_filters(config)] == ["empty"]


def test_reasons_are_unique() -> None:
    reasons: Sequence[str] = [f.reason for f in build_filters(FilterConfig())]
    assert len(set(reasons)) == len(reasons) == 5


@pytest.mark.parametrize(
    "settings", [{"max_words": 0}, {"max_length_ratio": 1.0}, {"ratio_min_words": 0}]
)
def test_a_threshold_that_drops_everything_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        FilterConfig(**settings)


def test_an_unknown_filter_is_refused() -> None:
    with pytest.raises(ValidationError, match="max_letters"):
        FilterConfig(max_letters=3)  # type: ignore[call-arg]
