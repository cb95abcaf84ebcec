"""Other segmentations of a text than the best one, drawn at random.

A model that sees a sentence cut in several ways learns what its pieces have in common. Of a unigram
model a segmentation is drawn with a probability that its score, smoothed by ``alpha``, gives it
(Kudo 2018, "Subword Regularization", §3.2, all segmentations); of a BPE model merges are dropped
(Provilkov et al. 2020, "BPE-Dropout", algorithm 1).

SentencePiece samples too, but mixes something of the process into its seed: two processes with the
same seed draw differently, and then no token array could be made again. Pieces never reach over a
space, so words can be cut one by one, and a word that occurs often is cut only so often.
"""

from __future__ import annotations

import math
import random
from array import array
from bisect import bisect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt

from pipeline.ragged import Ragged, ends_of

ModelType = Literal["unigram", "bpe"]
SPACE = "▁"
"""How SentencePiece writes a space, the one before a word being part of the word."""

# Of a word that occurs more often, each occurrence takes one of so many draws.
_MAX_DRAWS = 64

_WORDS_TOGETHER = 1 << 16

_ALPHA: Mapping[ModelType, float] = {"unigram": 0.2, "bpe": 0.1}

Draw = Callable[[random.Random], list[int]]
"""Draws one segmentation."""


@dataclass(frozen=True)
class Vocabulary:
    """The pieces of a tokenizer.

    Attributes:
        model_type: what the scores mean: log-probabilities, or the order of merges.
        pieces: by id.
        scores: by id.
        is_text: by id; False of special pieces, bytes and the unknown, which nothing else can
            stand for.
    """

    model_type: ModelType
    pieces: tuple[str, ...]
    scores: tuple[float, ...]
    is_text: tuple[bool, ...]

    def scored(self) -> dict[str, tuple[int, float]]:
        """Text of a piece → its id and score."""
        entries = zip(self.pieces, self.scores, self.is_text, strict=True)
        return {p: (i, score) for i, (p, score, is_text) in enumerate(entries) if is_text}


class SubwordSampler:
    """Draws segmentations of sentences whose best one is known.

    Args:
        vocabulary: of the tokenizer.
        alpha: of a unigram model the exponent of the probabilities: 1 leaves them, towards 0 all
            segmentations become alike; 0.2 if None. Of BPE the probability of dropping a merge;
            0.1 if None.
    """

    def __init__(self, vocabulary: Vocabulary, alpha: float | None = None) -> None:
        if alpha is None:
            alpha = _ALPHA[vocabulary.model_type]
        self._vocabulary = vocabulary
        scored = vocabulary.scored()
        self._draw_of: Callable[[str], Draw]
        if vocabulary.model_type == "unigram":
            longest = max(map(len, scored), default=1)
            self._draw_of = lambda text: _unigram(text, scored, longest, alpha)
        else:
            self._draw_of = lambda text: _bpe(text, scored, alpha)
        self._begins = np.array([piece.startswith(SPACE) for piece in vocabulary.pieces])

    def sample(self, best: Ragged, variants: int, rng: np.random.Generator) -> Iterator[Ragged]:
        """So many variants of all sentences, each independent of the others, one at a time.

        Args:
            best: ids of each sentence, in the segmentation that the tokenizer gives.
            variants: how many.
            rng: what is drawn is a function of its state, of ``best`` and of the vocabulary.
        """
        begins = self._begins[best.values]
        begins[best.offsets[:-1][best.lengths > 0]] = True
        starts = np.flatnonzero(begins)
        words = Ragged(best.values, np.append(starts, len(best.values)).astype(np.int64))
        kinds, kind = _distinct(words)
        occurrences = np.bincount(kind, minlength=len(kinds))
        drawn = np.minimum(occurrences * variants, _MAX_DRAWS)
        first = ends_of(drawn)
        source = random.Random(int(rng.integers(1 << 62)))
        found, rank = self._cuts(kinds, drawn, source), _ranks(kind, occurrences)
        # Where each sentence's words begin and end among all words.
        ends = np.searchsorted(starts, best.offsets)
        enough = occurrences * variants <= _MAX_DRAWS
        for variant in range(variants):
            at_random = (rng.random(len(kind)) * drawn[kind]).astype(np.int64)
            own = variant * occurrences[kind] + rank
            chosen = np.where(enough[kind], own, at_random)
            del at_random, own
            chosen += first[kind]
            cut = found.take(chosen)
            del chosen
            yield Ragged(cut.values, cut.offsets[ends])

    def _cuts(
        self, kinds: Sequence[tuple[int, ...]], drawn: npt.NDArray[np.int64], rng: random.Random
    ) -> Ragged:
        """So many draws of each word, one after the other."""
        # Half a million lists would be most of what a task holds.
        values, lengths = array("i"), array("i")
        for ids, count in zip(kinds, drawn.tolist(), strict=True):
            draw = self.draw_of(ids)
            for _ in range(count):
                cut = draw(rng)
                values.extend(cut)
                lengths.append(len(cut))
        return Ragged(np.array(values, np.int32), ends_of(np.array(lengths, np.int32)))

    def draw_of(self, ids: tuple[int, ...]) -> Draw:
        """What draws segmentations of the word that ``ids`` are one segmentation of."""
        vocabulary = self._vocabulary
        parts: list[Draw] = []
        for is_text, run in groupby(ids, key=lambda i: vocabulary.is_text[i]):
            if is_text:
                parts.append(self._draw_of("".join(vocabulary.pieces[i] for i in run)))
            else:
                parts.append(_always(list(run)))
        if len(parts) == 1:
            return parts[0]
        return lambda rng: [i for part in parts for i in part(rng)]


