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
from pipeline.subwords import SubwordSampler
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
    columns = [["pairs"] * len(rows), rows, *([TRAIN[i][side] for i in rows] for side in (0, 1))]
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
    counts = tensorize_shard(write_clean(folder, rows), *tokenizers, config, out)
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
        "pairs": 20,
        "source_tokens": int(arrays.source_lengths.sum()),
        "target_tokens": int(arrays.target_lengths.sum()),
        "dropped_too_many_tokens": 0,
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
    assert counts["pairs"] == len(fits)
    assert counts["dropped_too_many_tokens"] == 20 - len(fits)


def tensorize_with_samples(
    folder: Path, tokenizers: Tokenizers, rows: list[int], config: TensorizeConfig
) -> tuple[TokenArrays, list[TokenArrays], dict[str, int]]:
    """The token arrays of these rows, those of each sample, and the counts."""
    out = folder / "train-00000-of-00001.arrow"
    samples = [folder / f"sample-{i}.arrow" for i in range(config.sampling_variants)]
    source, target = (
        SubwordSampler(x.vocabulary("unigram"), config.sampling_alpha) for x in tokenizers
    )
    counts = tensorize_shard(
        write_clean(folder, rows), *tokenizers, config, out, samples, (source, target)
    )
    return TokenArrays.open(out), [TokenArrays.open(path) for path in samples], counts


def texts(arrays: TokenArrays, tokenizers: Tokenizers) -> list[list[str]]:
    """Both sides of all pairs, decoded."""
    sides = arrays.pairs(range(len(arrays)))
    return [
        tokenizer.decode([ids.tolist() for ids in side])
        for tokenizer, side in zip(tokenizers, sides, strict=True)
    ]


def test_samples_hold_the_same_pairs_cut_otherwise(tmp_path: Path, tokenizers: Tokenizers) -> None:
    config = TensorizeConfig(sampling_variants=3, sampling_alpha=0.1)
    best, samples, counts = tensorize_with_samples(tmp_path, tokenizers, list(range(20)), config)
    for sample in samples:
        assert sample.rows.tolist() == best.rows.tolist() == list(range(20))
        assert texts(sample, tokenizers) == texts(best, tokenizers)
        assert sample.path.read_bytes() != best.path.read_bytes()
    assert len({sample.path.read_bytes() for sample in samples}) == 3
    sampled = sum(int(sample.source_lengths.sum()) for sample in samples)
    assert counts["sampled_source_tokens"] == sampled // 3 >= counts["source_tokens"]


def test_a_drawn_sentence_over_the_limit_is_left_as_the_best_segmentation_has_it(
    tmp_path: Path, tokenizers: Tokenizers
) -> None:
    whole, _ = tensorize(tmp_path, tokenizers, list(range(20)))
    limit = int(np.median(whole.target_lengths))
    config = TensorizeConfig(max_target_tokens=limit, sampling_variants=4, sampling_alpha=0.01)
    best, samples, _ = tensorize_with_samples(tmp_path, tokenizers, list(range(20)), config)
    ids = best.pairs(range(len(best)))[1]
    as_best = [
        [np.array_equal(*both) for both in zip(ids, s.pairs(range(len(s)))[1], strict=True)]
        for s in samples
    ]
    for sample, same in zip(samples, as_best, strict=True):
        assert sample.rows.tolist() == best.rows.tolist()
        assert int(sample.target_lengths.max()) <= limit
        # A sentence at the limit has no room to be cut into more.
        at_limit = best.target_lengths == limit
        assert np.array_equal(sample.target_lengths[at_limit], best.target_lengths[at_limit])
        assert any(same)
    assert not all(all(same) for same in as_best)
    drawn_sources = [sample.source_lengths.tolist() for sample in samples]
    assert best.source_lengths.tolist() not in drawn_sources


