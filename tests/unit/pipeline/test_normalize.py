"""One spelling of each word, by rules that count what they change."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairs import TRAIN, VALIDATION
from pipeline.normalize import NormalizeConfig, normalize, normalize_column

ZWNJ, ZWJ = "\u200c", "\u200d"
INVISIBLE = {
    "\u00ad": "soft_hyphen",
    "\u200b": "zero_width",
    "\u2060": "zero_width",
    "\u200e": "bidi",
    "\u200f": "bidi",
    "\u061c": "bidi",
    "\u202b": "bidi",
    "\u202e": "bidi",
    "\u2067": "bidi",
    "\ufeff": "bom",
    "\0": "control",
    "\x1b": "control",
    "\x7f": "control",
    "\x96": "control",
    "\uf0a7": "private_use",
    "\U000f1234": "private_use",
}
SPACES = {
    "no-break space": "\u00a0",
    "line separator": "\u2028",
    "paragraph separator": "\u2029",
    "next line": "\u0085",
    "tab": "\t",
    "newline": "\n",
    "carriage return": "\r\n",
    "vertical tab": "\v",
    "thin space": "\u2009",
    "ideographic space": "\u3000",
}


def normalized(text: str, **settings: Any) -> str:
    """``text`` in normal form, the counts left aside."""
    return normalize(text, NormalizeConfig(**settings), Counter())


def rules_of(text: str, **settings: Any) -> dict[str, int]:
    """The rules that changed ``text``."""
    counts: Counter[str] = Counter()
    normalize(text, NormalizeConfig(**settings), counts)
    return dict(counts)


@pytest.mark.parametrize(
    ("composed", "decomposed"),
    [
        ("\u0958", "क\u093c"),
        ("\u0959", "ख\u093c"),
        ("\u095a", "ग\u093c"),
        ("\u095b", "ज\u093c"),
        ("\u095c", "ड\u093c"),
        ("\u095d", "ढ\u093c"),
        ("\u095e", "फ\u093c"),
        ("\u095f", "य\u093c"),
    ],
)
def test_the_two_spellings_of_a_nukta_letter_become_one(composed: str, decomposed: str) -> None:
    assert normalized(f"बा{composed}ार") == normalized(f"बा{decomposed}ार") == f"बा{decomposed}ार"
    assert rules_of(f"बा{composed}ार") == {"nfc": 1}
    assert rules_of(f"बा{decomposed}ार") == {}


@pytest.mark.parametrize("character", INVISIBLE)
def test_what_is_invisible_is_removed(character: str) -> None:
    text = f"{character}नम{character}स्ते{character}"
    assert normalized(text) == "नमस्ते"
    assert rules_of(text) == {INVISIBLE[character]: 1}


def test_an_invisible_character_between_a_letter_and_its_nukta_leaves_one_spelling() -> None:
    # The soft hyphen keeps NFC from joining न and the nukta to U+0929.
    assert normalized("न\u00ad\u093c") == normalized("न\u093c") == "\u0929"


@pytest.mark.parametrize("name", SPACES)
def test_any_white_space_becomes_one_space(name: str) -> None:
    text = f"आप{SPACES[name]}{SPACES[name]} कैसे हैं"
    assert normalized(text) == "आप कैसे हैं"
    assert rules_of(text) == {"spaces": 1}


def test_space_at_the_ends_is_removed() -> None:
    assert normalized(" \u00a0नमस्ते\u2028") == "नमस्ते"


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        (f"शक्{ZWJ}ति", "शक्ति"),
        (f"पत्{ZWJ}नी", "पत्नी"),
        (f"अर्थात्{ZWNJ} वह", "अर्थात् वह"),
        (f"वीड{ZWJ}ियो", "वीडियो"),
    ],
)
def test_joiners_are_removed_as_the_word_is_the_same_without(text: str, plain: str) -> None:
    assert normalized(text) == plain
    assert rules_of(text) == {"joiners": 1}
    assert normalized(text, joiners="keep") == text
    assert rules_of(text, joiners="keep") == {}


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("उसने कहा, “नमस्ते।”", 'उसने कहा, "नमस्ते।"'),
        ("the ‘old’ fort", "the 'old' fort"),
        ("don’t", "don't"),
        ("don´t", "don't"),
        ("don\x92t say \x93no\x94", 'don\'t say "no"'),
    ],
)
def test_curly_quotes_become_straight(text: str, plain: str) -> None:
    assert normalized(text) == plain
    assert rules_of(text) == {"quotes": 1}


def test_curly_quotes_stay_where_the_settings_say_so() -> None:
    assert normalized("“नमस्ते।” don’t", quotes="keep") == "“नमस्ते।” don’t"


@pytest.mark.parametrize("text", ["Kʼicheʼ", "ʻEua", "5′ 6″", "`npm run`", "« यह »"])
def test_a_letter_or_a_prime_that_looks_like_a_quote_stays(text: str) -> None:
    assert normalized(text) == text


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("गाड़ी ७:३० बजे छूटती है।", "गाड\u093cी 7:30 बजे छूटती है।"),
        ("९८12", "9812"),
        ("₹५०", "₹50"),
        ("२०१० ई०", "2010 ई०"),
        ("वर्ष२०", "वर्ष20"),
        ("०", "0"),
        ("०.०५", "0.05"),
    ],
)
def test_devanagari_digits_become_ascii(text: str, plain: str) -> None:
    assert normalized(text) == plain
    assert normalized(plain) == plain


@pytest.mark.parametrize("text", ["डॉ० राम", "मि० गांधी", "ई०पू०", "ता॰ ५".replace("५", "5")])
def test_a_zero_that_abbreviates_a_word_is_no_digit(text: str) -> None:
    assert normalized(text) == text


def test_devanagari_digits_stay_where_the_settings_say_so() -> None:
    assert normalized("९८12", digits="keep") == "९८12"
    assert rules_of("९८12", digits="keep") == {}


@pytest.mark.parametrize(
    "text", ["दुःख", "अतः", "प्रायः 10:30", "नमः।", "दु:ख", "अत: वह", "श्रेणी:जीव", "कहाः हाँ"]
)
def test_a_visarga_stays_and_so_does_a_colon_that_stands_for_one(text: str) -> None:
    assert normalized(text) == text
    assert rules_of(text) == {}


@pytest.mark.parametrize(
    "text", ["चाँद", "हिंदी", "कृपया", "ऑफ़िस", "₹50", "ॐ", "ज्ञान", "कर्मण्येवाधिकारस्ते", "सोऽहम्"]
)
def test_what_belongs_to_a_word_stays(text: str) -> None:
    assert normalized(text) == text


@pytest.mark.parametrize(
    ("loose", "glued"),
    [
        ("वह गया ।", "वह गया।"),
        ("वह गया\u00a0\u00a0।", "वह गया।"),
        ("श्लोक ॥ 1 ॥", "श्लोक॥ 1॥"),
        ("एक । दो ।", "एक। दो।"),
        ("वह गया।वह आया।", "वह गया। वह आया।"),
        ("वह गया।।", "वह गया।।"),
        ("।", "।"),
    ],
)
def test_the_danda_is_glued_to_its_word_and_to_no_other(loose: str, glued: str) -> None:
    assert normalized(loose) == glued


def test_the_danda_is_left_alone_where_the_settings_say_so() -> None:
    assert normalized("वह गया ।", glue_danda=False) == "वह गया ।"


@pytest.mark.parametrize(
    ("text", "danda"),
    [
        ("वह गया |", "वह गया।"),
        ("वह गया|", "वह गया।"),
        ('"वह गया|"', '"वह गया।"'),
        ("वह गया| वह आया|", "वह गया। वह आया।"),
    ],
)
def test_a_pipe_that_ends_a_hindi_sentence_is_a_danda(text: str, danda: str) -> None:
    assert normalized(text) == danda
    assert normalized(text, pipe_to_danda=False) == text


@pytest.mark.parametrize(
    "text", ["फल | सब्जी", "ls | wc", "{{PLURAL:$1|पन्ना|पन्ने}}", "|", "a|", "File|", "1|"]
)
def test_a_pipe_that_separates_stays(text: str) -> None:
    assert normalized(text) == text


def test_other_punctuation_is_not_glued() -> None:
    assert normalized("क्या ? हाँ !") == "क्या ? हाँ !"


def test_each_rule_that_changes_a_text_is_counted_once() -> None:
    counts: Counter[str] = Counter()
    for text in ("\ufeffबा\u095bार\u00a0गया ।", "\ufeff\ufeffवह", "वह गया।"):
        normalize(text, NormalizeConfig(), counts)
    assert counts == {"bom": 2, "nfc": 1, "spaces": 1, "danda": 1}


def test_what_is_only_invisible_or_space_becomes_empty() -> None:
    assert normalized("\u200e \u00a0\ufeff\n") == ""


@pytest.mark.parametrize("text", ["<s> नमस्ते </s>", "▁नम▁स्ते", "<unk> <pad>", "a ▁ b"])
def test_what_tokenizers_use_as_signs_stays(text: str) -> None:
    assert normalized(text) == text


# A few characters that meet often, or any at all.
TEXTS = st.text(
    st.sampled_from("नरक०५\u093c\u094d\u0903e\u0301\u00ad\u200b\u200d \u2028।|’"), max_size=8
) | st.text(
    st.one_of(
        st.sampled_from('कनरयजफड़\u0958\u095c्ािीुृेैोौंँः।॥ \u093c|०१२12aé“’"' + ZWJ + ZWNJ),
        st.sampled_from("".join((*INVISIBLE, *SPACES.values())) + "e\u0301"),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=40,
)
CONFIGS = st.builds(
    NormalizeConfig,
    joiners=st.sampled_from(["remove", "keep"]),
    quotes=st.sampled_from(["ascii", "keep"]),
    digits=st.sampled_from(["ascii", "keep"]),
    pipe_to_danda=st.booleans(),
    glue_danda=st.booleans(),
)


@settings(max_examples=600, deadline=None)
@given(TEXTS, CONFIGS)
def test_normal_form_is_its_own_normal_form(text: str, config: NormalizeConfig) -> None:
    once = normalize(text, config, Counter())
    counts: Counter[str] = Counter()
    assert normalize(once, config, counts) == once
    assert counts == {}


@settings(max_examples=300, deadline=None)
@given(st.lists(TEXTS, max_size=12), CONFIGS)
def test_a_column_is_normalised_as_its_texts_are(texts: list[str], config: NormalizeConfig) -> None:
    one_by_one: Counter[str] = Counter()
    together: Counter[str] = Counter()
    expected = [normalize(text, config, one_by_one) for text in texts]
    column = normalize_column(pa.array(texts, pa.string()), config, together)
    assert column.to_pylist() == expected
    assert together == one_by_one


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_normal_form_is_nfc_in_one_line_with_single_spaces(text: str) -> None:
    once = normalized(text)
    assert unicodedata.is_normalized("NFC", once)
    assert once.split() == ([] if once == "" else once.split(" "))
    assert not any(unicodedata.category(c) == "Cc" for c in once)


@settings(max_examples=200, deadline=None)
@given(TEXTS, CONFIGS)
def test_no_rule_touches_a_letter_a_matra_or_a_visarga(text: str, config: NormalizeConfig) -> None:
    def kept(text: str) -> list[str]:
        composed = unicodedata.normalize("NFC", text.translate(dict.fromkeys(map(ord, INVISIBLE))))
        return [c for c in composed if unicodedata.category(c) in {"Lo", "Lu", "Ll", "Mc"}]

    joined = text.replace(ZWJ, "").replace(ZWNJ, "")
    once = normalize(joined, config, Counter())
    assert kept(once) == kept(joined)


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_canonically_equal_texts_have_one_normal_form(text: str) -> None:
    assert normalized(unicodedata.normalize("NFD", text)) == normalized(text)


@pytest.mark.parametrize("pair", TRAIN + VALIDATION)
def test_well_written_sentences_change_in_digits_and_joiners_only(pair: tuple[str, str]) -> None:
    for text in pair:
        counts = rules_of(text, digits="keep", joiners="keep")
        assert set(counts) <= {"nfc"}


@cache
def _real_texts(real_data: Path, split: str) -> tuple[list[str], list[str]]:
    table = pq.read_table(real_data / "data" / f"{split}-00000-of-00001.parquet")
    pairs = table.column("translation").to_pylist()
    return [pair["en"] for pair in pairs], [pair["hi"] for pair in pairs]


@pytest.mark.realdata
@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_normal_form_of_real_sentences_is_its_own_normal_form(real_data: Path, split: str) -> None:
    config = NormalizeConfig()
    for texts in _real_texts(real_data, split):
        counts: Counter[str] = Counter()
        column = normalize_column(pa.array(texts), config, Counter())
        assert column.to_pylist() == [normalized(text) for text in texts]
        assert [normalize(text, config, counts) for text in column.to_pylist()] == (
            column.to_pylist()
        )
        assert counts == {}


@pytest.mark.realdata
@given(st.data())
@settings(max_examples=100, deadline=None)
def test_real_sentences_that_are_mixed_up_keep_one_normal_form(
    real_data: Path, data: st.DataObject
) -> None:
    sentences = _real_texts(real_data, "validation")[1]
    text = data.draw(st.sampled_from(sentences))
    cut = data.draw(st.integers(0, len(text)))
    noisy = text[:cut] + data.draw(TEXTS) + text[cut:]
    config = data.draw(CONFIGS)
    once = normalize(noisy, config, Counter())
    assert normalize(once, config, Counter()) == once


# What the defaults follow, quoted in the docstring of pipeline.normalize.
@pytest.mark.realdata
@pytest.mark.parametrize(
    ("pattern", "validation", "test"),
    [
        ("[0-9]", 63, 492),
        ("[०-९]", 4, 6),
        ("[\"']", 15, 324),
        ("[“”‘’]", 0, 14),
        ("[\u200c\u200d]", 0, 3),
        (r"\S।", 508, 2169),
        (r"\S +।", 1, 39),
    ],
)
def test_the_reference_sets_write_hindi_as_the_defaults_do(
    real_data: Path, pattern: str, validation: int, test: int
) -> None:
    lines = [
        sum(bool(re.search(pattern, text)) for text in _real_texts(real_data, split)[1])
        for split in ("validation", "test")
    ]
    assert lines == [validation, test]


@pytest.mark.realdata
def test_the_reference_sets_write_english_without_curly_quotes(real_data: Path) -> None:
    for split in ("validation", "test"):
        assert not any(re.search("[“”‘’]", text) for text in _real_texts(real_data, split)[0])
