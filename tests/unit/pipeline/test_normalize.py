"""One spelling of each word, by rules that count what they change."""

from __future__ import annotations

import unicodedata
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairs import TRAIN, VALIDATION
from pipeline.normalize import NormalizeConfig, normalize

ZWNJ, ZWJ = "\u200c", "\u200d"
INVISIBLE = {
    "soft hyphen": "\u00ad",
    "zero-width space": "\u200b",
    "left-to-right mark": "\u200e",
    "right-to-left mark": "\u200f",
    "arabic letter mark": "\u061c",
    "embedding": "\u202b",
    "override": "\u202e",
    "word joiner": "\u2060",
    "isolate": "\u2067",
    "byte order mark": "\ufeff",
    "nul": "\0",
    "escape": "\x1b",
    "delete": "\x7f",
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


def normalized(text: str, *, glue_danda: bool = True) -> str:
    """``text`` in normal form, the counts left aside."""
    return normalize(text, NormalizeConfig(glue_danda=glue_danda), Counter())


def rules_of(text: str) -> dict[str, int]:
    """The rules that changed ``text``."""
    counts: Counter[str] = Counter()
    normalize(text, NormalizeConfig(), counts)
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
    ],
)
def test_the_two_spellings_of_a_nukta_letter_become_one(composed: str, decomposed: str) -> None:
    assert normalized(f"बा{composed}ार") == normalized(f"बा{decomposed}ार") == f"बा{decomposed}ार"
    assert rules_of(f"बा{composed}ार") == {"nfc": 1}
    assert rules_of(f"बा{decomposed}ार") == {}


@pytest.mark.parametrize("name", INVISIBLE)
def test_what_is_invisible_is_removed(name: str) -> None:
    text = f"{INVISIBLE[name]}नम{INVISIBLE[name]}स्ते{INVISIBLE[name]}"
    assert normalized(text) == "नमस्ते"
    assert rules_of(text) == {"invisible": 1}


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


@pytest.mark.parametrize("text", [f"क्{ZWJ}ष", f"क्{ZWNJ}ष", f"नमस्{ZWJ}ते", "श्री\u200dमान"])
def test_joiners_stay_because_they_change_what_is_seen(text: str) -> None:
    assert normalized(text) == text


@pytest.mark.parametrize("text", ["दुःख", "अतः", "प्रायः 10:30", "नमः।"])
def test_a_visarga_is_no_colon_and_stays(text: str) -> None:
    assert normalized(text) == text
    assert rules_of(text) == {}


@pytest.mark.parametrize("text", ["चाँद", "हिंदी", "कृपया", "ऑफ़िस", "९८12", "₹५०", "ॐ", "ज्ञान"])
def test_matras_candrabindu_and_digits_stay(text: str) -> None:
    assert normalized(text) == text


@pytest.mark.parametrize(
    ("loose", "glued"),
    [
        ("वह गया ।", "वह गया।"),
        ("वह गया\u00a0\u00a0।", "वह गया।"),
        ("श्लोक ॥ १ ॥", "श्लोक॥ १॥"),
        ("एक । दो ।", "एक। दो।"),
        ("।", "।"),
    ],
)
def test_the_danda_is_glued_to_its_word(loose: str, glued: str) -> None:
    assert normalized(loose) == glued


def test_the_danda_is_left_alone_where_the_settings_say_so() -> None:
    assert normalized("वह गया ।", glue_danda=False) == "वह गया ।"


def test_other_punctuation_is_not_glued() -> None:
    assert normalized("क्या ? हाँ !") == "क्या ? हाँ !"


def test_each_rule_that_changes_a_text_is_counted_once() -> None:
    counts: Counter[str] = Counter()
    for text in ("\ufeffबा\u095bार\u00a0गया ।", "\ufeff\ufeffवह", "वह गया।"):
        normalize(text, NormalizeConfig(), counts)
    assert counts == {"invisible": 2, "nfc": 1, "spaces": 1, "danda": 1}


def test_what_is_only_invisible_or_space_becomes_empty() -> None:
    assert normalized("\u200e \u00a0\ufeff\n") == ""


# A few characters that meet often, or any at all.
TEXTS = st.text(
    st.sampled_from("नरक\u093c\u094d\u0903e\u0301\u00ad\u200b\u200d \u2028।"), max_size=8
) | st.text(
    st.one_of(
        st.sampled_from("कनरयजफड़\u0958\u095c्ािीुृेैोौंँः।॥ \u093c" + ZWJ + ZWNJ + "१२12aé"),
        st.sampled_from("".join((*INVISIBLE.values(), *SPACES.values())) + "e\u0301"),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=40,
)


@settings(max_examples=400, deadline=None)
@given(TEXTS, st.booleans())
def test_normal_form_is_its_own_normal_form(text: str, glue_danda: bool) -> None:
    once = normalized(text, glue_danda=glue_danda)
    assert normalized(once, glue_danda=glue_danda) == once


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_normal_form_is_nfc_in_one_line_with_single_spaces(text: str) -> None:
    once = normalized(text)
    assert unicodedata.is_normalized("NFC", once)
    assert once.split() == ([] if once == "" else once.split(" "))
    assert not any(unicodedata.category(c) == "Cc" for c in once)


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_canonically_equal_texts_have_one_normal_form(text: str) -> None:
    assert normalized(unicodedata.normalize("NFD", text)) == normalized(text)


@pytest.mark.parametrize("pair", TRAIN + VALIDATION)
def test_well_written_sentences_are_left_as_they_are(pair: tuple[str, str]) -> None:
    for text in pair:
        assert normalized(text) == unicodedata.normalize("NFC", text)


@pytest.mark.realdata
def test_normal_form_of_real_sentences_is_its_own_normal_form(real_data: Path) -> None:
    table = pq.read_table(real_data / "data" / "test-00000-of-00001.parquet")
    for pair in table.column("translation").to_pylist():
        for text in pair.values():
            once = normalized(text)
            assert normalized(once) == once