def test_another_seed_or_other_rows_are_drawn_otherwise(
    tmp_path: Path, tokenizers: Tokenizers
) -> None:
    shard = write_clean(tmp_path, list(range(20)))
    samplers = (
        SubwordSampler(tokenizers[0].vocabulary("unigram"), 0.1),
        SubwordSampler(tokenizers[1].vocabulary("unigram"), 0.1),
    )

    def drawn(seed: int, first_row: int) -> list[list[int]]:
        table = pq.read_table(shard)
        rows = pa.array(range(first_row, first_row + 20))
        moved, sample = tmp_path / "moved.parquet", tmp_path / "sample.arrow"
        pq.write_table(table.set_column(1, "row", rows), moved)
        config = TensorizeConfig(sampling_variants=1, sampling_seed=seed)
        out = tmp_path / "best.arrow"
        tensorize_shard(moved, *tokenizers, config, out, [sample], samplers)
        return [ids.tolist() for ids in TokenArrays.open(sample).pairs(range(20))[1]]

    assert drawn(1, 0) == drawn(1, 0)
    assert drawn(1, 0) != drawn(2, 0)
    assert drawn(1, 0) != drawn(1, 20)


def test_an_empty_shard_has_empty_samples(tmp_path: Path, tokenizers: Tokenizers) -> None:
    config = TensorizeConfig(sampling_variants=2)
    best, samples, _ = tensorize_with_samples(tmp_path, tokenizers, [], config)
    assert [len(arrays) for arrays in (best, *samples)] == [0, 0, 0]


@pytest.mark.parametrize("dtype", [pa.string(), pa.dictionary(pa.int32(), pa.string())])
def test_the_corpus_that_a_pair_is_of_is_handed_on(
    tmp_path: Path, tokenizers: Tokenizers, dtype: pa.DataType
) -> None:
    shard = write_clean(tmp_path, [0, 1, 2])
    names = pa.array(["iitb", "phrasebook", "iitb"]).cast(dtype)
    pq.write_table(pq.read_table(shard).set_column(0, "source", names), shard)
    config = TensorizeConfig(max_source_tokens=len(tokenizers[0].encode([TRAIN[0][0]])[0]))
    out = tmp_path / "train.arrow"
    tensorize_shard(shard, *tokenizers, config, out)
    table = pa.ipc.open_file(out).read_all()
    rows = table.column("row").to_pylist()
    assert 0 in rows
    assert table.schema.field("source").type == pa.dictionary(pa.int8(), pa.string())
    expected = [["iitb", "phrasebook", "iitb"][row] for row in rows]
    assert table.column("source").to_pylist() == expected


def test_columns_are_named_by_what_they_hold(tmp_path: Path, tokenizers: Tokenizers) -> None:
    arrays, _ = tensorize(tmp_path, tokenizers, [0])
    schema = pa.ipc.open_file(arrays.path).schema
    assert {field.name: field.type for field in schema} == {
        "row": pa.int64(),
        "source": pa.dictionary(pa.int8(), pa.string()),
        "source_ids": pa.list_(pa.uint16()),
        "target_ids": pa.list_(pa.uint16()),
    }


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
    assert counts["dropped_too_many_tokens"] == 2


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


def test_opening_a_file_copies_none_of_its_tokens(tmp_path: Path, tokenizers: Tokenizers) -> None:
    path = tensorize(tmp_path, tokenizers, [0, 1, 2])[0].path
    before = pa.total_allocated_bytes()
    arrays = TokenArrays.open(path)
    assert len(arrays) == 3
    assert pa.total_allocated_bytes() == before


def test_a_file_of_several_batches_is_refused_for_a_reader_would_see_the_first_only(
    tmp_path: Path, tokenizers: Tokenizers
) -> None:
    whole = tensorize(tmp_path, tokenizers, [0, 1, 2])[0].path
    table = pa.ipc.open_file(str(whole)).read_all()
    several = tmp_path / "several.arrow"
    with pa.OSFile(str(several), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    with pytest.raises(ArtifactError, match="it has 2 batches where one must be"):
        TokenArrays.open(several)


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
