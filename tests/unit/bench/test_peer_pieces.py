"""What other toolkits read is what our models see."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from peer_pieces import write_pieces

from pairs import TRAIN
from pipeline.tensorize import TokenArrays
from pipeline.tokenizer import Tokenizer, TokenizerConfig, train_tokenizer


def arrays_of(path: Path, sources: list[list[int]], targets: list[list[int]]) -> TokenArrays:
    """A file of token arrays with these ids."""
    lists = pa.list_(pa.uint16())
    table = pa.table(
        {
            "row": pa.array(range(len(sources)), pa.int64()),
            "source_ids": pa.array(sources, lists),
            "target_ids": pa.array(targets, lists),
        }
    )
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return TokenArrays.open(path)


def test_every_shard_is_written_in_order_and_split_at_spaces_gives_the_ids_again(
    tmp_path: Path,
) -> None:
    shards = [
        arrays_of(tmp_path / "0.arrow", [[4, 17], [9]], [[5, 6, 7], [4]]),
        arrays_of(tmp_path / "1.arrow", [[311]], [[329, 4]]),
    ]
    write_pieces(tmp_path / "pieces", {"train": shards, "dev": shards[1:]}, (312, 330))
    assert (tmp_path / "pieces/train.en").read_text() == "4 17\n9\n311\n"
    assert (tmp_path / "pieces/train.hi").read_text() == "5 6 7\n4\n329 4\n"
    assert (tmp_path / "pieces/dev.hi").read_text() == "329 4\n"


def test_a_peer_with_four_special_tokens_of_its_own_has_a_vocabulary_as_large_as_ours(
    tmp_path: Path,
) -> None:
    train_tokenizer([hi for _, hi in TRAIN], TokenizerConfig(vocab_size=330), tmp_path / "m", "hi")
    hindi = Tokenizer.load(tmp_path / "m")
    ids = hindi.encode([hi for _, hi in TRAIN])
    arrays = arrays_of(tmp_path / "0.arrow", ids, ids)
    write_pieces(tmp_path, {"train": [arrays]}, (len(hindi), len(hindi)))
    vocabulary = (tmp_path / "vocabulary.hi").read_text().split("\n")[:-1]
    assert len(vocabulary) == len(set(vocabulary)) == 330 - 4
    assert {*(tmp_path / "train.hi").read_text().split()} <= {*vocabulary}
