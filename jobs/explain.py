"""Why a model translates a sentence as it does: what it looked at for each word it said."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.errors import ConfigError

if TYPE_CHECKING:
    from model.alignment import Alignment
    from model.translator import Translator

OVERLOOKED = 0.2
"""Coverage below which a source word counts as not looked at."""


@dataclass(frozen=True)
class Explanation:
    """A sentence, its translation, and what was looked at.

    Attributes:
        source: the sentence.
        translation: of it.
        score: the model's own, the length-normalised log-probability.
        in_pieces: whether the sentence was over the model's limit, and translated in pieces.
        pieces: the alignment between pieces; None without attention.
        words: the same between words; None without attention.
    """

    source: str
    translation: str
    score: float
    in_pieces: bool
    pieces: Alignment | None
    words: Alignment | None

    def as_json(self) -> dict[str, Any]:
        """What ``anuvad explain --json`` prints."""
        return {
            "source": self.source,
            "translation": self.translation,
            "score": self.score,
            "source_cut": self.in_pieces,
            "attention": None
            if self.pieces is None or self.words is None
            else {"pieces": _alignment_json(self.pieces), "words": _alignment_json(self.words)},
        }


def explain(translator: Translator, sentence: str) -> Explanation:
    """Translate one sentence and ask the model what it looked at.

    Raises:
        ConfigError: if there is no text in the sentence.
    """
    from model.alignment import align, by_words

    if not sentence.strip():
        raise ConfigError("a sentence to be explained must have text, but this one is empty")
    (translation,) = translator.translate([sentence])
    found = align(translator, [sentence], [translation.texts])
    pieces = None if found is None else found[0]
    return Explanation(
        sentence,
        translation.text,
        translation.score,
        translation.pieces > 1,
        pieces,
        None if pieces is None else by_words(pieces),
    )


def aligned_rows(words: Alignment) -> list[tuple[str, str, str, str]]:
    """For each translated word: it, the source word looked at most, its weight, the entropy."""
    rows = []
    for word, (place, weight), shares in zip(
        words.target, words.links_T, words.weights_TS.tolist(), strict=True
    ):
        entropy = sum(-w * math.log2(w) for w in shares if w > 0)
        rows.append((word, words.source[place], f"{weight:.0%}", f"{entropy:.2f}"))
    return rows


def covered_rows(words: Alignment) -> list[tuple[str, str, str]]:
    """For each source word: it, its coverage, and whether it was overlooked."""
    found = zip(words.source, words.coverage_S, strict=True)
    # The end of the sentence has nothing to be translated.
    return [
        (word, f"{share:.2f}", "overlooked" if share < OVERLOOKED and word != "</s>" else "")
        for word, share in found
    ]


def _alignment_json(alignment: Alignment) -> dict[str, Any]:
    return {
        "source": list(alignment.source),
        "target": list(alignment.target),
        "weights": alignment.weights_TS.tolist(),
        "links": [[place, weight] for place, weight in alignment.links_T],
        "coverage": alignment.coverage_S,
        "entropy_bits": alignment.entropy,
    }


if __name__ == "__main__":
    from jobs.cli import run

    run("explain")
