"""An explanation: tables by hand, a picture whose Devanagari is shaped, and what has none."""

from __future__ import annotations

import zlib

import pytest
import torch

from jobs.explain import aligned_rows, covered_rows, explain
from jobs.heatmap import devanagari_font, draw_heatmap
from model.alignment import Alignment
from pipeline.errors import AnuvadError, ConfigError

WORDS = Alignment(
    ("the", "student's", "river", "</s>"),
    ("विद्यार्थी", "की", "क्षिप्रा", "</s>"),
    torch.tensor(
        [[0.0, 1.0, 0.0, 0.0], [0.0, 0.5, 0.5, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
    ),
)


@pytest.fixture
def font() -> str:
    try:
        return devanagari_font()
    except AnuvadError as error:
        pytest.skip(str(error))


def test_every_translated_word_has_what_it_looks_at_most() -> None:
    assert aligned_rows(WORDS) == [
        ("विद्यार्थी", "student's", "100%", "0.00"),
        ("की", "student's", "50%", "1.00"),
        ("क्षिप्रा", "river", "100%", "0.00"),
        ("</s>", "</s>", "100%", "0.00"),
    ]


def test_a_source_word_that_nothing_looks_at_is_overlooked() -> None:
    assert covered_rows(WORDS) == [
        ("the", "0.00", "overlooked"),
        ("student's", "1.50", ""),
        ("river", "1.50", ""),
        ("</s>", "1.00", ""),
    ]


def test_the_picture_is_a_png_that_grows_with_the_words(font: str) -> None:
    picture = draw_heatmap(WORDS)
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    few = Alignment(WORDS.source[:2], WORDS.target[:2], WORDS.weights_TS[:2, :2])
    assert size_of(draw_heatmap(few)) < size_of(picture)
    assert draw_heatmap(WORDS) == picture


def size_of(png: bytes) -> tuple[int, int]:
    """Width and height, as the header says."""
    assert zlib.crc32(png[12:29]) == int.from_bytes(png[29:33], "big")
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


@pytest.mark.parametrize(
    ("text", "signs"),
    [
        ("क्ष", 1),  # three characters, one sign
        ("स्त्री", 3),  # six characters: half a स, त्र, and ी
        ("र्थ", 2),  # three characters: थ, and the hook of the र above it
    ],
)
def test_conjuncts_are_shaped_and_not_spelt(font: str, text: str, signs: int) -> None:
    from matplotlib import font_manager, ft2font

    face = ft2font.FT2Font(font_manager.findfont(font, fallback_to_default=False))
    face.set_text(text)
    assert face.get_num_glyphs() == signs


def test_without_a_font_it_is_said_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.heatmap.DEVANAGARI_FONTS", ("No Such Font",))
    with pytest.raises(AnuvadError, match="needs a font that has it, such as No Such Font"):
        devanagari_font()


def test_a_line_that_no_picture_can_hold_is_refused_before_it_is_drawn() -> None:
    # 3,000 words a side are a picture of 160 GB.
    long = Alignment(("a",) * 3000, ("क",) * 3000, torch.zeros(1, 1).expand(3000, 3000))
    with pytest.raises(AnuvadError, match=r"at most 100 words on a side, but .* up to 3000; expl"):
        draw_heatmap(long)


def test_dollars_are_dollars_and_no_mathematics(font: str) -> None:
    priced = Alignment(("$5_1", "$7^2"), ("$", "₹"), torch.eye(2))
    assert draw_heatmap(priced)[:4] == b"\x89PNG"


def test_an_empty_sentence_is_refused() -> None:
    with pytest.raises(ConfigError, match="must have text"):
        explain(None, "  ")  # type: ignore[arg-type]
