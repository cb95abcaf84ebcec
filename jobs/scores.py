"""How good translations are: sacreBLEU's scores, and a paired test.

All functions take raw, detokenised text, one string a sentence, and change nothing in it. A score
never goes without the signature that reproduces it: the metrics, their settings and the bootstrap
are sacreBLEU's own (Post, "A Call for Clarity in Reporting BLEU Scores", WMT 2018), so the
``sacrebleu`` command prints the same figures for the same two files.
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.errors import ConfigError, CorpusError

METRICS = ("bleu_intl", "bleu_13a", "chrf2", "chrf++", "ter")
"""What :func:`score_all` computes; of ``ter``, a rate of errors, less is better."""

SPBLEU = "spbleu"
"""BLEU on the pieces of FLORES-200's SentencePiece model, which sacreBLEU fetches (NLLB 2022)."""

COMET = "comet"
"""See :mod:`jobs.comet`."""

METRIC_NAMES = {
    "bleu_intl": "BLEU (intl)",
    "bleu_13a": "BLEU (13a)",
    "chrf2": "chrF2",
    "chrf++": "chrF++",
    "ter": "TER",
    SPBLEU: "spBLEU",
    COMET: "COMET",
}
"""How people read them."""

DANDA_METRICS = ("bleu_intl", "bleu_13a", "chrf2")
"""Those that :func:`danda_scores` computes under both conventions."""

DANDA_THRESHOLD = 0.5
"""Points between the two conventions that are worth a warning."""

# One danda or full stop at the end, with the space around it; an ellipsis is neither.
_FINAL_MARK = re.compile(r"(?<![।.\s])\s*[।.]\s*$")


@dataclass(frozen=True)
class Score:
    """One metric over one test set.

    Attributes:
        score: in points, as ``sacrebleu`` prints it.
        low: the lower end of the 95% bootstrap interval, in points.
        high: its upper end.
        signature: sacreBLEU's, which reproduces all three.
    """

    score: float
    low: float
    high: float
    signature: str


@dataclass(frozen=True)
class PairedResult:
    """Two systems on one test set.

    Attributes:
        champion: its BLEU (tokenizer ``intl``), in points.
        challenger: likewise.
        difference: challenger minus champion, in points.
        p_value: how often chance alone makes a difference of this size, in either direction; so a
            small one speaks for the challenger only where ``difference`` is positive.
        signature: sacreBLEU's, which reproduces all four.
    """

    champion: float
    challenger: float
    difference: float
    p_value: float
    signature: str


@dataclass(frozen=True)
class DandaScore:
    """One metric under two conventions of ending a sentence; see :func:`danda_scores`.

    Attributes:
        as_written: of the translations as they are, in points.
        as_reference: of the same, each ended as its reference is, in points.
    """

    as_written: float
    as_reference: float

    @property
    def effect(self) -> float:
        """The points that hang on the convention, and on nothing else."""
        return self.as_reference - self.as_written


def score_all(
    hypotheses: Sequence[str],
    references: Sequence[str],
    bootstrap_samples: int,
    metrics: Sequence[str] = METRICS,
) -> dict[str, Score]:
    """Every metric of ``metrics``, in that order, with its 95% interval.

    TER keeps sacreBLEU's default of ignoring case, as its signature says (``case:lc``); it matters
    for the Latin words in Hindi text only.

    Args:
        hypotheses: one translation a sentence.
        references: one reference for each.
        bootstrap_samples: resamples of the test set for the interval, at least 2.
        metrics: of :data:`METRICS`; all of them unless given.

    Raises:
        CorpusError: if there are no sentences, or not one reference for each translation.
        ConfigError: if there are fewer than 2 resamples.
    """
    require_pairs(hypotheses, references)
    require_samples(bootstrap_samples)
    return {
        name: _score(name, build_metric(name), hypotheses, references, bootstrap_samples)
        for name in metrics
    }


