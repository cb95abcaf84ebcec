"""The report shows what it is given, runs none of it and asks the network for nothing."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest

from html_page import Page
from jobs.breakdown import Breakdown, Bucket
from jobs.curves import draw_curves
from jobs.page import StageRow
from jobs.report import MAX_SAMPLES, GateRow, Heatmap, ReportData, Sample, _compare, render
from jobs.scores import Score

SIGNATURE = "nrefs:1|bs:1000|seed:12345|case:mixed|eff:no|tok:intl|smooth:exp|version:2.6.0"
HISTORY: list[dict[str, Any]] = [
    {"kind": "resumed", "update": 0},
    {"kind": "train", "update": 50, "loss": 7.5, "learning_rate": 1e-4},
    {"kind": "train", "update": 100, "loss": 6.25, "learning_rate": 2e-4},
    {"kind": "validation", "update": 100, "loss": 6.5, "bleu": 4.0, "chrf": 20.0, "best": True},
    {"kind": "train", "update": 150, "loss": float("nan"), "learning_rate": 3e-4},
    {"kind": "validation", "update": 200, "loss": 6.75, "bleu": 3.0, "chrf": 19.0, "best": False},
]
DATA = ReportData(
    title="phrasebook",
    version="7",
    alias="champion",
    created="2025-03-14T09:26:53+05:30",
    run_id="0f1e2d3c",
    experiment_command="anuvad retrain configs/phrasebook.yaml train.seed=2",
    verdict="Version 7 is better than version 6 by 1.50 BLEU (p = 0.004).",
    promoted=True,
    champion_before="6",
    stages=[
        StageRow("corpus", 0, True, {"files": 3}, "corpus-1a2b"),
        StageRow(
            "clean",
            185.0,
            False,
            {
                "train_visited": 1000,
                "train_kept": 750,
                "train_dropped_too_long": 50,
                "train_dropped_not_devanagari": 200,
                "train_normalized_nukta": 12345,
            },
            "clean-3c4d",
        ),
    ],
    history=HISTORY,
    tests={
        "test": {
            "bleu_intl": Score(18.5, 17.25, 19.75, SIGNATURE),
            "ter": Score(66.0, 65.0, 67.0, "nrefs:1|case:lc"),
        },
        "flores": {"bleu_intl": Score(16.0, 15.0, 17.0, SIGNATURE)},
    },
    champion_tests={
        "test": {
            "bleu_intl": Score(17.0, 16.0, 18.0, SIGNATURE),
            "ter": Score(64.0, 63.0, 65.0, "nrefs:1|case:lc"),
        }
    },
    gate=[
        GateRow("paired bootstrap", "p = 0.004", "p ≤ 0.05", True),
        GateRow("empty translations", "2.0%", "≤ 1.0%", False),
    ],
    samples=[
        Sample("He drank tea.", "उसने चाय पी।", "उसने पानी पी ।", "test"),
        Sample("Come in.", "अंदर आइए।", "", "flores"),
    ],
    config_yaml="train:\n  seed: 2\n",
    lineage={"licence": "CC BY-NC 4.0"},
    notes=["The danda makes the difference."],
)


def page(**changes: Any) -> Page:
    return Page(render(dataclasses.replace(DATA, **changes)))


def test_everything_that_is_given_is_shown() -> None:
    words = page().words
    for text in (
        *("phrasebook version 7", "✓ Promoted: champion", "2025-03-14 09:26:53", "version 6"),
        *(DATA.verdict, DATA.experiment_command, "0f1e2d3c", "The danda makes the difference."),
        *("18.50 17.25 – 19.75", "licence CC BY-NC 4.0", "train: seed: 2", "3 min 5 s"),
        *("paired bootstrap p = 0.004 p ≤ 0.05 ✓ holds", "2.0% ≤ 1.0% ✗ broken"),
        *("corpus-1a2b was there already", "train visited 1,000 train kept 750"),
        *("He drank tea. उसने चाय पी। उसने पानी पी ।", "Come in. अंदर आइए। empty 0%"),
    ):
        assert text in words
    assert SIGNATURE in words.replace("| ", "|")


def test_a_version_that_was_not_promoted_says_so() -> None:
    words = page(promoted=False, alias="challenger", champion_before=None).words
    assert "✗ Not promoted: challenger" in words
    assert "Champion before none" in words


def test_a_change_is_better_upwards_for_bleu_and_downwards_for_ter() -> None:
    words = page().words
    assert "+1.50, better" in words
    assert "+2.00, worse" in words
    assert words.count("better") - words.count("less is better") == 2  # the verdict has one too
    swapped = page(champion_tests={"test": {"ter": Score(68.0, 67.0, 69.0, "")}}).words
    assert "−2.00, better" in swapped


def test_equal_scores_are_no_change() -> None:
    assert "±0.00, no change" in page(champion_tests=DATA.tests).words


def test_a_metric_that_one_test_set_lacks_is_not_scored() -> None:
    assert "66.00 65.00 – 67.00 +2.00, worse not scored" in page().words


def bucket(label: str, sentences: int, *points: float) -> Bucket:
    names = ("bleu_intl", "chrf2")[: len(points)]
    scores = {m: Score(p, p - 1, p + 1, "") for m, p in zip(names, points, strict=True)}
    return Bucket(label, sentences, scores)


def test_breakdowns_show_scores_the_champion_and_what_was_too_few() -> None:
    cut = Breakdown("length", "Words", (bucket("1 to 5", 12), bucket("6 to 10", 88, 18.5, 42.0)))
    one = Breakdown("latin", "Latin words", (bucket("none", 100, 20.0, 43.0),))
    before = Breakdown("length", "Words", (bucket("6 to 10", 88, 37.0, 41.0),))
    shown = page(breakdowns={"test": [cut, one]}, champion_breakdowns={"test": [before]})
    assert "1 to 5 12 too few to score 6 to 10 88 18.5 42.0" in shown.words
    assert "The same for all sentences: Latin words: none." in shown.words
    titles = [attributes.get("title") for _, attributes in shown.tags if "style" in attributes]
    assert titles[0] == "17.50 – 19.50, champion before 37.00"
    styles = [attributes["style"] for _, attributes in shown.tags if "style" in attributes]
    # The scale ends at 40 and at 50 points: the next ten above all that is on it.
    assert styles[:2] == ["--low:43.75;--high:48.75;--score:46.25", "--before:92.50"]


def test_a_heatmap_has_a_row_for_each_word_and_no_numbers_below_ten_per_cent() -> None:
    heatmap = Heatmap("test", ["river", "</s>"], ["नदी", "</s>"], [[0.94, 0.06], [0.1, 0.9]])
    assert "river ⏎ नदी 94 ⏎ 10 90" in page(heatmaps=[heatmap]).words


def test_an_evaluation_by_itself_is_neither_promoted_nor_not() -> None:
    words = page(decided=False, promoted=False, gate=[], history=[], alias="flores").words
    assert "Scored: flores" in words
    assert "romoted" not in words
    assert "Training" not in words


def test_hostile_text_is_shown_and_not_run() -> None:
    attack = '<script>alert("1")</script><img src=x onerror=alert(2)>\'"&lt;'
    hostile = page(
        title=attack,
        version=attack,
        alias=attack,
        created=attack,
        run_id=attack,
        experiment_command=attack,
        verdict=attack,
        champion_before=attack,
        stages=[StageRow(attack, 1, False, {attack: 1, f"{attack}_dropped_x": 2}, attack)],
        tests={attack: {attack: Score(1, 1, 1, attack)}},
        gate=[GateRow(attack, attack, attack, True)],
        breakdowns={
            attack: [Breakdown(attack, attack, (bucket(attack, 9), bucket(attack, 99, 1, 1)))],
            "test": [Breakdown(attack, attack, (bucket(attack, 9),))],
        },
        heatmaps=[Heatmap(attack, [attack, attack], [attack], [[0.5, 0.5]])],
        samples=[Sample(attack, attack, f"{attack} और", attack), Sample("", "", attack, "test")],
        config_yaml=f"</code></pre>{attack}",
        lineage={attack: attack},
        notes=[attack],
    )
    plain = page()
    assert attack in hostile.words
    names = [name for name, _ in hostile.tags]
    assert names.count("script") == [name for name, _ in plain.tags].count("script") == 1
    assert "img" not in names
    for _, attributes in hostile.tags:
        assert not [name for name in attributes if name.startswith("on")]


def test_the_page_asks_the_network_for_nothing() -> None:
    html = render(DATA)
    for tag, attributes in Page(html).tags:
        assert tag not in {"link", "img", "iframe", "object", "image"}
        assert "src" not in attributes
        assert all((value or "").startswith("#") for k, value in attributes.items() if "href" in k)
    assert "@import" not in html
    assert all(target.startswith("#") for target in re.findall(r"url\(\"?([^)]*)\)", html))
    assert "default-src 'none'" in html


def test_every_id_in_the_page_is_there_once() -> None:
    ids = [a["id"] for _, a in page().tags if "id" in a]
    assert len(ids) == len(set(ids))
    assert len(ids) > 20  # those of three drawings among them


def test_the_same_data_give_the_same_page() -> None:
    assert render(DATA) == render(DATA)


def test_hindi_text_says_that_it_is_hindi() -> None:
    cells = [a for tag, a in page().tags if tag == "td" and a.get("lang") == "hi"]
    assert [a["class"] for a in cells] == ["r", "h", "r", "h"]


def test_only_so_many_translations_are_shown_and_a_sentence_says_so() -> None:
    sample = Sample("Come.", "आओ।", "आओ।", "test")
    many = page(samples=[sample] * (MAX_SAMPLES + 1))
    assert "The first 3,000 of 3,001 are shown." in many.words
    assert len([1 for _, a in many.tags if "data-n" in a]) == MAX_SAMPLES
    assert "are shown." not in page().words


def test_a_report_of_a_version_about_which_nothing_is_known_still_renders() -> None:
    bare = ReportData("m", "1", "challenger", "", "", "", "", False)
    assert "The training reported no figures." in Page(render(bare)).words


def test_words_that_the_reference_lacks_are_marked() -> None:
    pieces, overlap = _compare("उसने पानी पी ।", "उसने चाय पी।")
    # The danda is a word of its own, so a space before it is no difference.
    assert pieces == [("उसने ", False), ("पानी", True), (" पी ।", False)]
    assert overlap == 2 * 3 / (4 + 4)


def test_marked_neighbours_are_one_mark() -> None:
    pieces, overlap = _compare(" नया  काम हुआ", "काम हुआ और क्या")
    assert pieces == [(" ", False), ("नया", True), ("  काम हुआ", False)]
    assert overlap == 2 * 2 / (3 + 4)
    assert _compare("नया काम", "पुराना घर")[0] == [("नया काम", True)]


@pytest.mark.parametrize(
    "text", ["", " ", "हिन्दी\u200dक्ष  ज़ रा \n", "१२,५०० रु. (लगभग) है।।", "<b> & </b>", "क\u00a0ख"]
)
def test_the_stretches_together_are_the_translation(text: str) -> None:
    for reference in ("", "हिन्दी है", text):
        pieces, overlap = _compare(text, reference)
        assert "".join(stretch for stretch, _ in pieces) == text
        assert 0 <= overlap <= 1


def test_two_empty_texts_agree() -> None:
    assert _compare("", " ") == ([], 1.0)


def test_curves_are_xml_in_the_colours_of_the_page() -> None:
    loss, scores, rate = draw_curves(HISTORY)
    assert [c.key for c in (loss, scores, rate)] == ["loss", "scores", "rate"]
    for chart in (loss, scores, rate):
        ElementTree.fromstring(chart.svg)
        assert "currentColor" in chart.svg
        assert "var(--series-1)" in chart.svg
        assert "#a1b2c3" not in chart.svg
        assert "<style" not in chart.svg


def test_curves_leave_out_what_is_no_number_and_tell_the_best() -> None:
    loss, scores, _ = draw_curves(HISTORY)
    assert loss.series[0].points == ((50, 7.5), (100, 6.25))
    assert scores.summary == (
        "Last, at update 200: BLEU 3.00, chrF2 19.0. Best, at 100: BLEU 4.00, chrF2 20.0."
    )


def test_one_validation_alone_is_drawn_and_no_history_is_not() -> None:
    assert [c.key for c in draw_curves(HISTORY[3:4])] == ["loss", "scores"]
    assert draw_curves([]) == []


def test_importing_the_report_waits_for_nothing_heavy() -> None:
    code = (
        "import sys, jobs.report, jobs.curves; "
        "print({'matplotlib', 'jinja2', 'sacrebleu', 'numpy', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
