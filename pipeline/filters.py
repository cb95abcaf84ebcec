"""Keep a pair, or drop it with a reason.

A filter is a small class with a ``reason`` and a ``keeps(english, hindi)``; counting the reasons
and keeping what was dropped is done once, in :mod:`pipeline.clean`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from pydantic import Field

from pipeline.settings import Settings


class FilterConfig(Settings):
    """The thresholds; a filter whose threshold is None does not run."""

    max_words: int | None = Field(200, ge=1, description="words of either side")
    max_characters: int | None = Field(2000, ge=1, description="characters of either side")
    max_length_ratio: float | None = Field(
        4.0, gt=1, description="words of the longer side for one of the shorter"
    )
    ratio_min_words: int = Field(
        6, ge=1, description="the ratio is not asked of pairs whose longer side is shorter"
    )
    drop_identical: bool = Field(True, description="drop pairs whose sides are the same text")


class Filter(Protocol):
    """What every filter has."""

    @property
    def reason(self) -> str:
        """The name under which drops are counted."""

    def keeps(self, english: str, hindi: str) -> bool:
        """Whether the pair stays."""


class Empty:
    """Drops a pair with an empty side."""

    reason: ClassVar[str] = "empty"

    def keeps(self, english: str, hindi: str) -> bool:
        """Whether both sides have text."""
        return bool(english) and bool(hindi)


class Identical:
    """Drops a pair whose sides are the same: nothing was translated."""

    reason: ClassVar[str] = "identical"

    def keeps(self, english: str, hindi: str) -> bool:
        """Whether the sides differ."""
        return english != hindi


@dataclass(frozen=True)
class TooManyCharacters:
    """Drops a pair with a side over ``limit`` characters."""

    limit: int
    reason: ClassVar[str] = "too_many_characters"

    def keeps(self, english: str, hindi: str) -> bool:
        """Whether both sides are within the limit."""
        return len(english) <= self.limit and len(hindi) <= self.limit


@dataclass(frozen=True)
class TooManyWords:
    """Drops a pair with a side over ``limit`` words."""

    limit: int
    reason: ClassVar[str] = "too_many_words"

    def keeps(self, english: str, hindi: str) -> bool:
        """Whether both sides are within the limit."""
        return english.count(" ") < self.limit and hindi.count(" ") < self.limit


@dataclass(frozen=True)
class LengthRatio:
    """Drops a pair of which one side has more than ``limit`` times the words of the other."""

    limit: float
    min_words: int
    reason: ClassVar[str] = "length_ratio"

    def keeps(self, english: str, hindi: str) -> bool:
        """Whether the ratio is within the limit, or the pair too short to ask."""
        a, b = english.count(" ") + 1, hindi.count(" ") + 1
        return max(a, b) < self.min_words or max(a, b) <= self.limit * min(a, b)


def build_filters(config: FilterConfig) -> Sequence[Filter]:
    """The filters that ``config`` asks for, cheapest first."""
    filters: list[Filter] = [Empty()]
    if config.drop_identical:
        filters.append(Identical())
    if config.max_characters is not None:
        filters.append(TooManyCharacters(config.max_characters))
    if config.max_words is not None:
        filters.append(TooManyWords(config.max_words))
    if config.max_length_ratio is not None:
        filters.append(LengthRatio(config.max_length_ratio, config.ratio_min_words))
    return filters
