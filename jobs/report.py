"""The report of one registered version: everything that its gate saw, as one HTML file.

reads   :class:`ReportData`, which the evaluation fills
writes  nothing; the page is a string, to be kept as ``report.html``
holds   the page asks the network for nothing, and text from the corpus is shown, never run
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jobs.breakdown import Breakdown
from jobs.breakdown_view import breakdown_views
from jobs.page import StageRow, template
from jobs.scores import METRIC_NAMES, METRICS, Score

if TYPE_CHECKING:
    from jobs.data_report import DataReport

MAX_SAMPLES = 3000
"""Translations that a page shows; many more, and a phone can't open it."""

_TEMPLATE = "report.html"
_LESS_IS_BETTER = frozenset({"ter"})
# Python's \w has no matras, so words are what lies between spaces and marks of punctuation.
_MARKS = r"।॥.,!?;:…\"'“”‘’()\[\]{}|/–—"
_PIECES = re.compile(rf"\s+|[{_MARKS}]|[^\s{_MARKS}]+")


@dataclass(frozen=True)
class Sample:
    """One translated sentence of the test set ``test``."""

    source: str
    reference: str
    hypothesis: str
    test: str


@dataclass(frozen=True)
class GateRow:
    """One rule of the gate: what must hold, what was measured, and whether it does."""

    rule: str
    measured: str
    bound: str
    holds: bool


@dataclass(frozen=True)
class Heatmap:
    """One sentence's alignment: words, and a row of weights for each word of the translation."""

    test: str
    source: Sequence[str]
    target: Sequence[str]
    weights: Sequence[Sequence[float]]


@dataclass(frozen=True)
class ReportData:
    """All that a report shows.

    Attributes:
        title: the registered name, e.g. ``phrasebook``.
        version: of the registered model.
        alias: ``champion`` or ``challenger``.
        created: ISO time.
        run_id: the tracking server's.
        experiment_command: the command that does it all again.
        verdict: the gate's decision, in a sentence.
        promoted: whether it is the champion now.
        champion_before: the version that was the champion, if any.
        stages: in the order in which they ran.
        data: what the data stages made, if that is known.
        history: the training's events, as :func:`model.training.train` reports them.
        tests: the scores by test set and metric.
        champion_tests: those of the champion before, if any.
        decided: whether a gate decided; an evaluation by itself has none.
        gate: its rules.
        breakdowns: by test set, the scores of its parts.
        champion_breakdowns: those of the champion before.
        heatmaps: what was looked at in a few sentences; none of a model without attention.
        samples: the translations, in the order of the test sets; see :data:`MAX_SAMPLES`.
        config_yaml: the resolved configuration.
        lineage: where it all comes from: names and values, e.g. the corpus's revision.
        notes: warnings, a sentence each.
    """

    title: str
    version: str
    alias: str
    created: str
    run_id: str
    experiment_command: str
    verdict: str
    promoted: bool
    champion_before: str | None = None
    stages: list[StageRow] = field(default_factory=list)
    data: DataReport | None = None
    history: list[dict[str, Any]] = field(default_factory=list)
    tests: dict[str, dict[str, Score]] = field(default_factory=dict)
    champion_tests: dict[str, dict[str, Score]] | None = None
    decided: bool = True
    gate: list[GateRow] = field(default_factory=list)
    breakdowns: Mapping[str, Sequence[Breakdown]] = field(default_factory=dict)
    champion_breakdowns: Mapping[str, Sequence[Breakdown]] = field(default_factory=dict)
    heatmaps: Sequence[Heatmap] = ()
    samples: list[Sample] = field(default_factory=list)
    config_yaml: str = ""
    lineage: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def render(data: ReportData) -> str:
    """The page; it is complete in itself, and the same for the same data."""
    from jobs.curves import draw_curves
    from jobs.data_page import section_of

    return template(_TEMPLATE).render(
        data=data,
        test_names=list(data.tests),
        score_rows=_score_rows(data),
        breakdowns=breakdown_views(data.breakdowns, data.champion_breakdowns),
        charts=draw_curves(data.history),
        section=section_of(data.data, data.stages),
        samples=[_sample_view(i, s) for i, s in enumerate(data.samples[:MAX_SAMPLES], start=1)],
        sample_tests=list(dict.fromkeys(s.test for s in data.samples[:MAX_SAMPLES])),
    )


