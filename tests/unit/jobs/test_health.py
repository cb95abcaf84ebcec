"""Signs of a broken model, counted by hand."""

from __future__ import annotations

import pytest

from jobs.health import Health, output_health
from pipeline.errors import CorpusError


def health(
    hypotheses: list[str],
    references: list[str],
    sources: list[str] | None = None,
    truncated: list[bool] | None = None,
) -> Health:
    n = len(hypotheses)
    return output_health(sources or [""] * n, references, hypotheses, truncated or [False] * n)


def test_empty_and_repeating_translations_are_counted() -> None:
    hypotheses = [
        "",
        " \u200d ",  # only a joiner, which does not show
        "नहीं नहीं नहीं नहीं",
        "वह घर गया वह घर गया वह घर गया वह घर गया",
        "वह घर गया वह घर गया वह घर गया और सो गया",  # three times only
        "धीरे धीरे चलो।",
        "एक दो तीन चार पाँच एक दो तीन चार पाँच " * 4,  # a 5-gram
        "हाँ",
    ]
    found = health(hypotheses, ["नमस्ते"] * 8)
    assert found.empty_share == 2 / 8
    assert found.repeated_share == 2 / 8


def test_translations_that_the_search_ended_are_counted() -> None:
    found = health(["कल", "आज", "अब", "तब"], ["कल"] * 4, truncated=[False, True, False, False])
    assert found.truncated_share == 1 / 4


def test_length_ratio_is_of_all_characters() -> None:
    # 2 + 4 characters for 4 + 8.
    assert health(["कल", "आजकल"], ["कलकल", "आजकलआजकल"]) == Health(0, 0, 0, 0.5, 0, 0)


def test_a_number_is_lost_where_source_and_reference_have_it_and_the_translation_has_not() -> None:
    rows = [
        # Kept, in other digits and grouped otherwise.
        ("It cost 1,250,000 rupees.", "इसकी क़ीमत १२,५०,००० रुपये थी।", "क़ीमत 1250000 रुपये थी।"),
        # Of two, one is lost.
        ("From 8 to 12.", "8 से 12 तक।", "8 से 8 तक।"),
        # The reference spells it, so nothing is asked for.
        ("There are 2 men.", "दो आदमी हैं।", "आदमी हैं।"),
        # One that nobody asked for costs nothing.
        ("Come tomorrow.", "कल आना।", "कल 5 बजे आना।"),
        # Said twice, and once only in the translation.
        ("7 and 7.", "7 और 7।", "7।"),
    ]
    sources, references, hypotheses = (list(column) for column in zip(*rows, strict=True))
    found = health(hypotheses, references, sources)
    assert (found.numbers, found.digits_lost_share) == (5, 2 / 5)


def test_references_without_any_text_are_refused() -> None:
    with pytest.raises(CorpusError, match="references must have text, but all 2 are empty"):
        health(["कल", "आज"], ["", ""])


def test_a_missing_translation_is_refused() -> None:
    with pytest.raises(CorpusError, match="1 translations and 2 references"):
        health(["कल"], ["कल", "आज"])
