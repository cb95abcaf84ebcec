"""What counts as the same sentence when training must not have seen it."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import corpus
from pipeline.errors import CorpusError
from pipeline.leakage import KEYS_SCHEMA, keys_of, leaks, words_of, write_evaluation_keys
from pipeline.normalize import NormalizeConfig


def key(text: str) -> str:
    """The key of one text."""
    [found] = keys_of(pa.array([text])).to_pylist()
    assert isinstance(found, str)
    return found


def evaluation(
    folder: Path, *splits: list[tuple[str | None, str | None]], min_words: int = 3
) -> tuple[pa.Table, dict[str, int]]:
    """The keys of these splits, a file each, and the counts."""
    files = []
    for number, pairs in enumerate(splits):
        files.append(folder / f"split{number}-00000-of-00001.parquet")
        rows = [{"en": english, "hi": hindi} for english, hindi in pairs]
        pq.write_table(pa.table({"translation": rows}, schema=corpus.SCHEMA), files[-1])
    counts = write_evaluation_keys(files, NormalizeConfig(), min_words, folder / "keys.parquet")
    return pq.read_table(folder / "keys.parquet"), counts


def test_a_key_has_neither_capitals_nor_punctuation() -> None:
    assert key("Well — he said: “Don’t go, Mr. Rao!”") == "well he said dont go mr rao"
    assert key("उसने कहा, “बाज़ार मत जाओ!” ॥") == "उसने कहा बाजार मत जाओ"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("वह बाज़ार गया।", "वह बाज़ार गया"),
        ("वह बाज़ार गया।", "वह बाज़ार गया ।"),
        ("वह बाज़ार गया।", "वह बाज़ार गया."),
        ("वह बाज़ार गया।", "वह बाज़ार गया|"),
        ("वह बाज़ार गया।", "वह बाजार गया।"),
        ("उसने “राम-राम” कहा।", "उसने 'राम राम' कहा।"),
        ("इसे क्\u200dष लिखिए।", "इसे क्ष लिखिए।"),
        ("आपका नाम क्या है?", "आपका नाम क्या है ?"),
        ("आपका नाम क्या है?", "आपका नाम क्या है??"),
        ("Is it really so?!", "is it really so?"),
        ("It's raining today.", "IT’S RAINING TODAY"),
        ("Yes, I am coming.", "Yes I am coming"),
    ],
)
def test_one_sentence_written_two_ways_has_one_key(one: str, other: str) -> None:
    assert key(one) == key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("आप घर जा रहे हैं?", "आप घर जा रहे हैं।"),
        ("You are going home?", "You are going home."),
        ("उसे बहुत दुःख है।", "उसे बहुत दुख है।"),
        ("उसने कहा कि वह आएगा।", "उसने कहा की वह आएगा।"),
        ("वह वहाँ है।", "वह वहाँ हैं।"),
        ("टोकरी में 5 सेब हैं।", "टोकरी में 50 सेब हैं।"),
        ("It costs 3.5 rupees.", "It costs 35 rupees."),
        ("The train leaves at 7:30.", "The train leaves at 730."),
        ("मैं उसे जानता हूँ।", "मैं उसे नहीं जानता हूँ।"),
    ],
)
def test_two_sentences_have_two_keys(one: str, other: str) -> None:
    assert key(one) != key(other)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 0),
        ("हाँ।", 1),
        ("हाँ ।", 1),
        ("— वह गया।", 2),
        ("7:30 बजे", 2),
        ("वह बाज़ार गया।", 3),
        ("an e-mail came", 3),
    ],
)
def test_words_are_what_holds_a_letter_or_a_digit(text: str, words: int) -> None:
    assert words_of(text) == words


def test_the_keys_of_all_splits_are_written_once_and_in_order(tmp_path: Path) -> None:
    table, counts = evaluation(
        tmp_path,
        [("The river is wide.", "नदी चौड़ी है।"), ("Come here at once!", "अभी यहाँ आओ!")],
        [("the river is wide", "यह नदी चौड़ी है।")],
    )
    assert table.schema == KEYS_SCHEMA
    assert table.to_pydict() == {
        "side": ["english", "english", "hindi", "hindi", "hindi"],
        "key": [
            "come here at once",
            "the river is wide",
            "अभी यहाँ आओ",
            "नदी चौडी है",
            "यह नदी चौडी है",
        ],
    }
    assert counts == {"evaluation_english_sides": 2, "evaluation_hindi_sides": 3}


def test_evaluation_text_is_normalised_as_training_text_is(tmp_path: Path) -> None:
    # The precomposed letter, a zero-width space and a no-break space, as published.
    table, _ = evaluation(tmp_path, [("He\u200b left\u00a0early.", "वह बा\u095bार गया")])
    assert table.column("key").to_pylist() == ["he left early", "वह बाजार गया"]


def test_a_side_of_fewer_words_is_anybodys(tmp_path: Path) -> None:
    pairs: list[tuple[str | None, str | None]] = [("Thank you.", "बहुत बहुत धन्यवाद।")]
    table, counts = evaluation(tmp_path, pairs)
    assert table.column("key").to_pylist() == ["बहुत बहुत धन्यवाद"]
    assert counts == {"evaluation_english_sides": 0, "evaluation_hindi_sides": 1}
    assert evaluation(tmp_path, pairs, min_words=2)[1]["evaluation_english_sides"] == 1
    assert evaluation(tmp_path, pairs, min_words=4)[1]["evaluation_hindi_sides"] == 0


def test_a_side_that_is_null_has_no_key(tmp_path: Path) -> None:
    table, _ = evaluation(tmp_path, [(None, "यहाँ कोई नहीं है।"), ("Nobody is here.", None)])
    assert len(table) == 2


def test_a_corpus_without_evaluation_splits_has_no_keys(tmp_path: Path) -> None:
    table, counts = evaluation(tmp_path)
    assert (len(table), table.schema) == (0, KEYS_SCHEMA)
    assert counts == {"evaluation_english_sides": 0, "evaluation_hindi_sides": 0}
    pairs = pa.table({"en": ["One two three."], "hi": ["एक दो तीन।"]})
    assert leaks(pairs, table, "en").to_pylist() == [False]


def test_evaluation_text_that_is_no_utf8_is_named(tmp_path: Path) -> None:
    sides = [
        pa.Array.from_buffers(
            pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\3\0\0\0"), pa.py_buffer(b"a\xffb")]
        )
    ] * 2
    column = pa.StructArray.from_arrays(sides, fields=list(corpus.SCHEMA[0].type))
    file = tmp_path / "test-00000-of-00001.parquet"
    pq.write_table(pa.table([column], schema=corpus.SCHEMA), file)
    with pytest.raises(CorpusError, match=rf"{file} must be whole parquet data in UTF-8, but"):
        write_evaluation_keys([file], NormalizeConfig(), 3, tmp_path / "keys.parquet")


def test_a_pair_leaks_by_the_side_that_it_shares(tmp_path: Path) -> None:
    keys, _ = evaluation(tmp_path, [("The river is wide.", "नदी चौड़ी है।")])
    pairs = pa.table(
        {
            "en": ["The river is wide!", "A river is wide.", "Sita sat on the bank."],
            "hi": ["दरिया चौड़ा है।", "नदी चौडी है", "सीता किनारे पर बैठी।"],
        }
    )
    assert leaks(pairs, keys, "en").to_pylist() == [True, False, False]
    assert leaks(pairs, keys, "hi").to_pylist() == [False, True, False]


def test_a_side_is_compared_with_sides_of_its_own_language(tmp_path: Path) -> None:
    keys, _ = evaluation(tmp_path, [("GNOME Disk Utility", "डिस्क का औज़ार")])
    pairs = pa.table({"en": ["A tool for disks"], "hi": ["GNOME Disk Utility"]})
    assert leaks(pairs, keys, "hi").to_pylist() == [False]