def _always(ids: list[int]) -> Draw:
    return lambda rng: ids


def _unigram(
    text: str, scored: Mapping[str, tuple[int, float]], longest: int, alpha: float
) -> Draw:
    """Forward filtering, backward sampling: exact, whatever the number of segmentations."""
    # total[end]: log of the summed weights of all segmentations of text[:end].
    total = [0.0]
    # back[end]: of the pieces that can end there, where each begins, its id, and summed weights.
    back: list[tuple[list[int], list[int], list[float]]] = [([], [], [])]
    for end in range(1, len(text) + 1):
        begins, ids, logs = [], [], []
        for begin in range(max(0, end - longest), end):
            piece = scored.get(text[begin:end])
            if piece is not None and total[begin] > -math.inf:
                begins.append(begin)
                ids.append(piece[0])
                logs.append(total[begin] + alpha * piece[1])
        peak = max(logs, default=-math.inf)
        sums, running = [], 0.0
        for log in logs:
            running += math.exp(log - peak)
            sums.append(running)
        total.append(peak + math.log(running) if running else -math.inf)
        back.append((begins, ids, sums))
    assert total[-1] > -math.inf, f"{text!r} was cut into pieces before"

    def draw(rng: random.Random) -> list[int]:
        end, found = len(text), []
        while end:
            begins, ids, sums = back[end]
            at = 0 if len(ids) == 1 else bisect(sums, rng.random() * sums[-1], hi=len(sums) - 1)
            found.append(ids[at])
            end = begins[at]
        found.reverse()
        return found

    return draw


def _bpe(text: str, scored: Mapping[str, tuple[int, float]], dropout: float) -> Draw:
    """Merge the pair of the highest score, the first of equals, until none is left or kept."""

    def draw(rng: random.Random) -> list[int]:
        parts = list(text)
        while len(parts) > 1:
            best, at = -math.inf, -1
            for i in range(len(parts) - 1):
                merged = scored.get(parts[i] + parts[i + 1])
                if merged is not None and merged[1] > best and rng.random() >= dropout:
                    best, at = merged[1], i
            if at < 0:
                break
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
        return [scored[part][0] for part in parts]

    return draw


def _distinct(words: Ragged) -> tuple[list[tuple[int, ...]], npt.NDArray[np.int64]]:
    """The distinct rows in order of their first appearance, and which of them each row is."""
    numbers: dict[tuple[int, ...], int] = {}
    kind = np.empty(len(words), np.int64)
    # Python integers take ten times the memory of the array: some words of it at a time.
    for start in range(0, len(words), _WORDS_TOGETHER):
        offsets = words.offsets[start : start + _WORDS_TOGETHER + 1]
        values, ends = words.values[offsets[0] : offsets[-1]].tolist(), offsets - offsets[0]
        kind[start : start + len(ends) - 1] = [
            numbers.setdefault(tuple(values[a:b]), len(numbers)) for a, b in pairwise(ends.tolist())
        ]
    return list(numbers), kind


def _ranks(
    kind: npt.NDArray[np.int64], occurrences: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """How many of its kind were before each."""
    order = np.argsort(kind, kind="stable")
    rank = np.empty(len(kind), np.int64)
    rank[order] = np.arange(len(kind)) - np.repeat(ends_of(occurrences)[:-1], occurrences)
    return rank
