"""Rows of unlike lengths in one flat array: how ids of many sentences are held and moved."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa


@dataclass(frozen=True)
class Ragged:
    """Rows of integers, one after the other.

    Attributes:
        values: those of all rows.
        offsets: int64; row i is ``values[offsets[i]:offsets[i + 1]]``, so there is one more than
            there are rows.
    """

    values: npt.NDArray[Any]
    offsets: npt.NDArray[np.int64]

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]]) -> Ragged:
        """The rows, which stay in their order."""
        offsets = ends_of(np.fromiter(map(len, rows), np.int64, len(rows)))
        return cls(np.fromiter(chain.from_iterable(rows), np.int32, offsets[-1]), offsets)

    @classmethod
    def join(cls, parts: Iterable[Ragged]) -> Ragged:
        """The rows of all parts, one part after the other."""
        parts = [cls.of([]), *parts]
        return cls(
            np.concatenate([part.values for part in parts]),
            ends_of(np.concatenate([part.lengths for part in parts])),
        )

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Values of each row."""
        return np.diff(self.offsets)

    def take(self, rows: npt.NDArray[np.integer]) -> Ragged:
        """The rows of these numbers, in this order."""
        lengths = self.lengths[rows]
        offsets = ends_of(lengths)
        at = np.repeat(self.offsets[rows] - offsets[:-1], lengths)
        at += np.arange(offsets[-1])
        return Ragged(self.values[at], offsets)

    def tolist(self) -> list[list[int]]:
        """The rows as lists."""
        return [row.tolist() for row in np.split(self.values, self.offsets[1:-1])][: len(self)]

    def to_arrow(self, dtype: npt.DTypeLike) -> pa.ListArray:
        """An Arrow array of lists of ``dtype``, without a Python object a row."""
        offsets = pa.array(self.offsets.astype(np.int32))
        return pa.ListArray.from_arrays(offsets, pa.array(self.values.astype(dtype)))


def ends_of(lengths: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """Where rows of these lengths end, with a 0 before the first."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])
