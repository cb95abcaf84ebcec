"""Breakdowns as a page draws them: scores as dots on their intervals, ticks for the champion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jobs.breakdown import BREAKDOWN_METRICS, Breakdown
from jobs.scores import METRIC_NAMES, Score


@dataclass(frozen=True)
class RangeView:
    """One score in a row.

    Attributes:
        score: with its interval.
        before: the champion's, in points; None if it has none.
    """

    score: Score
    before: float | None


@dataclass(frozen=True)
class RowView:
    """A bucket: its label, its sentences, and a range a metric; none if it was too few to score."""

    label: str
    sentences: int
    ranges: Sequence[RangeView]


@dataclass(frozen=True)
class CutView:
    """A cut through a test set."""

    title: str
    rows: Sequence[RowView]


@dataclass(frozen=True)
class BreakdownView:
    """All cuts through one test set, and the metrics of their columns.

    Attributes:
        test: the name of the test set.
        metrics: as people read them.
        tops: the end of each metric's scale, in points: the highest interval, rounded up.
        cuts: those that say something: a cut of one bucket does not.
        whole: the titles of the others with the one bucket that all sentences are in.
    """

    test: str
    metrics: Sequence[str]
    tops: Sequence[float]
    cuts: Sequence[CutView]
    whole: Sequence[tuple[str, str]]


def breakdown_views(
    breakdowns: Mapping[str, Sequence[Breakdown]], before: Mapping[str, Sequence[Breakdown]]
) -> list[BreakdownView]:
    """One view a test set."""
    return [_view(test, cuts, before.get(test, ())) for test, cuts in breakdowns.items() if cuts]


def _view(test: str, cuts: Sequence[Breakdown], before: Sequence[Breakdown]) -> BreakdownView:
    theirs = {
        (cut.key, bucket.label, metric): score.score
        for cut in before
        for bucket in cut.buckets
        for metric, score in bucket.scores.items()
    }
    several = [cut for cut in cuts if len(cut.buckets) > 1]
    views = [
        CutView(
            cut.title,
            [
                RowView(
                    bucket.label,
                    bucket.sentences,
                    [
                        RangeView(bucket.scores[m], theirs.get((cut.key, bucket.label, m)))
                        for m in BREAKDOWN_METRICS
                        if m in bucket.scores
                    ],
                )
                for bucket in cut.buckets
            ],
        )
        for cut in several
    ]
    ranges = [row.ranges for view in views for row in view.rows if row.ranges]
    tops = [
        _top([max(row[i].score.high, row[i].before or 0.0) for row in ranges])
        for i in range(len(BREAKDOWN_METRICS))
    ]
    return BreakdownView(
        test,
        [METRIC_NAMES[metric] for metric in BREAKDOWN_METRICS],
        tops,
        views,
        [(cut.title, cut.buckets[0].label) for cut in cuts if len(cut.buckets) == 1],
    )


def _top(highs: Sequence[float]) -> float:
    """The next ten points above all of them, at most 100."""
    highest = max(highs, default=0.0)
    return next((float(top) for top in range(10, 100, 10) if top >= highest), 100.0)
