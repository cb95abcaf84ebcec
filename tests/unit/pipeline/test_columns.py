"""What a column says of its rows is what each row would say of itself."""

from __future__ import annotations

import pyarrow as pa
import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.columns import Kind, TextColumn

ROWS = ["नमस्ते John 42", "", "घर", "añ Ω é́", "a  b", "😀 १२", "x"]


def column(rows: list[str]) -> TextColumn:
    """A column of these rows."""
    return TextColumn(pa.array(rows, pa.string()))


def test_kinds_are_counted_by_hand() -> None:
    # Of each row: other, space, digit, Latin, Devanagari, letters of other scripts.
    assert column(ROWS).kinds.tolist() == [
        [0, 2, 2, 4, 6, 0],
        [0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 2, 0],
        [0, 2, 0, 3, 0, 2],
        [0, 2, 0, 2, 0, 0],
        [0, 1, 2, 0, 0, 1],
        [0, 0, 0, 1, 0, 0],
    ]


def test_words_and_letters_are_counted_by_hand() -> None:
    made = column(["", "घर", "मेरा घर", "12 है।"])
    assert made.words.tolist() == [0, 1, 2, 2]
    assert made.letters.tolist() == [0, 2, 6, 2]


@pytest.mark.parametrize("rows", [[], ["", ""], ["घर"]])
def test_columns_without_much_text_are_no_error(rows: list[str]) -> None:
    made = column(rows)
    assert made.kinds.shape == (len(rows), len(Kind))
    assert made.characters.tolist() == [len(row) for row in rows]
    assert made.matches("घ").tolist() == ["घ" in row for row in rows]


def test_a_slice_of_an_array_is_read_as_a_slice() -> None:
    sliced = pa.array(["aaa", *ROWS, "bbb"])[1:-1]
    assert TextColumn(sliced).kinds.tolist() == column(ROWS).kinds.tolist()
    assert [TextColumn(sliced)[i] for i in range(len(ROWS))] == ROWS


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], max_codepoint=0xFFFF))))
def test_counts_are_those_of_each_row(rows: list[str]) -> None:
    made = column(rows)
    assert made.sizes.tolist() == [len(row.encode()) for row in rows]
    assert made.characters.tolist() == [len(row) for row in rows]
    assert made.words.tolist() == [row.count(" ") + 1 if row else 0 for row in rows]
    assert made.letters.tolist() == [len(regex.findall(r"[\p{L}\p{M}]", row)) for row in rows]
    latin = [len(regex.findall(r"[\p{Latin}&&\p{L}]", row, regex.V1)) for row in rows]
    assert made.kinds[:, Kind.LATIN].tolist() == latin
