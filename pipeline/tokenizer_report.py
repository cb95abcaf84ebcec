"""What the tokenizers make of text that they were not learnt from.

reads   the kept validation shards and both tokenizers
writes  ``report.json`` into the tokenizer artifact: counts; rates follow from them
holds   pieces are those that training and validation see, special ids not among them
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from pipeline.artifacts import Artifact
from pipeline.errors import ArtifactError
from pipeline.tokenizer import UNK_ID, Tokenizer

REPORT = "report.json"


@dataclass(frozen=True)
class SideReport:
    """One language's tokenizer on its side of a split.

    Attributes:
        vocabulary: pieces that there are.
        used: different ones that occurred.
        sentences: that were encoded.
        words: of them, separated by spaces.
        characters: of them, spaces not among them.
        pieces: that they became.
        unknown_pieces: of those, ``<unk>``: text that is lost.
        byte_pieces: of those, single bytes of characters that have no piece. Not lost, but where
            bytes can stand for everything nothing is unknown, so this is what to look at.
    """

    vocabulary: int
    used: int
    sentences: int
    words: int
    characters: int
    pieces: int
    unknown_pieces: int
    byte_pieces: int

    @property
    def pieces_per_word(self) -> float:
        """1 if every word is a piece of its own; 0 without words."""
        return _ratio(self.pieces, self.words)

    @property
    def characters_per_piece(self) -> float:
        """How much text a piece stands for; 0 without pieces."""
        return _ratio(self.characters, self.pieces)

    @property
    def unknown_rate(self) -> float:
        """Share of pieces that are unknown, from 0 to 1."""
        return _ratio(self.unknown_pieces, self.pieces)

    @property
    def byte_rate(self) -> float:
        """Share of pieces that are bytes, from 0 to 1."""
        return _ratio(self.byte_pieces, self.pieces)


@dataclass(frozen=True)
class TokenizerReport:
    """Both tokenizers on the same pairs.

    Attributes:
        split: what was encoded.
        en: the source side.
        hi: the target side.
    """

    split: str
    en: SideReport
    hi: SideReport

    @property
    def length_ratio(self) -> float:
        """Target pieces for each source piece; 0 without source pieces."""
        return _ratio(self.hi.pieces, self.en.pieces)

    def to_json(self) -> bytes:
        """What :func:`read_tokenizer_report` reads."""
        return (json.dumps(asdict(self), indent=1) + "\n").encode()


def measure_tokenizers(
    tokenizers: Mapping[str, Tokenizer], split: str, shards: Iterable[Path]
) -> TokenizerReport:
    """Encode the kept rows of ``split`` and count what they become; one shard at a time."""
    sides = {language: _Side(tokenizer) for language, tokenizer in tokenizers.items()}
    for shard in shards:
        table = pq.read_table(shard, columns=list(sides))
        for language, side in sides.items():
            side.add(table.column(language).to_pylist())
    return TokenizerReport(split, en=sides["en"].report(), hi=sides["hi"].report())


def read_tokenizer_report(tokenizer: Artifact) -> TokenizerReport:
    """The report in a tokenizer artifact.

    Raises:
        ArtifactError: if the artifact has none, or it can't be read.
    """
    path = tokenizer.local(REPORT)
    try:
        data = json.loads(path.read_bytes())
        return TokenizerReport(data["split"], SideReport(**data["en"]), SideReport(**data["hi"]))
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactError(
            f"{path} must be a report on tokenizers, but can't be read as one ({error}); delete "
            f"its folder and run the command again"
        ) from error


class _Side:
    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._occurrences = np.zeros(len(tokenizer), np.int64)
        self._sentences = self._words = self._characters = 0

    def add(self, sentences: list[str]) -> None:
        ids = self._tokenizer.encode_ragged(sentences).values
        self._occurrences += np.bincount(ids, minlength=len(self._tokenizer))
        self._sentences += len(sentences)
        for sentence in sentences:
            words = sentence.split(" ")
            self._words += sum(map(bool, words))
            self._characters += sum(map(len, words))

    def report(self) -> SideReport:
        found = self._occurrences
        return SideReport(
            vocabulary=len(self._tokenizer),
            used=int(np.count_nonzero(found)),
            sentences=self._sentences,
            words=self._words,
            characters=self._characters,
            pieces=int(found.sum()),
            unknown_pieces=int(found[UNK_ID]),
            byte_pieces=int(found[self._tokenizer.bytes_mask()].sum()),
        )


def _ratio(count: int, of: int) -> float:
    return count / of if of else 0.0
