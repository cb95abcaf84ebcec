"""Glossaries: their files, where their terms stand in a line, and what can be forced."""

from __future__ import annotations

from pathlib import Path

import pytest

from model.glossary import Glossary, continuing, fitting, spelt
from pipeline.errors import ConfigError
from pipeline.tokenizer import Tokenizer, TokenizerConfig, train_tokenizer

HINDI = ["नई दिल्ली में घर है।", "सर्वोच्च न्यायालय ने कहा।", "घर 25 हैं, न?"]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    path = tmp_path_factory.mktemp("tokenizer") / "hi.model"
    train_tokenizer(HINDI, TokenizerConfig(vocab_size=32, byte_fallback=False), path, "hi")
    return Tokenizer.load(path)


def glossary(tmp_path: Path, text: str) -> Glossary:
    path = tmp_path / "terms.tsv"
    path.write_text(text, encoding="utf-8")
    return Glossary.read(path, lambda term: " ".join(term.split(" ")))


def test_a_glossary_is_two_columns(tmp_path: Path) -> None:
    read = glossary(tmp_path, "# places\n\nhouse\tघर\r\nNew Delhi\tनई दिल्ली\n")
    assert read.terms == {"New Delhi": "नई दिल्ली", "house": "घर"}


@pytest.mark.parametrize("line", ["house", "house\tघर\tमकान", "\tघर", "house\t "])
def test_a_line_that_is_not_two_terms_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(ConfigError, match=r"but line 2 of .*terms\.tsv is '") as refusal:
        glossary(tmp_path, f"sea\tसागर\n{line}\n")
    assert "\n" not in str(refusal.value)


def test_a_term_with_two_translations_is_refused_with_both_lines(tmp_path: Path) -> None:
    message = r"has 'कर' in line 1 and 'शुल्क' in line 3 for 'TAX'; take one out$"
    with pytest.raises(ConfigError, match=message):
        glossary(tmp_path, "tax\tकर\nhouse\tघर\nTAX\tशुल्क\n")
    assert glossary(tmp_path, "tax\tकर\nTAX\tकर\n").found_in("a tax") == [("tax", "कर")]


def test_a_file_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"^--glossary .* but .*none\.tsv: No such file or directory$"
    ):
        Glossary.read(tmp_path / "none.tsv", str)
    (tmp_path / "latin.tsv").write_bytes(b"caf\xe9\tx\n")
    with pytest.raises(ConfigError, match=r"--glossary must be a UTF-8 file, but .*latin\.tsv"):
        Glossary.read(tmp_path / "latin.tsv", str)


TERMS = Glossary({"Supreme Court": "सर्वोच्च न्यायालय", "court": "न्यायालय", "C++": "सी"})


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("The court spoke.", ["court"]),
        ("COURT and court", ["court"]),
        ("courts and courtly", []),
        ("the supreme court of C++ and a court", ["Supreme Court", "C++", "court"]),
        # The longer term covers the shorter one.
        ("The Supreme Court", ["Supreme Court"]),
        ("The ﬁnal COURT’s word", ["court"]),
        ("", []),
    ],
)
def test_terms_are_found_as_whole_words_in_any_case(line: str, expected: list[str]) -> None:
    assert [source for source, _ in TERMS.found_in(line)] == expected


def test_what_can_not_be_spelt_is_refused_and_the_rest_is_forced(tokenizer: Tokenizer) -> None:
    assert spelt("घर", tokenizer) is not None
    assert spelt("ज़मीन", tokenizer) is None
    forced, refused = fitting([("land", "ज़मीन"), ("house", "घर"), ("home", "घर")], 9, tokenizer)
    assert tokenizer.decode(forced) == ["घर"]
    assert refused == ["'land' → 'ज़मीन', which the vocabulary can't spell"]


def test_terms_for_which_there_is_no_room_are_refused(tokenizer: Tokenizer) -> None:
    court = spelt("न्यायालय", tokenizer)
    assert court is not None
    terms = [("court", "न्यायालय"), ("house", "घर")]
    forced, refused = fitting(terms, len(court), tokenizer)
    assert forced == [court]
    assert refused == ["'house' → 'घर', for which there is no room"]


def test_letters_signs_and_digits_go_on_with_a_word(tokenizer: Tokenizer) -> None:
    goes_on = dict(zip(tokenizer.pieces(), continuing(tokenizer).tolist(), strict=True))
    assert all(goes_on[letter] for letter in ("ा", "्", "र"))
    assert not goes_on["।"]
    assert not goes_on["▁"]
    assert not goes_on["<unk>"]
