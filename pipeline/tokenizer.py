"""SentencePiece: train, load, encode, decode.

reads   the ``train`` shards of a dedup artifact
writes  ``en.model`` and ``hi.model``, one tokenizer a language, or twice the one of both
holds   the same text and settings give the same files; special ids are 0 to 3, always
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from pipeline.errors import ArtifactError, CorpusError
from pipeline.ragged import Ragged
from pipeline.settings import Settings
from pipeline.subwords import ModelType, Vocabulary

PAD_ID, UNK_ID, BOS_ID, EOS_ID = 0, 1, 2, 3
"""Padding, unknown piece, begin and end of sentence; recorded in every model file."""

LANGUAGES = ("en", "hi")

_ENCODED_TOGETHER = 2048


class TokenizerConfig(Settings):
    """How the SentencePiece models are trained (Kudo and Richardson 2018)."""

    vocab_size: int = Field(8000, ge=8, description="pieces of each language's vocabulary")
    joint: bool = Field(
        False, description="one vocabulary for both languages, learnt from both sides together"
    )
    model_type: ModelType = "unigram"
    character_coverage: float = Field(
        1.0, gt=0, le=1, description="share of characters that get a piece of their own"
    )
    byte_fallback: bool = Field(
        True, description="spell unknown characters in bytes, so that no text is lost"
    )
    # Training a unigram model holds its text many times over, the more the longer the sentences.
    # Drawn from 425,000 pairs, 8,000 pieces, one core; pieces a word of the IIT Bombay validation
    # set: 80,000 Hindi sentences take 9 s and 0.61 GB for 1.533, 200,000 take 19 s and 1.09 GB for
    # 1.522; English 11 s and 0.39 GB for 1.571, and 20 s and 0.56 GB for 1.561.
    max_sentences: int = Field(
        80_000,
        ge=1,
        description="sentences that a vocabulary is learnt from, drawn from all; memory and time "
        "grow with them",
    )
    seed: int = Field(1, description="of the draw")


class Tokenizer:
    """One language's pieces.

    Args:
        model: the bytes of a SentencePiece model file.

    Raises:
        ArtifactError: if they are none, or its special ids are not ours.
    """

    def __init__(self, model: bytes) -> None:
        import sentencepiece

        self._processor = sentencepiece.SentencePieceProcessor()
        try:
            self._processor.LoadFromSerializedProto(model)
        except RuntimeError as error:
            raise ArtifactError(f"the tokenizer must be a SentencePiece model: {error}") from error
        p = self._processor
        special = (p.pad_id(), p.unk_id(), p.bos_id(), p.eos_id())
        if special != (PAD_ID, UNK_ID, BOS_ID, EOS_ID):
            raise ArtifactError(
                f"the tokenizer's ids of <pad>, <unk>, <s> and </s> must be 0, 1, 2 and 3, "
                f"not {special}; train it with `anuvad prepare`"
            )

    @classmethod
    def load(cls, path: Path) -> Tokenizer:
        """The tokenizer of a ``.model`` file."""
        return cls(path.read_bytes())

    def __len__(self) -> int:
        return int(self._processor.GetPieceSize())

    def encode(self, sentences: Sequence[str]) -> list[list[int]]:
        """Ids of each sentence, without special ids.

        ``<s>`` and the like in the text are text. A ``▁`` (U+2581) is how SentencePiece writes a
        space, and comes back as one.
        """
        ids: list[list[int]] = self._processor.Encode(list(sentences), num_threads=1)
        return ids

    def encode_ragged(self, sentences: Sequence[str]) -> Ragged:
        """:meth:`encode` of many sentences; few ids at a time are Python objects."""
        # Arrays that SentencePiece makes itself, one a sentence, take longer than these lists.
        starts = range(0, len(sentences), _ENCODED_TOGETHER)
        return Ragged.join(
            Ragged.of(self.encode(sentences[start : start + _ENCODED_TOGETHER])) for start in starts
        )

    def vocabulary(self, model_type: ModelType) -> Vocabulary:
        """The pieces. A model does not tell its type, so it has to be said."""
        p, ids = self._processor, range(len(self))
        return Vocabulary(
            model_type,
            tuple(map(p.IdToPiece, ids)),
            tuple(map(p.GetScore, ids)),
            tuple(not (p.IsControl(i) or p.IsUnknown(i) or p.IsByte(i)) for i in ids),
        )

    def pieces(self) -> list[str | None]:
        """By id, the piece, with ``▁`` for a space; a byte's is None, a special id's ``<…>``."""
        p = self._processor
        return [None if p.IsByte(i) else p.IdToPiece(i) for i in range(len(self))]

    def bytes_mask(self) -> npt.NDArray[np.bool_]:
        """By id, whether it is a byte of a character that no piece has."""
        return np.array([self._processor.IsByte(i) for i in range(len(self))])

    def decode(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """Text of each sequence of ids; padding, begin and end leave no trace, unknown is ``⁇``."""
        rows = [list(map(int, row)) for row in ids]
        # SentencePiece takes an empty list for one sequence, and answers one text.
        texts: list[str] = self._processor.Decode(rows) if rows else []
        return texts


def train_tokenizer(
    sentences: Iterable[str], config: TokenizerConfig, out: Path, side: str
) -> dict[str, int]:
    """Train one model on ``sentences`` and write it to ``out``.

    The text has been normalised before, so SentencePiece is told to change nothing
    (``identity``): its own rules would turn ZWNJ into a space.

    Args:
        sentences: all that is to be learnt from, see :func:`drawn_sentences`; read once.
        config: how.
        out: the file.
        side: what the vocabulary is of, for messages: ``en``, ``hi`` or ``joint``.

    Returns:
        ``sentences`` trained on and ``pieces`` of the vocabulary.

    Raises:
        CorpusError: if there is no text, or less than the vocabulary needs.
    """
    import sentencepiece

    options: dict[str, Any] = {
        "vocab_size": config.vocab_size,
        "model_type": config.model_type,
        "character_coverage": config.character_coverage,
        "byte_fallback": config.byte_fallback,
        "normalization_rule_name": "identity",
        "pad_id": PAD_ID,
        "unk_id": UNK_ID,
        "bos_id": BOS_ID,
        "eos_id": EOS_ID,
        "pad_piece": "<pad>",
        # Its own limit of 4,192 bytes would leave longer sentences out without a word.
        "max_sentence_length": 1 << 30,
        # One thread: the order of float additions decides ties, and the file must be the same.
        "num_threads": 1,
        "minloglevel": 2,
    }
    counted = _Counted(sentences)
    try:
        with out.open("wb") as file:
            sentencepiece.SentencePieceTrainer.Train(
                sentence_iterator=counted, model_writer=file, **options
            )
    except RuntimeError as error:
        raise CorpusError(_explain(str(error), config, counted.count, side)) from error
    return {"sentences": counted.count, "pieces": len(Tokenizer.load(out))}


class _Counted:
    """An iterator that counts what it gave."""

    def __init__(self, items: Iterable[str]) -> None:
        self._items = iter(items)
        self.count = 0

    def __iter__(self) -> _Counted:
        return self

    def __next__(self) -> str:
        item = next(self._items)
        self.count += 1
        return item


def draw(total: int, limit: int, seed: int) -> npt.NDArray[np.int64]:
    """``limit`` of the numbers below ``total``, sorted, each as likely as any other; or all.

    Memory is bounded by ``limit``.
    """
    if total <= limit:
        return np.arange(total, dtype=np.int64)
    return np.sort(np.array(random.Random(seed).sample(range(total), limit), np.int64))


def drawn_sentences(
    shards: Iterable[Path], columns: Sequence[str], total_rows: int, limit: int, seed: int
) -> Iterator[str]:
    """Sentences of some columns, drawn from the rows of all shards; shard by shard, in order.

    One shard is in memory at a time, and only what was drawn of it becomes Python strings.

    Args:
        shards: parquet files.
        columns: the sides to draw from, all together.
        total_rows: of all shards.
        limit: sentences, at most.
        seed: of the draw.
    """
    # A sentence's number is its row × columns + its column.
    drawn = draw(total_rows * len(columns), limit, seed)
    first_row = 0
    for shard in shards:
        table = pq.read_table(shard, columns=list(columns))
        span = np.array([first_row, first_row + len(table)]) * len(columns)
        row, column = np.divmod(drawn[slice(*np.searchsorted(drawn, span))], len(columns))
        for number, name in enumerate(columns):
            chosen = pa.array(row[column == number] - first_row)
            yield from table.column(name).take(chosen).to_pylist()
        first_row += len(table)
        # What follows takes all the memory there is: what was read for a shard is given back.
        del table, chosen
        pa.default_memory_pool().release_unused()
    assert first_row == total_rows, f"the shards must have {total_rows} rows, not {first_row}"


def _explain(message: str, config: TokenizerConfig, sentences: int, side: str) -> str:
    if not sentences:
        return (
            f"training the {side} tokenizer needs at least one sentence, but the clean "
            f"training shards hold none; see the reasons counted by the clean stage"
        )
    if "!sentences_.empty()" in message:
        return (
            f"training the {side} tokenizer needs at least one sentence with text, but none of "
            f"the {sentences:,} clean ones has any that SentencePiece takes"
        )
    too_high = re.search(r"value <= (\d+)", message)
    if too_high:
        return (
            f"tokenizer.vocab_size must be at most {too_high[1]} for the {side} side of "
            f"these {sentences:,} sentences, not {config.vocab_size}"
        )
    too_low = re.search(r"(\d+) vs (\d+)", message) if "smaller than required" in message else None
    if too_low:
        return (
            f"tokenizer.vocab_size must be at least {too_low[2]} for the {side} side, whose "
            f"characters and special pieces need as many, not {config.vocab_size}"
        )
    return f"SentencePiece could not train the {side} tokenizer: {message.strip()}"
