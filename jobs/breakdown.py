"""Where a model is good and where it is not: one test set cut into buckets, each with its scores.

A cut puts every sentence into one bucket, so the sentences of its buckets add up to the test set.
Each bucket has BLEU (``intl``) and chrF2 with their bootstrap intervals; one of fewer than
:data:`MIN_SENTENCES` says how many it has and nothing else, since its scores would be noise.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from jobs.health import is_empty, numbers_of, repeats_itself
from jobs.scores import Score, score_all
from pipeline.errors import CorpusError

BREAKDOWN_METRICS = ("bleu_intl", "chrf2")

MIN_SENTENCES = 30
"""Sentences below which a bucket is not scored."""

SHORT_OUTPUT = 0.5
"""Words of a translation for each of its reference, below which it counts as broken off."""

_LONGEST = (5, 10, 20, 30, 40)
"""The most words that a source of each bucket has; one more bucket is for those above."""

_UNSEEN = (0.1, 0.25)
# One letter alone is a label, "(a)", or a unit.
_LATIN_WORD = re.compile(r"[A-Za-z\u00c0-\u024f]{2,}")


@dataclass(frozen=True)
class Sentences:
    """A translated test set, a sentence a row.

    Attributes:
        sources: the English.
        references: one reference for each.
        hypotheses: one translation for each.
        cut: whether the source was over the model's limit, and translated in pieces.
        origins: the source of the corpus that each is from.
        unseen: the share of each source's words that training never saw, 0 to 1; None where the
            training's vocabulary is not at hand.
    """

    sources: Sequence[str]
    references: Sequence[str]
    hypotheses: Sequence[str]
    cut: Sequence[bool]
    origins: Sequence[str]
    unseen: Sequence[float] | None = None


@dataclass(frozen=True)
class Bucket:
    """Some sentences of a test set, and how well they are translated.

    Attributes:
        label: what they have in common.
        sentences: how many they are.
        scores: of :data:`BREAKDOWN_METRICS`; empty where they are too few.
    """

    label: str
    sentences: int
    scores: Mapping[str, Score]


@dataclass(frozen=True)
class Breakdown:
    """One cut through a test set.

    Attributes:
        key: short and unique, e.g. ``length``.
        title: what the sentences are told apart by.
        buckets: in their order; none is empty.
    """

    key: str
    title: str
    buckets: tuple[Bucket, ...]

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Breakdown:
        """What :meth:`to_json` made."""
        buckets = tuple(
            Bucket(
                b["label"], b["sentences"], {name: Score(**s) for name, s in b["scores"].items()}
            )
            for b in data["buckets"]
        )
        return cls(data["key"], data["title"], buckets)


def break_down(sentences: Sentences, bootstrap_samples: int) -> list[Breakdown]:
    """All cuts through a test set that say something of it.

    Left out are the cut by unseen words where no vocabulary is known, and that by origin where
    there is one only.

    Args:
        sentences: of the test set.
        bootstrap_samples: resamples of a bucket for its intervals, at least 2.

    Raises:
        CorpusError: if there are no sentences, or the columns differ in length.
        ConfigError: if there are fewer than 2 resamples.
    """
    total = len(sentences.sources)
    columns = [sentences.references, sentences.hypotheses, sentences.cut, sentences.origins]
    columns += [sentences.unseen] if sentences.unseen is not None else []
    if not total or any(len(column) != total for column in columns):
        raise CorpusError(
            f"a breakdown must have a value of each column for each of one sentence or more, but "
            f"has {total} sources beside {', '.join(str(len(c)) for c in columns)} others; "
            f"translate the test set again"
        )
    made = [
        _cut("length", "Words of the source", _length_labels(), sentences, _length_of),
        _cut("digits", "Numbers of the source", _DIGITS, sentences, _digits_of),
        _cut("unseen", "Source words that training never saw", _UNSEEN_LABELS, sentences, _unseen)
        if sentences.unseen is not None
        else None,
        _cut("latin", "Latin words in the translation", _LATIN, sentences, _latin_of),
        _cut("repetition", "Repetition in the translation", _REPETITION, sentences, _repetition),
        _cut("output", "Length of the translation", _OUTPUT, sentences, _output_of),
        _cut(
            "origin",
            "Source of the corpus",
            list(dict.fromkeys(sentences.origins)),
            sentences,
            lambda s, i: s.origins[i],
        )
        if len(set(sentences.origins)) > 1
        else None,
    ]
    return [
        Breakdown(
            cut.key,
            cut.title,
            tuple(
                _bucket(label, places, sentences, bootstrap_samples)
                for label, places in cut.places.items()
                if places
            ),
        )
        for cut in made
        if cut is not None
    ]


@dataclass(frozen=True)
class _Cut:
    key: str
    title: str
    places: Mapping[str, list[int]]


def _cut(
    key: str,
    title: str,
    labels: Sequence[str],
    sentences: Sentences,
    label_of: Callable[[Sentences, int], str],
) -> _Cut:
    places: dict[str, list[int]] = {label: [] for label in labels}
    for i in range(len(sentences.sources)):
        places[label_of(sentences, i)].append(i)
    return _Cut(key, title, places)


def _bucket(label: str, places: Sequence[int], sentences: Sentences, samples: int) -> Bucket:
    if len(places) < MIN_SENTENCES:
        return Bucket(label, len(places), {})
    scores = score_all(
        [sentences.hypotheses[i] for i in places],
        [sentences.references[i] for i in places],
        samples,
        BREAKDOWN_METRICS,
    )
    return Bucket(label, len(places), scores)


# The cuts: the labels of each, and which a sentence has.


def _length_labels() -> list[str]:
    lowest = [1, *(longest + 1 for longest in _LONGEST)]
    labels = [f"{a} to {b}" for a, b in zip(lowest, _LONGEST, strict=False)]
    return [*labels, f"{lowest[-1]} or more"]


def _length_of(sentences: Sentences, i: int) -> str:
    words = len(sentences.sources[i].split())
    bucket = sum(words > longest for longest in _LONGEST)
    return _length_labels()[bucket]


_DIGITS = ("none", "all in the translation", "not all in the translation")


def _digits_of(sentences: Sentences, i: int) -> str:
    source = numbers_of(sentences.sources[i])
    if not source:
        return _DIGITS[0]
    return _DIGITS[1] if source <= numbers_of(sentences.hypotheses[i]) else _DIGITS[2]


_UNSEEN_LABELS = ("none", "up to 10%", "up to 25%", "more than 25%")


def _unseen(sentences: Sentences, i: int) -> str:
    assert sentences.unseen is not None
    share = sentences.unseen[i]
    return _UNSEEN_LABELS[(share > 0) + sum(share > bound for bound in _UNSEEN)]


_LATIN = ("none", "those of the reference", "others than the reference has")


def _latin_of(sentences: Sentences, i: int) -> str:
    ours, theirs = (
        set(map(str.casefold, _LATIN_WORD.findall(text)))
        for text in (sentences.hypotheses[i], sentences.references[i])
    )
    if not ours:
        return _LATIN[0]
    return _LATIN[1] if ours <= theirs else _LATIN[2]


_REPETITION = ("none", "some words four times in a row")


def _repetition(sentences: Sentences, i: int) -> str:
    return _REPETITION[repeats_itself(sentences.hypotheses[i])]


_OUTPUT = ("ordinary", "empty", "under half of the reference", "source translated in pieces")


def _output_of(sentences: Sentences, i: int) -> str:
    if is_empty(sentences.hypotheses[i]):
        return _OUTPUT[1]
    if sentences.cut[i]:
        return _OUTPUT[3]
    ours, theirs = (len(t[i].split()) for t in (sentences.hypotheses, sentences.references))
    return _OUTPUT[2] if ours < SHORT_OUTPUT * theirs else _OUTPUT[0]
