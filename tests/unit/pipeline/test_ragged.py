"""Rows in one flat array."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from pipeline.ragged import Ragged


def test_rows_come_back_as_they_went_in() -> None:
    rows = [[4, 5], [], [6, 7, 8]]
    ragged = Ragged.of(rows)
    assert len(ragged) == 3
    assert ragged.values.tolist() == [4, 5, 6, 7, 8]
    assert ragged.offsets.tolist() == [0, 2, 2, 5]
    assert ragged.lengths.tolist() == [2, 0, 3]
    assert ragged.tolist() == rows


@pytest.mark.parametrize("rows", [[], [[]], [[], [9], []]])
def test_nothing_and_empty_rows_are_rows_too(rows: list[list[int]]) -> None:
    assert Ragged.of(rows).tolist() == rows


def test_rows_are_taken_in_any_order_and_repeatedly() -> None:
    ragged = Ragged.of([[4, 5], [], [6, 7, 8]])
    assert ragged.take(np.array([2, 0, 1, 2])).tolist() == [[6, 7, 8], [4, 5], [], [6, 7, 8]]
    assert ragged.take(np.array([], np.int64)).tolist() == []


def test_parts_are_joined_in_their_order() -> None:
    parts = [Ragged.of([[4, 5], []]), Ragged.of([]), Ragged.of([[6]])]
    assert Ragged.join(parts).tolist() == [[4, 5], [], [6]]
    assert Ragged.join([]).tolist() == []


def test_an_arrow_array_has_the_same_rows_in_the_type_asked_for() -> None:
    array = Ragged.of([[4, 65535], [], [6]]).to_arrow(np.uint16)
    assert array.type == pa.list_(pa.uint16())
    assert array.to_pylist() == [[4, 65535], [], [6]]
