"""Long lines in pieces: where they are cut, and that nothing is lost."""

from __future__ import annotations

import pytest

from model.splitting import split_line
from pipeline.tokenizer import Tokenizer, TokenizerConfig, train_tokenizer

TEXT = [
    "नमस्ते। आप कैसे हैं? घर बड़ा है, पर पुराना है।",
    "He came home. Is it cold? Yes! It is, however, not far (two miles). Dr. Rao left.",
]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    """One that spells everything letter by letter, or nearly so."""
    path = tmp_path_factory.mktemp("tokenizer") / "en.model"
    train_tokenizer(TEXT, TokenizerConfig(vocab_size=60, byte_fallback=False), path, "en")
    return Tokenizer.load(path)


def pieces(text: str, limit: int, tokenizer: Tokenizer) -> list[str]:
    found = split_line(text, limit, tokenizer)
    assert all(0 < len(ids) <= limit for ids in found)
    return tokenizer.decode(found)


def test_a_line_within_the_limit_stays_whole(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode(TEXT)[1]
    assert split_line(TEXT[1], len(ids), tokenizer) == [ids]
    assert split_line("", 5, tokenizer) == [[]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("नमस्ते। आप कैसे हैं? घर बड़ा है।", ["नमस्ते।", "आप कैसे हैं?", "घर बड़ा है।"]),
        ("He came home. Is it cold? Yes!", ["He came home.", "Is it cold?", "Yes!"]),
        # A closing bracket belongs to its sentence, and a small letter starts none.
        ("It is (two miles.) He left far. home", ["It is (two miles.)", "He left far. home"]),
    ],
)
def test_sentences_stand_alone(text: str, expected: list[str], tokenizer: Tokenizer) -> None:
    assert pieces(text, 20, tokenizer) == expected


def test_a_sentence_that_is_too_long_is_cut_at_commas(tokenizer: Tokenizer) -> None:
    clause = "घर बड़ा है,"
    limit = len(tokenizer.encode([f"{clause} {clause}"])[0])
    text = f"{clause} {clause} {clause} पर पुराना है। नमस्ते।"
    assert pieces(text, limit, tokenizer) == [
        f"{clause} {clause}",
        clause,
        "पर पुराना है।",
        "नमस्ते।",
    ]


def test_a_clause_that_is_too_long_is_cut_at_spaces(tokenizer: Tokenizer) -> None:
    limit = len(tokenizer.encode(["home home"])[0])
    assert pieces("home home home home home", limit, tokenizer) == ["home home"] * 2 + ["home"]


def test_a_word_that_is_too_long_is_cut_somewhere(tokenizer: Tokenizer) -> None:
    word = "घर" * 40
    assert "".join(pieces(f"{word} है", 9, tokenizer)).replace(" ", "") == f"{word}है"


@pytest.mark.parametrize("limit", [1, 2, 5, 11, 30])
def test_nothing_is_lost(limit: int, tokenizer: Tokenizer) -> None:
    text = " ".join(TEXT * 3)
    joined = [i for ids in split_line(text, limit, tokenizer) for i in ids]
    assert joined == tokenizer.encode([text])[0]
