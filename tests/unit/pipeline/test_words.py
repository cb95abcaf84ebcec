"""Words of English text, and vocabularies of hashes."""

from __future__ import annotations

import numpy as np

from pipeline.words import hash_of, union_of, unseen_shares, vocabulary_of, words_of


def test_words_are_runs_of_letters_in_lower_case() -> None:
    assert words_of("Don’t panic, Zoë: 42 times!") == ["don", "t", "panic", "zoë", "times"]
    assert words_of("12,500 — …") == []


def test_a_hash_is_the_same_on_every_machine() -> None:
    # What `printf river | b2sum -l 64` prints, its bytes read from the low end.
    assert hash_of("river") == 0x9F647F3CE8039A96


def test_a_vocabulary_is_sorted_and_has_each_word_once() -> None:
    found = vocabulary_of(["The river is deep.", "Is the River wide?"])
    assert found.dtype == np.uint64
    assert found.tolist() == sorted(map(hash_of, ["the", "river", "is", "deep", "wide"]))


def test_the_union_of_vocabularies_has_each_word_once() -> None:
    both = union_of([vocabulary_of(["a b"]), vocabulary_of(["b c"])])
    assert both.tolist() == vocabulary_of(["a b c"]).tolist()
    assert union_of([]).tolist() == []


def test_the_unseen_share_counts_every_occurrence() -> None:
    known = vocabulary_of(["the river is wide"])
    texts = ["The river is deep, deep.", "the river", "glacier", "123", ""]
    assert unseen_shares(texts, known) == [2 / 5, 0, 1, 0, 0]


def test_everything_is_unseen_by_an_empty_vocabulary() -> None:
    assert unseen_shares(["the river"], vocabulary_of([])) == [1]
