"""The report as Chromium shows it: nothing breaks, nothing is asked for, search and sort work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from browser import Browser, open_browser
from jobs.breakdown import Sentences, break_down
from jobs.report import GateRow, Heatmap, ReportData, Sample, render
from jobs.scores import score_all
from pipeline.phrasebook import PhrasebookConfig, generate

pytestmark = pytest.mark.integration

HOSTILE = "<script>document.title='owned'</script><img src='http://127.0.0.1:9/x' onerror=alert(1)>"


def sample_data() -> ReportData:
    """A version that says of every third sentence what another one should be, and a champion."""
    splits = generate(
        PhrasebookConfig(train_pairs=500, validation_pairs=50, test_pairs=150, hard_pairs=50)
    )
    pairs = [(p.english, p.hindi) for p in splits["test"]]
    sources, references = (list(side) for side in zip(*pairs, strict=True))
    ours = [references[i - 1] if i % 3 == 0 else r for i, r in enumerate(references)]
    theirs = [references[i - 1] if i % 2 == 0 else r for i, r in enumerate(references)]
    origins = ["phrasebook" if i % 4 else "web" for i in range(len(pairs))]

    def cut(hypotheses: list[str]) -> Sentences:
        n = len(pairs)
        unseen = [0.3 * (i % 2) for i in range(n)]
        return Sentences(sources, references, hypotheses, [False] * n, origins, unseen)

    history = [
        {"kind": "train", "update": 10 * i, "loss": 7 / i, "learning_rate": 1e-4 * i}
        for i in range(1, 11)
    ]
    samples = [Sample(*row, "test") for row in zip(sources, references, ours, strict=True)]
    samples.append(Sample(HOSTILE, HOSTILE, f"{HOSTILE} क़िला", "hard"))
    weights = [[0.9, 0.05, 0.05], [0.3, 0.6, 0.1], [0.0, 0.0, 1.0]]
    return ReportData(
        title="phrasebook",
        version="2",
        alias="champion",
        created="2025-03-14T09:26:53+05:30",
        run_id="phrasebook-0f1e2d3c4b5a",
        experiment_command="anuvad retrain configs/phrasebook.yaml train.seed=2",
        verdict="BLEU 71.20 against 57.15, p = 0.0010, and all guardrails hold",
        promoted=True,
        champion_before="1",
        history=history,
        tests={"test": score_all(ours, references, 100)},
        champion_tests={"test": score_all(theirs, references, 100)},
        gate=[GateRow("BLEU difference", "+14.05", "above 0", True)],
        breakdowns={"test": break_down(cut(ours), 100)},
        champion_breakdowns={"test": break_down(cut(theirs), 100)},
        heatmaps=[
            Heatmap("test", ["the", "river", "</s>"], ["नदी", "क्षिप्रा", "</s>"], weights),
            Heatmap("test", [HOSTILE, "river", "</s>"], [HOSTILE, "नदी", "</s>"], weights),
        ],
        samples=samples,
        config_yaml="train:\n  seed: 2\n",
        lineage={"licence": "MIT"},
        notes=[HOSTILE],
    )


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render(sample_data()), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def window() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser


@pytest.fixture
def browser(window: Browser, page: Path) -> Browser:
    """A window in which the page was just loaded."""
    window.look()
    window.complaints()
    window.requests()
    window.open(page)
    return window


def shown(browser: Browser, column: str) -> list[str]:
    """The texts of a column of the rows that can be seen."""
    script = (
        "return [...document.querySelectorAll('#samples tbody tr')]"
        ".filter((tr) => tr.offsetParent !== null)"
        ".map((tr) => tr.querySelector('.' + arguments[0]).textContent)"
    )
    found: list[str] = browser.js(script, column)
    return found


def search(browser: Browser, words: str) -> None:
    """Type words, and wait until the page has looked for them."""
    browser.js(
        "const f = document.getElementById('find'); f.value = arguments[0];"
        "f.dispatchEvent(new Event('input'))",
        words,
    )
    browser.driver.execute_async_script("setTimeout(arguments[arguments.length - 1], 300)")


def test_nothing_is_complained_of_and_nothing_asked_for(browser: Browser, page: Path) -> None:
    assert browser.requests() == [page.as_uri()]
    assert browser.complaints() == []


def test_hostile_text_is_text(browser: Browser) -> None:
    assert browser.js("return document.title") == "phrasebook 2: report"
    assert browser.js("return document.querySelectorAll('script').length") == 1
    assert browser.js("return document.querySelectorAll('img').length") == 0
    search(browser, "owned")
    assert shown(browser, "s") == [HOSTILE]
    assert browser.js("return document.querySelector('.notes').textContent.trim()") == HOSTILE


def test_search_finds_english_and_hindi_in_either_spelling_of_a_nukta(browser: Browser) -> None:
    search(browser, "owned")
    assert shown(browser, "n") == ["151"]
    # The page has क़ as one character or two; both find it.
    for spelling in ("\u0958िला", "\u0915\u093cिला"):
        search(browser, spelling)
        assert "151" in shown(browser, "n")
    search(browser, "no such words anywhere")
    assert shown(browser, "n") == []
    assert browser.js("return found.textContent") == "0 of 151 sentences"
    search(browser, "")
    assert browser.js("return found.textContent") == "151 sentences"


def test_a_hundred_sentences_are_shown_and_a_button_shows_the_rest(browser: Browser) -> None:
    numbers = [str(number) for number in range(1, 152)]
    assert shown(browser, "n") == numbers[:100]
    assert browser.js("return more.textContent") == "Show 51 more of 151"
    browser.js("more.click()")
    assert shown(browser, "n") == numbers
    assert browser.js("return more.offsetParent") is None


def test_a_click_sorts_and_another_one_turns_the_order(browser: Browser) -> None:
    click = "document.querySelector(`#samples [data-by=${arguments[0]}]`).click()"
    browser.js(click, "s")
    lengths = [len(text) for text in shown(browser, "s")]
    assert lengths == sorted(lengths)
    browser.js(click, "s")
    lengths = [len(text) for text in shown(browser, "s")]
    assert lengths == sorted(lengths, reverse=True)
    browser.js(click, "o")
    overlaps = [int(text.strip("%")) for text in shown(browser, "o")]
    assert overlaps == sorted(overlaps)
    browser.js(click, "n")
    assert shown(browser, "n")[:3] == ["1", "2", "3"]


def test_the_test_set_can_be_chosen(browser: Browser) -> None:
    choose = (
        "const t = document.getElementById('test'); t.value = arguments[0];"
        "t.dispatchEvent(new Event('change'))"
    )
    browser.js(choose, "hard")
    assert shown(browser, "n") == ["151"]
    browser.js(choose, "")
    assert browser.js("return found.textContent") == "151 sentences"


@pytest.mark.parametrize("width", [360, 768, 1200])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_is_wider_than_its_screen(browser: Browser, theme: str, width: int) -> None:
    browser.look(theme, width)
    assert browser.js("return document.documentElement.scrollWidth") <= width


def luminance(colour: str) -> float:
    """Of ``rgb(r, g, b)``, 0 to 1 (WCAG 2.2)."""
    parts = [float(p) / 255 for p in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_stands_out_from_its_ground_in_both_themes(browser: Browser, theme: str) -> None:
    browser.look(theme)
    ground = luminance(browser.js("return getComputedStyle(document.body).backgroundColor"))
    assert (ground < 0.1) == (theme == "dark")
    for place in ("body", ".quiet", ".good", "h2"):
        script = "return getComputedStyle(document.querySelector(arguments[0])).color"
        ink = luminance(browser.js(script, place))
        high, low = max(ink, ground), min(ink, ground)
        assert (high + 0.05) / (low + 0.05) >= 4.5, place


def test_a_dot_stands_within_its_interval_and_both_on_the_scale(browser: Browser) -> None:
    script = (
        "return [...document.querySelectorAll('.range')].map((range) => {"
        " const at = (tag) => range.querySelector(tag)?.getBoundingClientRect();"
        " const own = range.getBoundingClientRect(), dot = at('b'), bar = at('i');"
        " return [own.left, bar.left, (dot.left + dot.right) / 2, bar.right, own.right]; })"
    )
    found = browser.js(script)
    assert len(found) >= 8
    for scale_left, low, dot, high, scale_right in found:
        assert scale_left - 1 <= low <= dot + 2
        assert dot - 2 <= high <= scale_right + 3


def test_on_paper_there_are_no_tools_and_at_most_fifty_sentences(browser: Browser) -> None:
    browser.look(media="print")
    assert len(shown(browser, "n")) == 50
    assert browser.js("return document.querySelector('.tools').offsetParent") is None
