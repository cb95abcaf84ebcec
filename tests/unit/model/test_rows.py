"""Which sentences a shared memory keeps when the rows of a search move."""

from __future__ import annotations

import pytest
import torch

from model.rows import sentences_of

# Three sentences of two rows each: rows 0 1, 2 3, 4 5.


@pytest.mark.parametrize(
    "index", [[0, 1, 2, 3, 4, 5], [1, 1, 3, 2, 4, 4], [0, 2, 4], [0, 0, 0, 2, 2, 2, 5, 5, 5]]
)
def test_where_every_sentence_stays_nothing_is_selected(index: list[int]) -> None:
    assert sentences_of(torch.tensor(index), rows=6, sentences=3) is None


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        ([0, 1, 4, 5], [0, 2]),
        ([4, 4, 1, 1], [2, 0]),
        ([5], [2]),
        ([0, 0, 3], [0, 0, 1]),  # Two rows and one: each row gets a copy of its own.
    ],
)
def test_sentences_that_leave_or_move_are_selected(index: list[int], expected: list[int]) -> None:
    found = sentences_of(torch.tensor(index), rows=6, sentences=3)
    assert found is not None
    assert found.tolist() == expected
