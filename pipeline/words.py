"""The English words of a text, and which of them training never saw.

A word is a run of letters in lower case, so that "Don't" is "don" and "t", and what a cleaning rule
does to quotation marks and digits changes no word. A vocabulary is a sorted array of 64-bit hashes:
8 bytes a word, whatever the words, and two of ten million are mistaken for one once in 370,000
vocabularies.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Hashes: TypeAlias = npt.NDArray[np.uint64]

_WORD = re.compile(r"[^\W\d_]+")


def words_of(text: str) -> list[str]:
    """Its words in order: ``["don", "t", "panic"]`` of "Don’t panic, 42!"."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).lower())


def hash_of(word: str) -> int:
    """64 bits of BLAKE2b of the word, the same on every machine."""
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")


def vocabulary_of(texts: Iterable[str]) -> Hashes:
    """The hashes of all words of the texts, each once, sorted; no text is kept."""
    seen: set[str] = set()
    for text in texts:
        seen.update(words_of(text))
    return np.array(sorted(map(hash_of, seen)), np.uint64)


def union_of(vocabularies: Sequence[Hashes]) -> Hashes:
    """The words of all vocabularies, each once, sorted."""
    return np.unique(np.concatenate([np.empty(0, np.uint64), *vocabularies]))


def unseen_shares(texts: Sequence[str], vocabulary: Hashes) -> list[float]:
    """Of each text the share of its words, 0 to 1, that the vocabulary has not; 0 without words."""
    shares = []
    for text in texts:
        words = words_of(text)
        hashes = np.array([hash_of(word) for word in words], np.uint64)
        places = np.searchsorted(vocabulary, hashes)
        inside = places < len(vocabulary)
        known = np.zeros(len(words), bool)
        known[inside] = vocabulary[places[inside]] == hashes[inside]
        shares.append(float((~known).mean()) if words else 0.0)
    return shares
