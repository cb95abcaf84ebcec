"""Columns of sentences, and what filters ask of them, answered for all rows at once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cache, cached_property
from typing import Any, SupportsIndex

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import regex
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


class Kind(IntEnum):
    """What a character is, as far as filters care."""

    OTHER = 0
    SPACE = 1
    DIGIT = 2
    LATIN = 3
    DEVANAGARI = 4
    LETTER = 5
    """A letter of any other script."""


class TextColumn:
    """The sentences of one side; what is asked of it is worked out once, when it is asked.

    Args:
        texts: without nulls, in valid UTF-8.
    """

    def __init__(self, texts: pa.StringArray) -> None:
        self.texts = texts

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, row: SupportsIndex) -> str:
        return str(self.texts[row].as_py())

    @cached_property
    def sizes(self) -> NDArray[np.int32]:
        """Bytes of each row in UTF-8."""
        return _numpy(pc.binary_length(self.texts))

    @cached_property
    def characters(self) -> NDArray[np.int32]:
        """Code points of each row."""
        return _numpy(pc.utf8_length(self.texts))

    @cached_property
    def words(self) -> NDArray[np.int64]:
        """Words of each row, where words are separated by single spaces."""
        return self.kinds[:, Kind.SPACE] + (self.characters > 0)

    @cached_property
    def letters(self) -> NDArray[np.int64]:
        """Letters of each row in any script, vowel signs among them."""
        kinds = self.kinds
        return kinds[:, Kind.LATIN] + kinds[:, Kind.DEVANAGARI] + kinds[:, Kind.LETTER]

    @cached_property
    def kinds(self) -> NDArray[np.int64]:
        """Rows × kinds: how many characters of each :class:`Kind` a row has."""
        keys = np.repeat(np.arange(len(self)) * len(Kind), self.characters)
        keys += np.take(_kinds(), self.code_points, mode="clip")
        counts = np.bincount(keys, minlength=len(self) * len(Kind))
        return counts.reshape(len(self), len(Kind))

    @cached_property
    def code_points(self) -> NDArray[np.uint32]:
        """The characters of all rows together, one row after the other."""
        joined = b"".join(self._data()).decode()
        return np.frombuffer(joined.encode("utf-32-le"), np.uint32)

    @cached_property
    def rows(self) -> NDArray[np.int32]:
        """The row of each of :attr:`code_points`."""
        return np.repeat(np.arange(len(self), dtype=np.int32), self.characters)

    def _data(self) -> list[memoryview]:
        # Where Arrow keeps the text: this array may be a slice of a longer one.
        _, offsets, data = self.texts.buffers()
        if data is None:
            return []
        first = self.texts.offset
        ends = np.frombuffer(offsets, np.int32, first + len(self) + 1)
        return [memoryview(data)[ends[first] : ends[-1]]]

    def matches(self, pattern: str) -> Mask:
        """The rows in which ``pattern``, in RE2's syntax, is found."""
        return _numpy(pc.match_substring_regex(self.texts, pattern))


@dataclass(frozen=True)
class Pairs:
    """Rows of a corpus: an English and a Hindi column of equal length."""

    english: TextColumn
    hindi: TextColumn

    def __len__(self) -> int:
        return len(self.english)

    @property
    def sides(self) -> tuple[TextColumn, TextColumn]:
        """English, then Hindi."""
        return self.english, self.hindi


def pairs_of(english: list[str], hindi: list[str]) -> Pairs:
    """Pairs of Python strings."""
    return Pairs(*(TextColumn(pa.array(side, pa.string())) for side in (english, hindi)))


_BMP = 0x10000
"""The plane that has all scripts of note; what lies beyond it is looked up as this."""


@cache
def _kinds() -> NDArray[np.uint8]:
    """Code point → :class:`Kind`."""
    kinds = np.full(_BMP + 1, Kind.OTHER, np.uint8)
    kinds[_BMP] = Kind.LETTER
    plane = "".join(map(chr, (*range(0xD800), *range(0xE000, _BMP))))
    for kind, pattern in (
        (Kind.LETTER, r"[\p{L}\p{M}]+"),
        (Kind.LATIN, r"[\p{Latin}&&\p{L}]+"),
        (Kind.DEVANAGARI, r"[\p{Devanagari}&&[\p{L}\p{M}]]+"),
        (Kind.DIGIT, r"\p{Nd}+"),
        (Kind.SPACE, " "),
    ):
        for run in regex.finditer(pattern, plane, regex.V1):
            kinds[ord(run[0][0]) : ord(run[0][-1]) + 1] = kind
    return kinds


def _numpy(array: pa.Array) -> NDArray[Any]:
    return np.asarray(array.to_numpy(zero_copy_only=False))
