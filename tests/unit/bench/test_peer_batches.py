"""Sentences as the peers' searches are given them."""

from __future__ import annotations

from pathlib import Path

from peers.batches import batches, padded, read_sentences


def test_the_longest_sentences_come_first_and_none_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "sentences.ids"
    file.write_text("7\n4 5 6\n8 9\n")
    sentences = read_sentences(file)
    assert sentences == [["4", "5", "6"], ["8", "9"], ["7"]]
    found = list(batches([[4, 5, 6], [8, 9], [7]], 2))
    assert found == [[[4, 5, 6], [8, 9]], [[7]]]
    assert padded(found[0], pad=0) == [[4, 5, 6], [8, 9, 0]]
