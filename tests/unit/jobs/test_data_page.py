"""The page on the data shows what it is given, runs none of it and asks the network for nothing."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import numpy as np
import pytest

from html_page import Page
from jobs.data_page import DataPage, render_data_page
from jobs.data_report import (
    DataReport,
    Drops,
    Example,
    Excerpt,
    Funnel,
    Reason,
    Rule,
    SplitReport,
    Step,
    excerpt,
)
from jobs.page import StageRow, percent
from jobs.report import ReportData, render
from pipeline.statistics import BINS, SideStatistics, Statistics
from pipeline.tokenizer_report import SideReport, TokenizerReport

ATTACK = '</p></details><script>alert("1")</script><img src=x onerror=alert(2)>\u202e\'"&lt;'


def funnel(source: str | None, *pairs: int) -> Funnel:
    names = "raw", "within the cap", "clean", "without copies and leaks", "tokenized"
    return Funnel(source, tuple(Step(n, p) for n, p in zip(names, pairs, strict=True)))


def side(words: dict[int, int], latin: int, devanagari: int, total_words: int) -> SideStatistics:
    """Statistics of a side with so many sentences in each of these bins."""
    found = SideStatistics(total_words=total_words)
    for index, sentences in words.items():
        found.words[index] = sentences
    found.letters[:] = latin, devanagari, 0
    return found


TEXTS = Statistics(
    "web",
    (side({0: 8, 2: 4, BINS - 1: 4}, 300, 0, 160), side({1: 16}, 1, 99, 96)),
    (side({0: 6, 2: 4}, 200, 0, 50), side({1: 10}, 0, 80, 60)),
)
LONG = Example("web", 1234, Excerpt("He drank tea", 99_000), Excerpt("", 0))
REASON = Reason(
    "length_ratio",
    "one side has many times the words of the other",
    (("clean.filters.max_length_ratio", "4.0"),),
    30,
    {"web": 29, "books": 1},
    (LONG, Example("books", 7, Excerpt("Tea.", 0), Excerpt("उसने चाय पी।", 0))),
)
TRAIN = SplitReport(
    "train",
    funnel(None, 1000, 500, 470, 470, 469),
    (funnel("web", 900, 400, 371, 371, 370), funnel("books", 100, 100, 99, 99, 99)),
    500,
    {"web": 400, "books": 100},
    (
        Drops("clean", (REASON,)),
        Drops("tensorize", (Reason("too_many_tokens", "", (), 1, {}, ()),)),
    ),
)
VALIDATION = SplitReport(
    "validation", funnel(None, *[3] * 5), (funnel("web", *[3] * 5),), 3, {"web": 3}, ()
)
TOKENIZERS = TokenizerReport(
    "validation",
    SideReport(8000, 5000, 520, 9321, 37_035, 12_345, 1, 0),
    SideReport(7000, 5000, 520, 9800, 32_500, 13_000, 0, 1300),
)
REPORT = DataReport(
    ("web", "books"),
    (TRAIN, VALIDATION),
    (Rule("nfc", "one canonical spelling", 25),),
    {"web": TEXTS, "books": TEXTS},
    TOKENIZERS,
)
PAGE = DataPage(
    created="2025-03-14T09:26:53+05:30",
    experiment_command="anuvad prepare configs/phrasebook.yaml",
    report=REPORT,
    stages=[
        StageRow("corpus", 0, True, {"train_rows": 1000, "web/train_rows": 900}, "corpus-1a2b"),
        StageRow("clean", 185.0, False, {"train_dropped_length_ratio": 30}, "clean-3c4d"),
    ],
    lineage={"licence": "CC BY-NC 4.0"},
    config_yaml="train:\n  seed: 2\n",
)


def page(**changes: Any) -> Page:
    """The page of ``REPORT`` with some of its parts changed."""
    return Page(
        render_data_page(dataclasses.replace(PAGE, report=dataclasses.replace(REPORT, **changes)))
    )


def test_everything_that_is_given_is_shown() -> None:
    words = page().words
    for text in (
        *("Data web, books", "2025-03-14 09:26:53", "clean-3c4d", PAGE.experiment_command),
        "Of 1,000 training pairs 500 are within the caps, of which 469 are kept: 93.8%.",
        "train: all sources raw 1,000 100% within the cap 500 50.0% −500 clean 470 47.0% −30",
        "train: books raw 100 100% within the cap 100 100% clean 99 99.0% −1",
        "without copies and leaks 99 99.0% tokenized 99 99.0%",
        "validation: web raw 3 100%",
        "Cleaning 30 pairs, 6.0%",
        "length ratio one side has many times the words of the other 30 6.0%",
        "web 29 7.2% books 1 1.0%",
        "2 examples clean.filters.max_length_ratio: 4.0",
        "web, row 1,234 He drank tea … and 99,000 more characters no text",
        "books, row 7 Tea. उसने चाय पी।",
        "Length in tokens 1 pair, 0.2%",
        "no examples are kept",
        "nfc one canonical spelling 25 2.5%",
        *("corpus corpus-1a2b was there already train rows 1,000", "clean-3c4d 3 min 5 s"),
        *("licence CC BY-NC 4.0", "train: seed: 2"),
    ):
        assert text in words
    assert "web/train" not in words, "sums of a source are in its funnel"


def test_of_one_source_there_is_one_funnel_and_no_split_by_source() -> None:
    alone = dataclasses.replace(TRAIN, funnels=TRAIN.funnels[:1])
    words = page(sources=("web",), splits=(alone, VALIDATION), texts={"web": TEXTS}).words
    assert "train raw 900" in words
    assert "all sources" not in words
    assert "By source" not in words
    assert "The same for each source" not in words


def test_a_bar_shows_what_is_left_and_what_the_step_took() -> None:
    html = render_data_page(PAGE)
    bars = re.findall(r'(?:class="(\w+)" )?style="left:([\d.]+)%?;width:([\d.]+)%', html)
    assert bars[:5] == [
        ("", "0", "100.000"),
        ("", "0", "50.000"),
        ("chosen", "50.000", "50.000"),
        ("", "0", "47.000"),
        ("gone", "47.000", "3.000"),
    ]


def test_histograms_show_every_bin_before_and_after() -> None:
    shown = page()
    titles = [a["title"] for tag, a in shown.tags if tag == "span" and "title" in a]
    assert len(titles) == 2 * BINS * 3, "for both languages, for both sources and their sum"
    assert titles[0] == "0 to 4 words: 16 before, 12 after"
    assert titles[2] == "10 to 14 words: 8 before, 8 after"
    assert titles[BINS - 1] == "100 or more words: 8 before, 0 after"
    heights = [a.get("style") for tag, a in shown.tags if tag == "i" and "style" in a]
    assert heights[:5] == [f"height:{h}%" for h in ("100.00", "75.00", "50.00", "50.00", "50.00")]
    assert "On average 10.0 words before and 5.0 after." in shown.words
    assert "before 100% 0% 0% after 100% 0% 0%" in shown.words
    assert "before 1.0% 99.0% 0% after 0% 100% 0%" in shown.words


def test_a_report_of_nothing_but_empty_sums_still_renders() -> None:
    nothing = SplitReport("train", funnel(None, *[0] * 5), (), 0, {}, ())
    assert "Of 0 training pairs 0 are kept: –." in (
        page(sources=(), splits=(nothing,), rules=(), texts={}).words
    )


def test_tokenizers_are_shown_language_by_language() -> None:
    words = page().words
    assert "English 8,000 520 9,321 12,345 1.32 3.00 <0.1% 0%" in words
    assert "Hindi 7,000 520 9,800 13,000 1.33 2.50 0% 10.0%" in words
    assert "For each English piece there are 1.05 Hindi ones." in words


def test_hostile_text_is_shown_and_not_run() -> None:
    example = Example(ATTACK, 1, excerpt(ATTACK), excerpt(ATTACK + "क" * 1_000_000))
    reason = Reason(ATTACK, ATTACK, ((ATTACK, ATTACK),), 1, {ATTACK: 1}, (example,))
    split = SplitReport(
        ATTACK,
        funnel(None, *[1] * 5),
        (funnel(ATTACK, *[1] * 5), funnel("b", *[1] * 5)),
        1,
        {ATTACK: 1},
        (Drops(ATTACK, (reason,)),),
    )
    html = render_data_page(
        dataclasses.replace(
            PAGE,
            report=DataReport(
                (ATTACK, "b"), (split,), (Rule(ATTACK, ATTACK, 1),), {ATTACK: TEXTS}, TOKENIZERS
            ),
            stages=[StageRow(ATTACK, 1, False, {ATTACK: 1}, ATTACK)],
            lineage={ATTACK: ATTACK},
            config_yaml=f"</code></pre>{ATTACK}",
        )
    )
    assert len(html) < 60_000, "a text of a megabyte does not make a page of one"
    found = Page(html)
    names = [name for name, _ in found.tags]
    assert not {"script", "img", "link", "iframe"} & set(names)
    for tag, attributes in found.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "src"], tag
    texts = [a for tag, a in found.tags if tag == "p" and a.get("lang")]
    assert [(a["lang"], a["dir"]) for a in texts] == [("en", "auto"), ("hi", "auto")]
    paragraphs = re.findall(r'<p lang="\w\w" dir="auto">(.*?)</p>', html)
    assert all("\u202e" not in text and "⟨U+202E⟩" in text for text in paragraphs)


def test_the_page_asks_the_network_for_nothing() -> None:
    html = render_data_page(PAGE)
    assert "default-src 'none'" in html
    assert not re.search(r"@import|url\(|https?://|<link|<script|src=", html)


def test_the_same_data_give_the_same_page() -> None:
    assert render_data_page(PAGE) == render_data_page(PAGE)


def test_a_version_s_report_has_the_same_section() -> None:
    words = Page(
        render(ReportData("m", "1", "challenger", "", "", "", "", False, stages=[*PAGE.stages]))
    ).words
    assert "corpus-1a2b" in words
    assert "From raw to kept" not in words
    html = render(ReportData("m", "1", "challenger", "", "", "", "", False, data=REPORT))
    assert "web, row 1,234 He drank tea" in Page(html).words
    assert "Dropped from train" in html


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 10, "0%"),
        (10, 10, "100%"),
        (1, 3, "33.3%"),
        (1, 100_000, "<0.1%"),
        (99_999, 100_000, ">99.9%"),
        (0, 0, "–"),
        (np.float64(0.5), 1, "50.0%"),
    ],
)
def test_a_few_are_not_none_and_nearly_all_are_not_all(
    part: float, whole: float, text: str
) -> None:
    assert percent(part, whole) == text
