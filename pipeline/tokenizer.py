"""SentencePiece: train, load, encode, decode.

reads   the ``train`` shards of a dedup artifact
writes  ``en.model`` and ``hi.model``, one tokenizer a language
holds   the same text and settings give the same files; special ids are 0 to 3, always
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from pipeline.errors import ArtifactError, CorpusError
from pipeline.settings import Settings

PAD_ID, UNK_ID, BOS_ID, EOS_ID = 0, 1, 2, 3
"""Padding, unknown piece, begin and end of sentence; recorded in every model file."""

LANGUAGES = ("en", "hi")


class TokenizerConfig(Settings):
    """How the SentencePiece models are trained (Kudo and Richardson 2018)."""

    vocab_size: int = Field(8000, ge=8, description="pieces of each language's vocabulary")
    model_type: Literal["unigram", "bpe"] = "unigram"
    character_coverage: float = Field(
        1.0, gt=0, le=1, description="share of characters that get a piece of their own"
    )
    byte_fallback: bool = Field(
        True, description="spell unknown characters in bytes, so that no text is lost"
    )
    max_sentences: int = Field(
        1_000_000, ge=1, description="sentences trained on; more are sampled down to this"
    )
    seed: int = 1


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

    def decode(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """Text of each sequence of ids; padding, begin and end leave no trace, unknown is ``⁇``."""
        rows = [list(map(int, row)) for row in ids]
        # SentencePiece takes an empty list for one sequence, and answers one text.
        texts: list[str] = self._processor.Decode(rows) if rows else []
        return texts


def train_tokenizer(
    sentences: Iterable[str], config: TokenizerConfig, out: Path, language: str
) -> dict[str, int]:
    """Train one model on ``sentences`` and write it to ``out``.

    The text has been normalised before, so SentencePiece is told to change nothing
    (``identity``): its own rules would turn ZWNJ into a space.

    Returns:
        ``sentences`` trained on and ``pieces`` of the vocabulary.

    Raises:
        CorpusError: if there is no text, or less than the vocabulary needs.
    """
    import sentencepiece

    sample = _sample(sentences, config.max_sentences, config.seed)
    if not sample:
        raise CorpusError(
            f"training the {language} tokenizer needs at least one sentence, but the clean "
            f"training shards hold none; see the reasons counted by the clean stage"
        )
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
    try:
        with out.open("wb") as file:
            sentencepiece.SentencePieceTrainer.Train(
                sentence_iterator=iter(sample), model_writer=file, **options
            )
    except RuntimeError as error:
        raise CorpusError(_explain(str(error), config, len(sample), language)) from error
    return {"sentences": len(sample), "pieces": len(Tokenizer.load(out))}


def _sample(sentences: Iterable[str], limit: int, seed: int) -> list[str]:
    """At most ``limit`` of the sentences, each as likely as any other (Vitter 1985, algorithm R).

    Kept in corpus order, so that a limit that is never reached changes nothing.
    """
    rng = random.Random(seed)
    kept: list[tuple[int, str]] = []
    for index, sentence in enumerate(sentences):
        if len(kept) < limit:
            kept.append((index, sentence))
        else:
            place = rng.randint(0, index)
            if place < limit:
                kept[place] = (index, sentence)
    return [sentence for _, sentence in sorted(kept)]


def _explain(message: str, config: TokenizerConfig, sentences: int, language: str) -> str:
    if "!sentences_.empty()" in message:
        return (
            f"training the {language} tokenizer needs at least one sentence with text, but none of "
            f"the {sentences:,} clean ones has any that SentencePiece takes"
        )
    too_high = re.search(r"value <= (\d+)", message)
    if too_high:
        return (
            f"tokenizer.vocab_size must be at most {too_high[1]} for the {language} side of "
            f"these {sentences:,} sentences, not {config.vocab_size}"
        )
    too_low = re.search(r"(\d+) vs (\d+)", message) if "smaller than required" in message else None
    if too_low:
        return (
            f"tokenizer.vocab_size must be at least {too_low[2]} for the {language} side, whose "
            f"characters and special pieces need as many, not {config.vocab_size}"
        )
    return f"SentencePiece could not train the {language} tokenizer: {message.strip()}"
