"""Sentences as batches of ids; it runs in the peers' environments too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def read_sentences(path: Path) -> list[list[str]]:
    """The words, which are ids of pieces, of each line; the longest sentence first."""
    lines = [line.split() for line in path.read_text(encoding="ascii").splitlines()]
    return sorted(lines, key=len, reverse=True)


def batches(sentences: list[list[int]], size: int) -> Iterator[list[list[int]]]:
    """``size`` neighbours at a time; the last batch may have fewer."""
    for start in range(0, len(sentences), size):
        yield sentences[start : start + size]


def padded(rows: list[list[int]], pad: int) -> list[list[int]]:
    """The rows, made as long as the longest."""
    width = max(map(len, rows))
    return [row + [pad] * (width - len(row)) for row in rows]
