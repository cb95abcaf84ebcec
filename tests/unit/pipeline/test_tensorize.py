"""Clean shards become token arrays, and come back from the memory map as they were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairs import TRAIN
from pipeline.clean import CLEAN_SCHEMA
from pipeline.errors import ArtifactError
from pipeline.ragged import Ragged
from pipeline.tensorize import TensorizeConfig, TokenArrays, tensorize_shard
from pipeline.tokenizer import Tokenizer, TokenizerConfig, train_tokenizer

Tokenizers = tuple[Tokenizer, Tokenizer]


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> Tokenizers:
    """An English and a Hindi tokenizer."""
    out = tmp_path_factory.mktemp("tokenizers") / "model"
    made = []
    for side, pieces in ((0, 310), (1, 330)):
        sentences = [pair[side] for pair in TRAIN]
        train_tokenizer(sentences, TokenizerConfig(vocab_size=pieces), out, "either")
        made.append(Tokenizer.load(out))
    return made[0], made[1]


def write_clean(folder: Path, rows: list[int]) -> Path:
    """A clean shard of these rows of the training pairs."""
    columns = [rows, [TRAIN[i][0] for i in rows], [TRAIN[i][1] for i in rows]]
    pq.write_table(pa.table(columns, schema=CLEAN_SCHEMA), folder / "clean.parquet")
    return folder / "clean.parquet"


def tensorize(
    folder: Path,
    tokenizers: Tokenizers,
    rows: list[int],
    config: TensorizeConfig = TensorizeConfig(),  # noqa: B008
) -> tuple[TokenArrays, dict[str, int]]:
    """The token arrays of these rows, and the counts."""
    out = folder / "train-00000-of-00001.arrow"
    counts = tensorize_shard(write_clean(folder, rows), "train", *tokenizers, config, out)
    return TokenArrays.open(out), counts


def test_token_arrays_hold_the_ids_of_each_pair(tmp_path: Path, tokenizers: Tokenizers) -> None:
    arrays, _ = tensorize(tmp_path, tokenizers, list(range(20)))
    sources, targets = arrays.pairs(range(20))
    assert len(arrays) == 20
    assert [s.tolist() for s in sources] == tokenizers[0].encode([en for en, _ in TRAIN])
    assert tokenizers[1].decode([t.tolist() for t in targets]) == [hi for _, hi in TRAIN]


def test_pairs_come_in_the_order_asked_for(tmp_path: Path, tokenizers: Tokenizers) -> None:
    arrays, _ = tensorize(tmp_path, tokenizers, [0, 1, 2, 3])
    sources, targets = arrays.pairs(np.array([3, 0, 3]))
    assert tokenizers[0].decode([s.tolist() for s in sources]) == [TRAIN[i][0] for i in (3, 0, 3)]
    assert tokenizers[1].decode([t.tolist() for t in targets]) == [TRAIN[i][1] for i in (3, 0, 3)]


def test_rows_are_those_of_the_corpus(tmp_path: Path, tokenizers: Tokenizers) -> None:
    arrays, _ = tensorize(tmp_path, tokenizers, [2, 7, 11])
    assert arrays.rows.tolist() == [2, 7, 11]
    assert arrays.rows.dtype == np.int64


def test_lengths_are_those_of_the_ids(tmp_path: Path, tokenizers: Tokenizers) -> None:
    arrays, counts = tensorize(tmp_path, tokenizers, list(range(20)))
    sources, targets = arrays.pairs(range(20))
    assert arrays.source_lengths.tolist() == [len(s) for s in sources]
    assert arrays.target_lengths.tolist() == [len(t) for t in targets]
    assert counts == {
        "train_pairs": 20,
        "train_source_tokens": int(arrays.source_lengths.sum()),
        "train_target_tokens": int(arrays.target_lengths.sum()),
        "train_dropped_too_many_tokens": 0,
    }


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_pair_with_too_many_tokens_is_left_out_and_counted(
    tmp_path: Path, tokenizers: Tokenizers, side: str
) -> None:
    whole, _ = tensorize(tmp_path, tokenizers, list(range(20)))
    lengths = whole.source_lengths if side == "source" else whole.target_lengths
    limit = int(np.median(lengths))
    fits = np.flatnonzero(lengths <= limit).tolist()
    assert 0 < len(fits) < 20
    config = TensorizeConfig(**{f"max_{side}_tokens": limit})
    arrays, counts = tensorize(tmp_path, tokenizers, list(range(20)), config)
    assert arrays.rows.tolist() == fits
    assert counts["train_pairs"] == len(fits)
    assert counts["train_dropped_too_many_tokens"] == 20 - len(fits)


def test_an_empty_shard_is_token_arrays_without_pairs(
    tmp_path: Path, tokenizers: Tokenizers
) -> None:
    arrays, counts = tensorize(tmp_path, tokenizers, [])
    assert len(arrays) == 0
    assert arrays.source_lengths.tolist() == arrays.target_lengths.tolist() == []
    assert arrays.pairs([]) == ([], [])
    assert set(counts.values()) == {0}


def test_a_shard_of_which_nothing_fits_is_token_arrays_without_pairs(
    tmp_path: Path, tokenizers: Tokenizers
) -> None:
    arrays, counts = tensorize(tmp_path, tokenizers, [0, 1], TensorizeConfig(max_source_tokens=1))
    assert len(arrays) == 0
    assert counts["train_dropped_too_many_tokens"] == 2


class Large(Tokenizer):
    """A tokenizer of a vocabulary that it does not have, whose every id is the last."""

    def __init__(self, pieces: int) -> None:
        self.pieces = pieces

    def __len__(self) -> int:
        return self.pieces

    def encode_ragged(self, sentences: object) -> Ragged:
        return Ragged.of([[self.pieces - 1]])


@pytest.mark.parametrize(
    ("pieces", "dtype"), [(310, np.uint16), (1 << 16, np.uint16), ((1 << 16) + 1, np.uint32)]
)
def test_ids_take_the_smallest_type_that_holds_the_larger_vocabulary(
    tmp_path: Path, tokenizers: Tokenizers, pieces: int, dtype: type
) -> None:
    arrays, _ = tensorize(tmp_path, (tokenizers[0], Large(pieces)), [0])
    [source], [target] = arrays.pairs([0])
    assert source.dtype == target.dtype == dtype
    assert target.tolist() == [pieces - 1]


def test_ids_are_views_into_the_mapped_file(tmp_path: Path, tokenizers: Tokenizers) -> None:
    arrays, _ = tensorize(tmp_path, tokenizers, [0, 1])
    sources, _ = arrays.pairs([0, 1])
    assert sources[0].base is not None
    assert not sources[0].flags.writeable
    assert np.shares_memory(sources[0], arrays._source[0])


def test_tensorizing_twice_writes_the_same_bytes(tmp_path: Path, tokenizers: Tokenizers) -> None:
    first = tensorize(tmp_path, tokenizers, [0, 1, 2])[0].path.read_bytes()
    assert tensorize(tmp_path, tokenizers, [0, 1, 2])[0].path.read_bytes() == first


@pytest.mark.parametrize("content", [None, b"", b"ARROW1", b"PAR1 is something else" * 9])
def test_what_are_no_token_arrays_is_refused_naming_the_file(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "train.arrow"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ArtifactError, match=f"{path} must be a file of token arrays, but: "):
        TokenArrays.open(path)


def test_a_truncated_file_is_refused(tmp_path: Path, tokenizers: Tokenizers) -> None:
    arrays, _ = tensorize(tmp_path, tokenizers, [0, 1, 2])
    cut = tmp_path / "cut.arrow"
    cut.write_bytes(arrays.path.read_bytes()[:-10])
    with pytest.raises(ArtifactError, match=r"cut\.arrow must be a file of token arrays"):
        TokenArrays.open(cut)
