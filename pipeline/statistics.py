"""What the text of a shard looks like: how long its sentences are, in which scripts its letters.

reads   normalised pairs, a batch at a time, and which of them are kept
writes  ``train-00000-of-00004.statistics.json`` beside a clean shard
holds   statistics of shards add up to those of their source, so that nobody reads the text again

A histogram of words has a bin for each ``WORDS_A_BIN`` words, and a last one for what is longer.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.columns import Kind, Mask, Pairs, TextColumn

STATISTICS = ".statistics.json"
"""What the name of a shard's statistics ends in."""

WORDS_A_BIN = 5
BINS = 21
SCRIPTS = {"latin": Kind.LATIN, "devanagari": Kind.DEVANAGARI, "other": Kind.LETTER}
"""Name → letters; of ``other`` are those of all other scripts."""

_Numbers = NDArray[np.int64]


def _zeros(length: int) -> _Numbers:
    return np.zeros(length, np.int64)


@dataclass
class SideStatistics:
    """Sums over one side of some pairs.

    Attributes:
        words: histogram of sentences by their words, of ``BINS`` bins.
        letters: letters of each of ``SCRIPTS``, in their order.
        total_words: words of all sentences.
        total_characters: characters of all sentences.
    """

    words: _Numbers = field(default_factory=lambda: _zeros(BINS))
    letters: _Numbers = field(default_factory=lambda: _zeros(len(SCRIPTS)))
    total_words: int = 0
    total_characters: int = 0

    def add(self, column: TextColumn, rows: Mask) -> None:
        """Add the sentences of ``rows``."""
        words = column.words[rows]
        bins = np.minimum(words // WORDS_A_BIN, BINS - 1)
        self.words += np.bincount(bins, minlength=BINS)
        self.letters += column.kinds[rows][:, list(SCRIPTS.values())].sum(axis=0)
        self.total_words += int(words.sum())
        self.total_characters += int(column.characters[rows].sum())

    def merge(self, other: SideStatistics) -> None:
        """Add the sums of other pairs."""
        self.words += other.words
        self.letters += other.letters
        self.total_words += other.total_words
        self.total_characters += other.total_characters

    def script_shares(self) -> dict[str, float]:
        """Of all letters, the share of each script; 0 where there are no letters."""
        total = max(1, int(self.letters.sum()))
        return {name: int(n) / total for name, n in zip(SCRIPTS, self.letters, strict=True)}


@dataclass
class Statistics:
    """English and Hindi of all pairs that reached the filters, and of those that were kept.

    Attributes:
        source: the name of the corpus that all the pairs are of; empty for those of several.
        visited: English and Hindi of the pairs that reached the filters.
        kept: of those that passed them.
    """

    source: str = ""
    visited: tuple[SideStatistics, SideStatistics] = field(
        default_factory=lambda: (SideStatistics(), SideStatistics())
    )
    kept: tuple[SideStatistics, SideStatistics] = field(
        default_factory=lambda: (SideStatistics(), SideStatistics())
    )

    def add(self, pairs: Pairs, keeps: Mask) -> None:
        """Add a batch, of which ``keeps`` says what is kept."""
        everything = np.ones(len(pairs), np.bool_)
        for index, side in enumerate(pairs.sides):
            self.visited[index].add(side, everything)
            self.kept[index].add(side, keeps)

    def merge(self, other: Statistics) -> None:
        """Add the sums of other pairs."""
        for mine, theirs in ((self.visited, other.visited), (self.kept, other.kept)):
            for side, found in zip(mine, theirs, strict=True):
                side.merge(found)

    def to_json(self) -> bytes:
        """One JSON document; the same statistics have the same bytes."""
        sums = {
            which: [
                {
                    "words": side.words.tolist(),
                    "letters": side.letters.tolist(),
                    "total_words": side.total_words,
                    "total_characters": side.total_characters,
                }
                for side in sides
            ]
            for which, sides in (("visited", self.visited), ("kept", self.kept))
        }
        data = {"source": self.source, **sums}
        return (json.dumps(data, indent=1, sort_keys=True) + "\n").encode()

    @classmethod
    def from_json(cls, document: bytes) -> Statistics:
        """What :meth:`to_json` wrote."""
        data = json.loads(document)
        return cls(data["source"], _sides(data["visited"]), _sides(data["kept"]))

    @classmethod
    def sum_of(cls, parts: Iterable[Statistics]) -> Statistics:
        """The sums of them all."""
        total = cls()
        for part in parts:
            total.merge(part)
        return total


def by_source(documents: Iterable[bytes]) -> dict[str, Statistics]:
    """Source → the sums of its shards' statistics, of which ``documents`` are the files."""
    found: dict[str, Statistics] = {}
    for document in documents:
        part = Statistics.from_json(document)
        found.setdefault(part.source, Statistics(part.source)).merge(part)
    return found


def _sides(data: Sequence[Mapping[str, Any]]) -> tuple[SideStatistics, SideStatistics]:
    english, hindi = (
        SideStatistics(
            np.array(side["words"], np.int64),
            np.array(side["letters"], np.int64),
            side["total_words"],
            side["total_characters"],
        )
        for side in data
    )
    return english, hindi
