"""The page on what the data stages made, and its main section, which a version's report has too.

reads   :class:`~jobs.data_report.DataReport`
writes  nothing; the page is a string, to be kept as ``reports/data-<artifact>.html``
holds   the page asks the network for nothing, and text from the corpus is shown, never run
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from jobs.data_report import DataReport, Drops, Funnel, SplitReport
from jobs.page import StageRow, number, percent, template
from pipeline.statistics import BINS, SCRIPTS, WORDS_A_BIN, SideStatistics, Statistics
from pipeline.tokenizer_report import TokenizerReport

_TEMPLATE = "data_page.html"
_SIDES = ("English", "Hindi")
_STAGE_TITLES = {
    "clean": "Cleaning",
    "dedup": "Copies and leaks",
    "tensorize": "Length in tokens",
}


@dataclass(frozen=True)
class DataPage:
    """All that the page shows.

    Attributes:
        created: ISO time.
        experiment_command: the command that does it all again.
        report: what the stages made.
        stages: in the order in which they ran.
        lineage: where it all comes from: names and values.
        config_yaml: the resolved configuration.
    """

    created: str
    experiment_command: str
    report: DataReport
    stages: Sequence[StageRow] = ()
    lineage: Mapping[str, str] = field(default_factory=dict)
    config_yaml: str = ""


def render_data_page(data: DataPage) -> str:
    """The page; it is complete in itself, and the same for the same data."""
    section = section_of(data.report, data.stages)
    return template(_TEMPLATE).render(data=data, summary=_summary(data.report), section=section)


def _summary(report: DataReport) -> str:
    """The funnel of training in a sentence."""
    train = report.splits[0]
    raw, kept = (step.pairs for step in (train.total.steps[0], train.total.steps[-1]))
    read = "" if train.visited == raw else f"{number(train.visited)} are within the caps, of which "
    share = percent(kept, train.visited)
    return f"Of {number(raw)} training pairs {read}{number(kept)} are kept: {share}."


@dataclass(frozen=True)
class Bar:
    """One row of a funnel.

    Attributes:
        name: of the step.
        pairs: that were left after it.
        share: of the first step's pairs.
        lost: pairs that the step before had and this one has not.
        lost_share: the same as a share of the first step's pairs.
        by_choice: whether they were left out by a cap, so that nothing was wrong with them.
    """

    name: str
    pairs: int
    share: float
    lost: int
    lost_share: float
    by_choice: bool


@dataclass(frozen=True)
class FunnelView:
    """A funnel with its caption."""

    caption: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class SplitView:
    """A split, its funnels, the sum first, and its drops under the titles of their stages."""

    split: SplitReport
    funnels: tuple[FunnelView, ...]
    drops: tuple[tuple[str, Drops], ...]


@dataclass(frozen=True)
class Bin:
    """A bin of a histogram: sentences, and the heights of the bars as shares of the highest."""

    label: str
    before: int
    after: int
    before_height: float
    after_height: float


@dataclass(frozen=True)
class SideView:
    """One language's text before and after cleaning.

    Attributes:
        name: of the language.
        bins: the histogram of words.
        ticks: labels below it, each with its place from 0 to 1.
        last_tick: the label of its last bin, which has no end.
        summary: mean lengths, in words.
        scripts: ``before`` and ``after``, each with the share of each script.
    """

    name: str
    bins: tuple[Bin, ...]
    ticks: tuple[tuple[float, str], ...]
    last_tick: str
    summary: str
    scripts: tuple[tuple[str, Mapping[str, float]], ...]


@dataclass(frozen=True)
class TextView:
    """English and Hindi of one source, or of all if ``source`` is None."""

    source: str | None
    sides: tuple[SideView, ...]


@dataclass(frozen=True)
class Section:
    """The section *Data*: of a report, where there is one, and the list of the stages.

    Attributes:
        splits: the funnels and the drops of each split.
        rules: the rules of normalisation: name, meaning, texts that it changed.
        normalized_texts: texts that the rules saw.
        texts: all sources, then each of them if they are several.
        scripts: the names of those that letters are counted by.
        tokenizers: what they make of validation, language by language.
        stages: each stage, with those of its counts that are shown nowhere else.
        several: whether there are several sources.
    """

    splits: tuple[SplitView, ...]
    rules: tuple[tuple[str, str, int], ...]
    normalized_texts: int
    texts: tuple[TextView, ...]
    scripts: tuple[str, ...]
    tokenizers: TokenizerReport | None
    stages: tuple[tuple[StageRow, tuple[tuple[str, int], ...]], ...]
    several: bool


def section_of(report: DataReport | None, stages: Sequence[StageRow]) -> Section | None:
    """What the template ``data_section.html`` shows; None if there is nothing."""
    listed = tuple((stage, _own_counts(stage.counts)) for stage in stages)
    if report is None:
        return Section((), (), 0, (), (), None, listed, several=False) if stages else None
    several = len(report.sources) > 1
    train = report.splits[0]
    texts = [_text_view(None, report.all_texts)]
    if several:
        texts += [_text_view(source, found) for source, found in report.texts.items()]
    return Section(
        tuple(_split_view(split, several) for split in report.splits),
        tuple((rule.name, rule.meaning, rule.texts) for rule in report.rules),
        2 * train.visited,
        tuple(texts),
        tuple(SCRIPTS),
        report.tokenizers,
        listed,
        several,
    )


def _own_counts(counts: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """Sums of the splits; those of sources, reasons and rules have tables of their own."""
    return tuple(
        (key.replace("_", " "), n)
        for key, n in counts.items()
        if "/" not in key and "_dropped_" not in key and "_normalized_" not in key
    )


def _split_view(split: SplitReport, several: bool) -> SplitView:
    funnels = [
        _funnel_view(f"{split.split}: {f.source}" if several else split.split, f)
        for f in split.funnels
    ]
    if len(funnels) > 1:
        funnels = [_funnel_view(f"{split.split}: all sources", split.total), *funnels]
    drops = tuple((_STAGE_TITLES.get(d.stage, d.stage), d) for d in split.drops)
    return SplitView(split, tuple(funnels), drops)


def _funnel_view(caption: str, funnel: Funnel) -> FunnelView:
    before = funnel.steps[0].pairs
    total = max(1, before)
    bars: list[Bar] = []
    for step in funnel.steps:
        lost = before - step.pairs
        bars.append(
            Bar(
                step.name,
                step.pairs,
                step.pairs / total,
                lost,
                lost / total,
                by_choice=step.name == "within the cap",
            )
        )
        before = step.pairs
    return FunnelView(caption, tuple(bars))


def _text_view(source: str | None, found: Statistics) -> TextView:
    sides = zip(_SIDES, found.visited, found.kept, strict=True)
    return TextView(source, tuple(_side_view(*side) for side in sides))


def _side_view(name: str, before: SideStatistics, after: SideStatistics) -> SideView:
    highest = max(1, int(before.words.max()))
    counts = zip(before.words.tolist(), after.words.tolist(), strict=True)
    bins = tuple(
        Bin(_bin_label(i), visited, kept, visited / highest, kept / highest)
        for i, (visited, kept) in enumerate(counts)
    )
    means = [side.total_words / max(1, int(side.words.sum())) for side in (before, after)]
    return SideView(
        name,
        bins,
        tuple((i / BINS, str(i * WORDS_A_BIN)) for i in range(0, BINS - 1, 4)),
        f"{(BINS - 1) * WORDS_A_BIN}+",
        f"On average {means[0]:.1f} words before and {means[1]:.1f} after.",
        (("before", before.script_shares()), ("after", after.script_shares())),
    )


def _bin_label(index: int) -> str:
    first = index * WORDS_A_BIN
    return f"{first} or more" if index == BINS - 1 else f"{first} to {first + WORDS_A_BIN - 1}"
