"""Whom a rollback goes back to; the moves themselves are in tests/integration/test_promotion."""

from __future__ import annotations

import pytest

from jobs.moves import Move, trail


def move(before: str | None, champion: str, *, undoes: bool = False, done: bool = True) -> Move:
    how = "rolled back" if undoes else "promoted"
    at, by = "2026-03-28T20:30:00+00:00", "process 7 on here, turn 1"
    return Move(at, before, champion, how, "better", by, done, undoes)


FIRST, SECOND, THIRD = move(None, "1"), move("1", "2"), move("2", "3")


def after(*moves: Move, champion: str | None = None) -> list[str | None]:
    """The trail of moves, the first one first; the alias is where the last one went."""
    return trail(moves[::-1], champion or moves[-1].champion)


def test_each_move_goes_on_top_and_a_step_back_takes_one_off() -> None:
    assert after(FIRST) == ["1"]
    assert after(FIRST, SECOND, THIRD) == ["1", "2", "3"]
    back, twice = move("3", "2", undoes=True), move("2", "1", undoes=True)
    assert after(FIRST, SECOND, THIRD, back) == ["1", "2"]
    assert after(FIRST, SECOND, THIRD, back, twice) == ["1"]
    assert after(FIRST, SECOND, THIRD, back, move("2", "4")) == ["1", "2", "4"]


def test_a_version_that_was_asked_for_goes_on_top_wherever_it_was_before() -> None:
    to_1, to_3 = move("3", "1"), move("1", "3")
    assert after(FIRST, SECOND, THIRD, to_1) == ["1", "2", "3", "1"]
    assert after(FIRST, SECOND, THIRD, to_1, to_3) == ["1", "2", "3", "1", "3"]
    back = move("3", "1", undoes=True)
    assert after(FIRST, SECOND, THIRD, to_1, to_3, back) == ["1", "2", "3", "1"]
    again = move("1", "3", undoes=True)
    assert after(FIRST, SECOND, THIRD, to_1, to_3, back, again) == ["1", "2", "3"]


def test_where_a_person_moved_the_alias_nobody_knows_what_was_before() -> None:
    assert trail([], "4") == [None, "4"]
    assert after(FIRST, champion="4") == ["1", None, "4"]
    assert after(FIRST, move("4", "5")) == ["1", None, "4", "5"]
    assert after(FIRST, move("4", "1", undoes=True)) == ["1"]
    assert after(FIRST, move("4", "7", undoes=True)) == ["1", None, "4", None, "7"]
    # The alias was deleted.
    assert after(FIRST, SECOND, move(None, "3")) == ["3"]


def test_what_a_deleted_version_had_on_record_is_a_gap() -> None:
    assert after(SECOND) == [None, "1", "2"]
    assert after(FIRST, THIRD) == ["1", None, "2", "3"]


@pytest.mark.parametrize(("champion", "behind"), [("2", ["1", "2"]), ("1", ["1"])])
def test_a_move_whose_process_ended_counts_if_the_alias_is_where_it_was_to_go(
    champion: str, behind: list[str]
) -> None:
    cut = move("1", "2", done=False)
    assert after(FIRST, cut, champion=champion) == behind
    assert after(FIRST, cut, move(champion, "3")) == [*behind, "3"]
