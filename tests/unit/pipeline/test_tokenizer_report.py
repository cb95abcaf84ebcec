"""What a tokenizer report counts, and how it is read back."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairs import TRAIN
from pipeline import artifacts
from pipeline.artifacts import Artifact, ArtifactSpec, Part
from pipeline.errors import ArtifactError
from pipeline.storage import Storage
from pipeline.tokenizer import Tokenizer, TokenizerConfig, train_tokenizer
from pipeline.tokenizer_report import (
    REPORT,
    SideReport,
    TokenizerReport,
    measure_tokenizers,
    read_tokenizer_report,
)

EMPTY = SideReport(
    vocabulary=8,
    used=0,
    sentences=0,
    words=0,
    characters=0,
    pieces=0,
    unknown_pieces=0,
    byte_pieces=0,
)
REPORTED = TokenizerReport(
    "validation",
    en=SideReport(
        vocabulary=300,
        used=20,
        sentences=4,
        words=20,
        characters=90,
        pieces=30,
        unknown_pieces=3,
        byte_pieces=0,
    ),
    hi=SideReport(
        vocabulary=400,
        used=25,
        sentences=4,
        words=24,
        characters=80,
        pieces=36,
        unknown_pieces=0,
        byte_pieces=9,
    ),
)


def trained(folder: Path, side: int, byte_fallback: bool) -> Tokenizer:
    """A tokenizer of one side of the training pairs."""
    config = TokenizerConfig(vocab_size=330 if byte_fallback else 70, byte_fallback=byte_fallback)
    out = folder / f"{side}.model"
    train_tokenizer([pair[side] for pair in TRAIN], config, out, "either")
    return Tokenizer.load(out)


def shard(folder: Path, name: str, pairs: list[tuple[str, str]]) -> Path:
    """A kept shard of these pairs."""
    table = pa.table({"row": range(len(pairs)), "en": [p[0] for p in pairs]})
    pq.write_table(table.append_column("hi", [[p[1] for p in pairs]]), folder / name)
    return folder / name


def published(storage: Storage, content: bytes) -> Artifact:
    """A tokenizer artifact with this report."""
    spec = ArtifactSpec("tokenizer", {}, "", {})
    storage.write_bytes(f"{spec.path}/{REPORT}", content)
    entry = artifacts.entry_of(storage, spec, REPORT)
    return artifacts.commit(storage, spec, [Part((entry,), {})])


def test_rates_follow_from_the_counts() -> None:
    assert REPORTED.en.pieces_per_word == 1.5
    assert REPORTED.en.characters_per_piece == 3.0
    assert (REPORTED.en.unknown_rate, REPORTED.en.byte_rate) == (0.1, 0.0)
    assert (REPORTED.hi.unknown_rate, REPORTED.hi.byte_rate) == (0.0, 0.25)
    assert REPORTED.length_ratio == 1.2


def test_of_nothing_all_rates_are_zero() -> None:
    rates = (EMPTY.pieces_per_word, EMPTY.characters_per_piece, EMPTY.unknown_rate, EMPTY.byte_rate)
    assert rates == (0, 0, 0, 0)
    assert TokenizerReport("validation", EMPTY, EMPTY).length_ratio == 0


def test_sentences_of_all_shards_are_counted(tmp_path: Path) -> None:
    tokenizers = {"en": trained(tmp_path, 0, True), "hi": trained(tmp_path, 1, True)}
    shards = [
        shard(tmp_path, "a.parquet", [("Please close the door.", "कृपया दरवाज़ा बंद कीजिए।")]),
        shard(tmp_path, "b.parquet", [("Water.", "पानी।"), ("It is 7:30.", "७:३० बजे हैं।")]),
    ]
    report = measure_tokenizers(tokenizers, "validation", shards)
    assert (report.en.sentences, report.hi.sentences) == (3, 3)
    # 4 + 1 + 3 and 4 + 1 + 3 words; spaces are no characters, vowel signs and nuktas are.
    assert (report.en.words, report.hi.words) == (8, 8)
    assert report.en.characters == 19 + 6 + 9
    texts = ["कृपया दरवाज़ा बंद कीजिए।", "पानी।", "७:३० बजे हैं।"]
    assert report.hi.characters == len("".join(texts).replace(" ", ""))
    ids = [i for row in tokenizers["hi"].encode(texts) for i in row]
    assert (report.hi.pieces, report.hi.used) == (len(ids), len(set(ids)))
    assert (report.hi.vocabulary, report.hi.byte_pieces, report.hi.unknown_pieces) == (330, 0, 0)


def test_a_letter_without_a_piece_is_three_bytes_or_unknown(tmp_path: Path) -> None:
    pairs = [("Water 東.", "पानी")]
    shards = [shard(tmp_path, "a.parquet", pairs)]
    hindi = trained(tmp_path, 1, True)
    spelt = measure_tokenizers({"en": trained(tmp_path, 0, True), "hi": hindi}, "dev", shards)
    assert (spelt.en.byte_pieces, spelt.en.unknown_pieces) == (3, 0)
    lost = measure_tokenizers({"en": trained(tmp_path, 0, False), "hi": hindi}, "dev", shards)
    assert (lost.en.byte_pieces, lost.en.unknown_pieces) == (0, 1)


def test_a_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    made = published(Storage(str(tmp_path)), REPORTED.to_json())
    assert read_tokenizer_report(made) == REPORTED


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"split": "dev", "en": {"words": 3}}'])
def test_a_damaged_report_is_refused_naming_it(tmp_path: Path, content: bytes) -> None:
    made = published(Storage(str(tmp_path)), content)
    with pytest.raises(ArtifactError, match=r"report\.json must be a report on tokenizers, but"):
        read_tokenizer_report(made)


def test_an_artifact_without_a_report_is_refused(tmp_path: Path) -> None:
    made = artifacts.commit(Storage(str(tmp_path)), ArtifactSpec("tokenizer", {}, "", {}), [])
    with pytest.raises(ArtifactError, match=r"holds no file report\.json"):
        read_tokenizer_report(made)
