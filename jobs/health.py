"""Signs of a broken model that a score may hide, counted in its translations.

All functions take raw text, one string a sentence, and change nothing in it.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from jobs.scores import require_pairs
from pipeline.errors import CorpusError

_LONGEST_REPEATED_NGRAM = 4
_REPEATS = 4
# Digits of any script; within a number, a mark between two of them.
_NUMBER = re.compile(r"\d+(?:[.,:/]\d+)*")


@dataclass(frozen=True)
class Health:
    """What :func:`output_health` counts.

    Attributes:
        empty_share: of the translations, 0 to 1, those in which nothing can be seen.
        truncated_share: of the translations, 0 to 1, those that the search ended at the longest
            length that it allows.
        repeated_share: of the translations, 0 to 1, those in which one n-gram of 1 to 4 words
            stands at least 4 times in a row.
        length_ratio: characters of all translations for each character of all references.
        numbers: written in digits in a source and in its reference.
        digits_lost_share: of those, 0 to 1, the ones that are not in the translation; 0 of none.
    """

    empty_share: float
    truncated_share: float
    repeated_share: float
    length_ratio: float
    numbers: int
    digits_lost_share: float


def output_health(
    sources: Sequence[str],
    references: Sequence[str],
    hypotheses: Sequence[str],
    truncated: Sequence[bool],
) -> Health:
    """Look for empty, cut, repeating and wrongly long translations, and for lost numbers.

    Args:
        sources: English.
        references: one a source.
        hypotheses: one translation a source.
        truncated: of each translation, whether the search ended it at its longest length.

    Raises:
        CorpusError: if there are no sentences, not one reference for each translation, or no
            character in any reference.
    """
    require_pairs(hypotheses, references)
    total = len(hypotheses)
    reference_chars = sum(map(len, references))
    if not reference_chars:
        raise CorpusError(
            f"the references must have text, but all {total} are empty; check the target side of "
            f"the test set"
        )
    numbers = lost = 0
    for source, reference, hypothesis in zip(sources, references, hypotheses, strict=True):
        # What the reference spells as a word, the translation need not write in digits.
        wanted = numbers_of(source) & numbers_of(reference)
        numbers += wanted.total()
        lost += (wanted - numbers_of(hypothesis)).total()
    return Health(
        empty_share=sum(map(is_empty, hypotheses)) / total,
        truncated_share=sum(truncated) / total,
        repeated_share=sum(map(repeats_itself, hypotheses)) / total,
        length_ratio=sum(map(len, hypotheses)) / reference_chars,
        numbers=numbers,
        digits_lost_share=lost / numbers if numbers else 0.0,
    )


def is_empty(text: str) -> bool:
    """Whether nothing can be seen of a text."""
    # A lone joiner (ZWJ, ZWNJ) is not printable, and str.strip() would keep it.
    return not any(c.isprintable() and not c.isspace() for c in text)


def repeats_itself(text: str) -> bool:
    """Whether an n-gram stands 4 times in a row: 3n words in a row equal those n further on."""
    words = text.split()
    for n in range(1, _LONGEST_REPEATED_NGRAM + 1):
        run = 0
        for word, later in zip(words, words[n:], strict=False):
            run = run + 1 if word == later else 0
            if run == n * (_REPEATS - 1):
                return True
    return False


def numbers_of(text: str) -> Counter[str]:
    """The numbers of a text that are written in digits, each with how often it stands there.

    Digits of all scripts are equal, and so are the ways of grouping them: "१२,५०,०००" is "1250000".
    """
    return Counter(
        "".join(str(unicodedata.decimal(c, c)) for c in number if c != ",")
        for number in _NUMBER.findall(text)
    )