def spbleu_problem() -> str | None:
    """Why spBLEU can't be computed here, in a sentence; None if it can.

    Asks the network for its model, unless that was fetched before.
    """
    try:
        with warnings_only("sacrebleu"):
            build_metric(SPBLEU)
    except Exception as error:  # sacreBLEU, urllib and SentencePiece each have their own
        reason = " ".join(str(error).split())
        return (
            f"spBLEU needs FLORES-200's SentencePiece model, but it can't be had here ({reason}): "
            f"lay it at ~/.sacrebleu/models/flores200sacrebleuspm, or set evaluation.spbleu=false"
        )
    return None


def sentence_scores(hypotheses: Sequence[str], references: Sequence[str]) -> list[float]:
    """The chrF2 of each sentence by itself, in points.

    Raises:
        CorpusError: if there are no sentences, or not one reference for each translation.
    """
    require_pairs(hypotheses, references)
    metric = build_metric("chrf2")
    pairs = zip(hypotheses, references, strict=True)
    return [float(metric.sentence_score(h, [r]).score) for h, r in pairs]


def paired_bootstrap(
    champion: Sequence[str], challenger: Sequence[str], references: Sequence[str], samples: int
) -> PairedResult:
    """Does the challenger differ from the champion by more than chance? (Koehn, EMNLP 2004.)

    sacreBLEU's paired bootstrap on BLEU (tokenizer ``intl``), with the champion as its baseline.
    Two cases are set apart, since there sacreBLEU answers its smallest p-value, 1/(samples + 1):
    equal scores, and a test set of one sentence, all resamples of which are that sentence. Neither
    is evidence of a difference, so their p-value is 1.

    Args:
        champion: the baseline's translations.
        challenger: the other system's, of the same sentences.
        references: one reference for each.
        samples: resamples of the test set, at least 2.

    Raises:
        CorpusError: if there are no sentences, or not one reference for each translation.
        ConfigError: if there are fewer than 2 resamples.
    """
    require_pairs(champion, references)
    require_pairs(challenger, references)
    require_samples(samples)
    from sacrebleu.significance import PairedTest

    with warnings_only("sacrebleu"):
        test = PairedTest(
            [("champion", list(champion)), ("challenger", list(challenger))],
            {"BLEU": build_metric("bleu_intl")},
            [list(references)],
            test_type="bs",
            n_samples=samples,
            n_jobs=1,
        )
        signatures, results = test()
    # Typed as if it could hold names, as sacreBLEU's column of names does.
    column: Any = results["BLEU"]
    baseline, other = column
    difference = float(other.score - baseline.score)
    tells_nothing = difference == 0 or len(references) == 1
    return PairedResult(
        champion=float(baseline.score),
        challenger=float(other.score),
        difference=difference,
        p_value=1.0 if tells_nothing else float(other.p_value),
        signature=str(signatures["BLEU"]),
    )


def danda_scores(hypotheses: Sequence[str], references: Sequence[str]) -> dict[str, DandaScore]:
    """The metrics of :data:`DANDA_METRICS` under both conventions of ending a sentence.

    Hindi ends a sentence in a danda: glued to the word, after a space, or as a full stop. The
    tokenizer ``13a`` splits off the full stop but not the danda, so it sees different last words.
    The second score of each is that of the translations with their final danda or full stop, and
    the space before it, written as the reference writes its own; equal where the conventions agree.

    Raises:
        CorpusError: if there are no sentences, or not one reference for each translation.
    """
    require_pairs(hypotheses, references)
    unified = [_end_like(h, r) for h, r in zip(hypotheses, references, strict=True)]
    found = {}
    for name in DANDA_METRICS:
        metric = build_metric(name)
        written, like = (
            float(metric.corpus_score(texts, [references]).score) for texts in (hypotheses, unified)
        )
        found[name] = DandaScore(written, like)
    return found


