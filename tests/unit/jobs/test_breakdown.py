"""Which bucket a sentence is in, decided by hand; and that buckets are scored as test sets are."""

from __future__ import annotations

import json

import pytest

from jobs.breakdown import (
    MIN_SENTENCES,
    Breakdown,
    Sentences,
    break_down,
    numbers_of,
)
from jobs.scores import score_all
from pipeline.errors import CorpusError


def sentences(
    *rows: tuple[str, str, str],
    cut: list[bool] | None = None,
    origins: list[str] | None = None,
    unseen: list[float] | None = None,
) -> Sentences:
    """A test set of (source, reference, hypothesis)."""
    sources, references, hypotheses = (list(column) for column in zip(*rows, strict=True))
    n = len(rows)
    return Sentences(
        sources, references, hypotheses, cut or [False] * n, origins or ["web"] * n, unseen
    )


def counts(found: list[Breakdown], key: str) -> dict[str, int]:
    """Label → sentences of one cut."""
    (one,) = [breakdown for breakdown in found if breakdown.key == key]
    return {bucket.label: bucket.sentences for bucket in one.buckets}


def test_sources_are_told_apart_by_their_words() -> None:
    rows = [(" ".join(["word"] * n), "शब्द", "शब्द") for n in (1, 5, 6, 10, 11, 40, 41, 300)]
    assert counts(break_down(sentences(*rows), 10), "length") == {
        "1 to 5": 2,
        "6 to 10": 2,
        "11 to 20": 1,
        "31 to 40": 1,
        "41 or more": 2,
    }


@pytest.mark.parametrize(
    ("source", "hypothesis", "label"),
    [
        ("He has two dogs.", "उसके पास 2 कुत्ते हैं।", "none"),
        ("He has 12 dogs.", "उसके पास १२ कुत्ते हैं।", "all in the translation"),
        ("12,500 people came.", "१२५०० लोग आए।", "all in the translation"),
        ("It costs 1,250,000.", "इसका दाम 12,50,000 है।", "all in the translation"),
        ("At 10:30 on 3.5.", "३.५ को १०:३० बजे।", "all in the translation"),
        ("He has 12 dogs.", "उसके पास कुत्ते हैं।", "not all in the translation"),
        ("He has 12 dogs.", "उसके पास 120 कुत्ते हैं।", "not all in the translation"),
        ("3 of 3 are here.", "3 यहाँ हैं।", "not all in the translation"),
    ],
)
def test_the_numbers_of_a_source_survive_or_do_not(
    source: str, hypothesis: str, label: str
) -> None:
    found = break_down(sentences((source, "संदर्भ", hypothesis)), 10)
    assert counts(found, "digits") == {label: 1}


def test_numbers_are_equal_in_all_scripts_and_groupings() -> None:
    assert numbers_of("१२,५०,००० और 12.5% ७/८") == {"1250000": 1, "12.5": 1, "7/8": 1}


@pytest.mark.parametrize(
    ("hypothesis", "label"),
    [
        ("(a) यह एक फ़ाइल है।", "none"),
        ("यह linux पर चलता है।", "those of the reference"),
        ("यह Linux system पर चलता है।", "others than the reference has"),
    ],
)
def test_latin_words_are_held_against_the_reference(hypothesis: str, label: str) -> None:
    found = break_down(sentences(("It runs.", "यह Linux पर चलता है।", hypothesis)), 10)
    assert counts(found, "latin") == {label: 1}


def test_repeating_translations_are_apart() -> None:
    rows = [("No.", "नहीं।", "नहीं नहीं नहीं नहीं"), ("No.", "नहीं।", "नहीं नहीं नहीं")]
    assert counts(break_down(sentences(*rows), 10), "repetition") == {
        "none": 1,
        "some words four times in a row": 1,
    }


def test_empty_broken_off_and_cut_sentences_are_apart() -> None:
    rows = [
        ("One.", "एक दो तीन चार", "एक दो"),
        ("Two.", "एक दो तीन चार", "एक"),
        ("Three.", "एक दो तीन चार", "\u200d "),
        ("Four.", "एक दो तीन चार", "एक"),
    ]
    cut = [False, False, False, True]
    assert counts(break_down(sentences(*rows, cut=cut), 10), "output") == {
        "ordinary": 1,
        "empty": 1,
        "under half of the reference": 1,
        "source in pieces, over the limit": 1,
    }


def test_unseen_words_are_a_cut_where_a_vocabulary_is_known() -> None:
    rows = [("a", "एक", "एक")] * 6
    shares = [0, 0.01, 0.1, 0.11, 0.25, 0.26]
    assert counts(break_down(sentences(*rows, unseen=shares), 10), "unseen") == {
        "none": 1,
        "up to 10%": 2,
        "up to 25%": 2,
        "more than 25%": 1,
    }
    keys = [b.key for b in break_down(sentences(*rows), 10)]
    assert keys == ["length", "digits", "latin", "repetition", "output"]


def test_origins_are_a_cut_where_there_are_several() -> None:
    rows = [("a", "एक", "एक")] * 3
    found = break_down(sentences(*rows, origins=["web", "bible", "web"]), 10)
    assert counts(found, "origin") == {"web": 2, "bible": 1}


def test_a_bucket_is_scored_as_the_same_sentences_by_themselves_are() -> None:
    short = [("The river is wide.", "नदी चौड़ी है।", "नदी बहुत चौड़ी है।")] * MIN_SENTENCES
    long = [("word " * 12, "किसान ने सुबह खेत में पानी दिया।", "किसान ने खेत में पानी दिया।")]
    found = break_down(sentences(*short, *long), 50)
    first, second = found[0].buckets
    alone = score_all([h for _, _, h in short], [r for _, r, _ in short], 50)
    assert dict(first.scores) == {name: alone[name] for name in ("bleu_intl", "chrf2")}
    assert (second.sentences, dict(second.scores)) == (1, {})


def test_the_sentences_of_every_cut_add_up() -> None:
    rows = [("He has 12 dogs.", "उसके पास 12 कुत्ते हैं।", "उसके पास कुत्ते हैं।")] * 3
    rows += [("Linux runs.", "Linux चलता है।", "")] * 2
    for breakdown in break_down(sentences(*rows, unseen=[0.0] * 5), 10):
        assert sum(bucket.sentences for bucket in breakdown.buckets) == 5


def test_a_breakdown_survives_json() -> None:
    rows = [("The river is wide.", "नदी चौड़ी है।", "नदी बहुत चौड़ी है।")] * MIN_SENTENCES
    for breakdown in break_down(sentences(*rows), 10):
        assert Breakdown.from_json(json.loads(json.dumps(breakdown.to_json()))) == breakdown


def test_columns_of_unlike_lengths_and_no_sentences_are_refused() -> None:
    with pytest.raises(CorpusError, match="3 sources beside 3, 3, 2, 3"):
        break_down(sentences(*[("a", "एक", "एक")] * 3, cut=[True, False]), 10)
    with pytest.raises(CorpusError, match="one sentence or more"):
        break_down(Sentences([], [], [], [], []), 10)
