"""Statistics of a shard, counted by hand, and their sums."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pipeline.columns import pairs_of
from pipeline.statistics import BINS, WORDS_A_BIN, Statistics, by_source


def statistics_of(pairs: list[tuple[str, str]], keeps: list[bool], source: str = "") -> Statistics:
    found = Statistics(source)
    english, hindi = zip(*pairs, strict=True) if pairs else ((), ())
    found.add(pairs_of(list(english), list(hindi)), np.array(keeps, np.bool_))
    return found


PAIRS = [("My house", "मेरा घर"), ("", "नदी"), ("Как ok 5", "चाय tea")]
KEEPS = [True, False, True]


def test_words_characters_and_letters_are_those_counted_by_hand() -> None:
    found = statistics_of(PAIRS, KEEPS)
    english, hindi = found.visited
    # Two words, none and three; seven letters, none and five.
    assert (english.total_words, english.total_characters) == (5, 8 + 0 + 8)
    assert english.letters.tolist() == [7 + 2, 0, 3]
    assert (hindi.total_words, hindi.total_characters) == (5, 7 + 3 + 7)
    # Vowel signs count: म े र ा घ र, न द ी, च ा य.
    assert hindi.letters.tolist() == [3, 6 + 3 + 3, 0]
    assert found.kept[0].total_words == 5
    assert found.kept[1].letters.tolist() == [3, 9, 0]


def test_shares_are_of_all_letters_and_nought_without_any() -> None:
    english, _ = statistics_of(PAIRS, KEEPS).visited
    assert english.script_shares() == pytest.approx(
        {"latin": 9 / 12, "devanagari": 0, "other": 3 / 12}
    )
    none, _ = statistics_of([("5 + 5", "१०")], [True]).visited
    assert none.script_shares() == {"latin": 0, "devanagari": 0, "other": 0}


@pytest.mark.parametrize(
    ("words", "bin_"), [(0, 0), (1, 0), (4, 0), (5, 1), (99, 19), (100, 20), (104, 20), (7000, 20)]
)
def test_a_sentence_is_in_the_bin_of_its_words_and_the_last_one_has_no_end(
    words: int, bin_: int
) -> None:
    english, _ = statistics_of([(" ".join(["go"] * words), "जा")], [True]).visited
    assert (BINS, WORDS_A_BIN) == (21, 5)
    assert np.flatnonzero(english.words).tolist() == [bin_]
    assert english.words.sum() == 1


def test_statistics_of_shards_add_up_to_those_of_all_pairs() -> None:
    whole = statistics_of(PAIRS, KEEPS).to_json()
    shards = [statistics_of([p], [k]) for p, k in zip(PAIRS, KEEPS, strict=True)]
    assert Statistics.sum_of(shards).to_json() == whole
    assert Statistics.sum_of(reversed(shards)).to_json() == whole


def test_shards_of_two_sources_add_up_source_by_source() -> None:
    tea, gnome = ("He drank tea.", "उसने चाय पी।"), ("Quit GNOME", "GNOME से बाहर जाएँ")
    shards = [
        statistics_of([tea, gnome], [True, False], "books"),
        statistics_of([gnome], [True], "desktop"),
        statistics_of([tea], [True], "books"),
    ]
    found = by_source(shard.to_json() for shard in shards)
    assert {source: sums.source for source, sums in found.items()} == {
        "books": "books",
        "desktop": "desktop",
    }
    english, hindi = found["books"].visited
    assert (english.total_words, hindi.total_words) == (3 + 2 + 3, 3 + 4 + 3)
    assert [side.words.sum() for side in found["books"].kept] == [2, 2]
    # से बाहर जाएँ are ten letters of Devanagari, vowel signs among them.
    assert found["desktop"].kept[1].letters.tolist() == [5, 10, 0]
    total = Statistics.sum_of(found.values())
    assert (total.source, int(total.visited[0].words.sum())) == ("", 4)


def test_statistics_are_read_as_they_were_written() -> None:
    written = statistics_of(PAIRS, KEEPS, "books").to_json()
    assert Statistics.from_json(written).to_json() == written


def test_no_pairs_add_nothing() -> None:
    none = statistics_of([], []).to_json()
    assert Statistics.sum_of([]).to_json() == none == Statistics().to_json()
    assert json.loads(none)["kept"][1]["words"] == [0] * BINS


def test_no_two_statistics_share_their_sums() -> None:
    first, second = Statistics(), Statistics()
    first.add(pairs_of(["go"], ["जा"]), np.array([True]))
    assert second.visited[0].words.sum() == second.kept[0].total_words == 0