def danda_note(found: Mapping[str, DandaScore]) -> str | None:
    """One sentence of warning where a metric's scores differ by more than the threshold."""
    over = [
        f"{METRIC_NAMES[name]} is {score.as_written:.1f} as written and {score.as_reference:.1f}"
        for name, score in found.items()
        if abs(score.effect) > DANDA_THRESHOLD
    ]
    if not over:
        return None
    return (
        f"{'; '.join(over)} if each sentence only ended as its reference does (a danda glued to "
        f"the word, a danda after a space, or a full stop): compare systems that end their "
        f"sentences alike, or by what differs least, chrF2."
    )


def build_metric(name: str) -> Any:
    """sacreBLEU's object for one of :data:`METRICS`."""
    # sacreBLEU imports numpy and its list of test sets; a command's --help must not wait for that.
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF
    from sacrebleu.metrics.ter import TER

    match name:
        case "bleu_intl":
            return BLEU(tokenize="intl")
        case "bleu_13a":
            return BLEU(tokenize="13a")
        case "spbleu":
            return BLEU(tokenize="flores200")
        case "chrf2":
            return CHRF()
        case "chrf++":
            return CHRF(word_order=2)
        case "ter":
            return TER()
    raise AssertionError(name)


def _score(
    name: str, metric: Any, hypotheses: Sequence[str], references: Sequence[str], samples: int
) -> Score:
    try:
        found = metric.corpus_score(hypotheses, [references], n_bootstrap=samples)
    except TypeError:
        found = _score_with_zeros(metric, hypotheses, references, samples)
    # sacreBLEU prints "μ = mean ± ci": the mean of the resamples' scores and half the distance of
    # their 2.5% and 97.5% points. It has no public name for the two. Centred on the mean, a skewed
    # interval can reach over the ends of the scale, where no score is.
    low = max(0.0, found._mean - found._ci)
    high = found._mean + found._ci
    if name != "ter":
        high = min(100.0, high)
    return Score(float(found.score), float(low), float(high), str(metric.get_signature()))


def _score_with_zeros(
    metric: Any, hypotheses: Sequence[str], references: Sequence[str], samples: int
) -> Any:
    """What ``corpus_score`` answers, also where some resamples have nothing right.

    The score of such a one is a Python float and that of the others numpy's float32, which
    :func:`statistics.mean`, called by sacreBLEU 2.6, refuses to add up.
    """
    from sacrebleu.metrics.base import Score as AnyScore
    from sacrebleu.significance import _bootstrap_resample

    found = metric.corpus_score(hypotheses, [references])
    stats = metric._extract_corpus_statistics(hypotheses, [references])
    metric.n_bootstrap = samples
    metric.seed, resampled = _bootstrap_resample(stats, metric, samples)
    found.estimate_ci([AnyScore(one.name, float(one.score)) for one in resampled])
    return found


def _end_like(hypothesis: str, reference: str) -> str:
    ours, theirs = _FINAL_MARK.search(hypothesis), _FINAL_MARK.search(reference)
    if ours is None or theirs is None:
        return hypothesis
    return hypothesis[: ours.start()] + theirs.group()


def require_pairs(hypotheses: Sequence[str], references: Sequence[str]) -> None:
    """Refuse an empty test set, and one with another number of translations.

    Raises:
        CorpusError: with both numbers.
    """
    if len(hypotheses) != len(references):
        raise CorpusError(
            f"each translation must have one reference, but there are {len(hypotheses)} "
            f"translations and {len(references)} references; translate the test set again"
        )
    if not references:
        raise CorpusError(
            "a test set must have at least one sentence, but this one is empty; "
            "check evaluation.tests and the counts of the stage `clean`"
        )


def require_samples(samples: int) -> None:
    """Refuse a bootstrap of fewer than 2 samples.

    Raises:
        ConfigError: naming the setting.
    """
    if samples < 2:
        raise ConfigError(
            f"a bootstrap must have at least 2 samples, not {samples}; "
            f"evaluation.bootstrap_samples is 1000 unless set"
        )


@contextlib.contextmanager
def warnings_only(name: str) -> Iterator[None]:
    """Keep the logger ``name`` from telling of its progress."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