@dataclass(frozen=True)
class _Cell:
    score: Score
    change: float | None
    better: bool


@dataclass(frozen=True)
class _ScoreRow:
    metric: str
    less_is_better: bool
    cells: list[_Cell | None]
    signatures: list[str]


def _score_rows(data: ReportData) -> list[_ScoreRow]:
    """One row for each metric that any test set has, the known metrics first."""
    seen = dict.fromkeys(m for scores in data.tests.values() for m in scores)
    metrics = [m for m in METRICS if m in seen] + [m for m in seen if m not in METRICS]
    rows = []
    for metric in metrics:
        cells = [_cell(data, test, metric) for test in data.tests]
        signatures = list(dict.fromkeys(c.score.signature for c in cells if c is not None))
        name = METRIC_NAMES.get(metric, metric)
        rows.append(_ScoreRow(name, metric in _LESS_IS_BETTER, cells, signatures))
    return rows


def _cell(data: ReportData, test: str, metric: str) -> _Cell | None:
    score = data.tests[test].get(metric)
    if score is None:
        return None
    before = (data.champion_tests or {}).get(test, {}).get(metric)
    if before is None:
        return _Cell(score, None, better=False)
    # Rounded as shown: what reads as ±0.00 is neither better nor worse.
    change = round(score.score - before.score, 2)
    return _Cell(score, change, better=(change < 0) == (metric in _LESS_IS_BETTER))


@dataclass(frozen=True)
class _SampleView:
    """A row of the table: ``pieces`` is the hypothesis, each stretch with "is it marked?"."""

    number: int
    sample: Sample
    pieces: list[tuple[str, bool]]
    overlap: float


def _sample_view(number: int, sample: Sample) -> _SampleView:
    pieces, overlap = _compare(sample.hypothesis, sample.reference)
    return _SampleView(number, sample, pieces, overlap)


def _compare(hypothesis: str, reference: str) -> tuple[list[tuple[str, bool]], float]:
    """Mark what the hypothesis has and the reference has not.

    Returns:
        the hypothesis in stretches, each with whether it is marked, which together are its text;
        and twice the words in common, in order, for each word of both, 0 to 1.
    """
    pieces = _PIECES.findall(hypothesis)
    ours = [p for p in pieces if not p.isspace()]
    theirs = [p for p in _PIECES.findall(reference) if not p.isspace()]
    matcher = difflib.SequenceMatcher(None, ours, theirs, autojunk=False)
    blocks = matcher.get_matching_blocks()
    common = {i for block in blocks for i in range(block.a, block.a + block.size)}
    marks = iter(i not in common for i in range(len(ours)))
    flagged = [(p, None if p.isspace() else next(marks)) for p in pieces]
    total = len(ours) + len(theirs)
    return _join_alike(flagged), 2 * len(common) / total if total else 1.0


def _join_alike(flagged: Iterable[tuple[str, bool | None]]) -> list[tuple[str, bool]]:
    """Neighbours with the same mark as one stretch; a space (None) between two marked is marked."""
    joined: list[tuple[str, bool]] = []
    space = ""
    for text, marked in flagged:
        if marked is None:
            space += text
            continue
        if joined and joined[-1][1] == marked:
            joined[-1] = (joined[-1][0] + space + text, marked)
        elif marked and space:
            _append_plain(joined, space)
            joined.append((text, marked))
        else:
            joined.append((space + text, marked))
        space = ""
    if space:
        _append_plain(joined, space)
    return joined


def _append_plain(joined: list[tuple[str, bool]], text: str) -> None:
    if joined and not joined[-1][1]:
        joined[-1] = (joined[-1][0] + text, False)
    else:
        joined.append((text, False))
