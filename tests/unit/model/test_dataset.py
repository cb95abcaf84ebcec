"""Token arrays as training reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from model.batch_plan import MicroBatch
from model.dataset import TokenDataset
from pipeline.errors import TrainingError
from pipeline.tokenizer import BOS_ID, EOS_ID, PAD_ID
from tiny_training import write_token_arrays


@pytest.fixture
def dataset(tmp_path: Path) -> TokenDataset:
    first = write_token_arrays(tmp_path / "a.arrow", [[4, 5], [6]], [[7], [8, 9, 10]])
    empty = write_token_arrays(tmp_path / "b.arrow", [], [])
    last = write_token_arrays(tmp_path / "c.arrow", [[11], [12, 13, 14]], [[15, 16], [17]])
    return TokenDataset([first, empty, last])


def micro_batch(*pairs: tuple[int, int]) -> MicroBatch:
    shard, row = np.array(pairs).T
    return MicroBatch(shard, row, target_tokens=0, padded_tokens=0, real_tokens=0)


def test_lengths_are_known_shard_by_shard(dataset: TokenDataset) -> None:
    assert len(dataset) == 4
    assert [shard.tolist() for shard in dataset.source_lengths] == [[2, 1], [], [1, 3]]
    assert [shard.tolist() for shard in dataset.target_lengths] == [[1, 3], [], [2, 1]]


def test_pairs_come_in_the_order_asked_for_across_shards(dataset: TokenDataset) -> None:
    sources, targets = dataset.ids(micro_batch((2, 1), (0, 0), (2, 0), (0, 1)))
    assert [ids.tolist() for ids in sources] == [[12, 13, 14], [4, 5], [11], [6]]
    assert [ids.tolist() for ids in targets] == [[17], [7], [15, 16], [8, 9, 10]]


def test_a_batch_has_its_special_ids(dataset: TokenDataset) -> None:
    batch = dataset.batch(micro_batch((2, 0), (0, 0)))
    assert batch.source_BS.tolist() == [[11, EOS_ID, PAD_ID], [4, 5, EOS_ID]]
    assert batch.target_in_BT.tolist() == [[BOS_ID, 15, 16], [BOS_ID, 7, PAD_ID]]


def test_a_split_without_a_pair_is_refused(tmp_path: Path) -> None:
    empty = write_token_arrays(tmp_path / "a.arrow", [], [])
    with pytest.raises(TrainingError, match="at least one pair, but its 1 token arrays hold none"):
        TokenDataset([empty])


def test_each_epoch_reads_the_next_sample_over_and_over(tmp_path: Path) -> None:
    pairs = [[4, 5], [6]], [[7], [8, 9, 10]]
    best = write_token_arrays(tmp_path / "a.arrow", *pairs)
    samples = [
        [write_token_arrays(tmp_path / "a1.arrow", [[14, 15, 15], [16]], [[7], [8, 9, 10]])],
        [write_token_arrays(tmp_path / "a2.arrow", [[4, 5], [6, 6]], [[17], [18]])],
    ]
    dataset = TokenDataset([best], samples)
    found = [dataset.of_epoch(epoch) for epoch in range(4)]
    assert [[x.tolist() for x in data.source_lengths] for data in found] == [[[3, 1]], [[2, 2]]] * 2
    second = found[1].ids(micro_batch((0, 1), (0, 0)))
    assert [[ids.tolist() for ids in side] for side in second] == [[[6, 6], [4, 5]], [[18], [17]]]
    assert dataset.source_lengths[0].tolist() == [2, 1], "it is the best segmentation itself"


def test_without_samples_all_epochs_read_the_same(dataset: TokenDataset) -> None:
    assert dataset.of_epoch(0) is dataset.of_epoch(5) is dataset


def test_a_sample_of_one_epoch_is_opened_once(tmp_path: Path) -> None:
    paths = [write_token_arrays(tmp_path / f"{i}.arrow", [[4]], [[5]]) for i in range(3)]
    dataset = TokenDataset(paths[:1], [paths[1:2], paths[2:]])
    assert dataset.of_epoch(0) is dataset.of_epoch(0)
    assert dataset.of_epoch(0) is not dataset.of_epoch(1)


def test_a_sample_of_other_pairs_is_refused_naming_it(tmp_path: Path) -> None:
    best = write_token_arrays(tmp_path / "a.arrow", [[4, 5], [6]], [[7], [8]])
    other = write_token_arrays(tmp_path / "a1.arrow", [[4, 5]], [[7]])
    dataset = TokenDataset([best], [[other]])
    with pytest.raises(TrainingError, match=f"{other} must hold the pairs of {best}, in their"):
        dataset.of_epoch(0)
