"""Two systems on one test set: which is better, whether by more than chance, and where.

The two tests are sacreBLEU's: the paired bootstrap (Koehn, EMNLP 2004) and paired approximate
randomisation (Riezler and Maxwell, ACL 2005 workshop). Both ask how often chance alone makes a
difference of this size; the first draws other test sets, the second swaps the systems' sentences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from jobs.scores import build_metric, require_pairs, require_samples, sentence_scores, warnings_only

COMPARED_METRICS = {"bleu_intl": "BLEU", "chrf2": "chrF2"}
"""Metric → what sacreBLEU's tests call it."""

_TIE = 0.005
"""Points of chrF2 below which two translations are equally good: what would show as 0.00."""


@dataclass(frozen=True)
class PairedTests:
    """One metric of both systems.

    Attributes:
        metric: of :data:`COMPARED_METRICS`.
        a: the first system's score, in points.
        b: the second's.
        bootstrap_p: of the paired bootstrap, in either direction.
        randomisation_p: of paired approximate randomisation, in either direction.
        bootstrap_signature: sacreBLEU's, which reproduces it.
        randomisation_signature: likewise.
    """

    metric: str
    a: float
    b: float
    bootstrap_p: float
    randomisation_p: float
    bootstrap_signature: str
    randomisation_signature: str

    @property
    def difference(self) -> float:
        """The second minus the first, in points."""
        return self.b - self.a


@dataclass(frozen=True)
class Difference:
    """A sentence that the two translate unequally well; ``chrf2`` is each one's, in points."""

    number: int
    source: str
    reference: str
    a: str
    b: str
    a_chrf2: float
    b_chrf2: float

    @property
    def gain(self) -> float:
        """Points of chrF2 by which the second is better."""
        return self.b_chrf2 - self.a_chrf2


@dataclass(frozen=True)
class Comparison:
    """Two systems, A and B, on one test set.

    Attributes:
        sentences: how many there are.
        tests: one for each metric.
        wins: sentences whose chrF2 is higher in B.
        losses: those whose is lower.
        ties: the others.
        largest: the sentences that differ most, those that B gains most in first.
    """

    sentences: int
    tests: tuple[PairedTests, ...]
    wins: int
    losses: int
    ties: int
    largest: tuple[Difference, ...]


def compare_outputs(
    sources: Sequence[str],
    references: Sequence[str],
    a: Sequence[str],
    b: Sequence[str],
    samples: int,
    shown: int = 10,
) -> Comparison:
    """Compare the translations ``a`` with the translations ``b`` of the same sentences.

    Args:
        sources: the sentences.
        references: one for each.
        a: one system's translations.
        b: the other's.
        samples: resamples of the bootstrap, and trials of the randomisation, at least 2.
        shown: how many of the largest differences are kept, half of each direction where there
            are as many.

    Raises:
        CorpusError: if there are no sentences, or not one reference for each translation.
        ConfigError: if there are fewer than 2 resamples.
    """
    require_pairs(a, references)
    require_pairs(b, references)
    require_samples(samples)
    scores = sentence_scores(a, references), sentence_scores(b, references)
    rows = [
        Difference(number, *row)
        for number, row in enumerate(zip(sources, references, a, b, *scores, strict=True), start=1)
    ]
    differing = sorted(
        (row for row in rows if abs(row.gain) >= _TIE), key=lambda row: (-row.gain, row.number)
    )
    wins = sum(row.gain > 0 for row in differing)
    losses = len(differing) - wins
    best = min(wins, max(shown - shown // 2, shown - losses))
    worst = min(losses, shown - best)
    return Comparison(
        sentences=len(rows),
        tests=_paired_tests(a, b, references, samples),
        wins=wins,
        losses=losses,
        ties=len(rows) - len(differing),
        largest=(*differing[:best], *differing[len(differing) - worst :]),
    )


def _paired_tests(
    a: Sequence[str], b: Sequence[str], references: Sequence[str], samples: int
) -> tuple[PairedTests, ...]:
    bootstrap = _run("bs", a, b, references, samples)
    randomisation = _run("ar", a, b, references, samples)
    found = []
    for metric in COMPARED_METRICS:
        (a_score, b_score, bootstrap_p, bs), (_, _, randomisation_p, ar) = (
            bootstrap[metric],
            randomisation[metric],
        )
        found.append(PairedTests(metric, a_score, b_score, bootstrap_p, randomisation_p, bs, ar))
    return tuple(found)


def _run(
    kind: Literal["bs", "ar"],
    a: Sequence[str],
    b: Sequence[str],
    references: Sequence[str],
    samples: int,
) -> dict[str, tuple[float, float, float, str]]:
    """Metric → both scores, the p-value and the signature."""
    from sacrebleu.significance import PairedTest

    with warnings_only("sacrebleu"):
        test = PairedTest(
            [("a", list(a)), ("b", list(b))],
            {called: build_metric(metric) for metric, called in COMPARED_METRICS.items()},
            [list(references)],
            test_type=kind,
            n_samples=samples,
            n_jobs=1,
        )
        signatures, results = test()
    found = {}
    for metric, called in COMPARED_METRICS.items():
        # Typed as if it could hold names, as sacreBLEU's column of names does.
        column: Any = results[called]
        first, second = column
        scores = float(first.score), float(second.score)
        # There sacreBLEU's bootstrap answers its smallest p-value; neither is evidence.
        tells_nothing = scores[0] == scores[1] or len(references) == 1
        p_value = 1.0 if tells_nothing else float(second.p_value)
        found[metric] = (*scores, p_value, str(signatures[called]))
    return found
