"""Batches, against tensors drawn by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from model.batches import collate, pad_sources
from pipeline.tokenizer import BOS_ID, EOS_ID, PAD_ID

P, B, E = PAD_ID, BOS_ID, EOS_ID


def test_both_sides_are_padded_on_the_right() -> None:
    batch = collate([[5, 6, 7], [8]], [[9], [4, 5]])
    assert batch.source_BS.tolist() == [[5, 6, 7, E], [8, E, P, P]]
    assert batch.source_lengths_B.tolist() == [4, 2]
    assert batch.target_in_BT.tolist() == [[B, 9, P], [B, 4, 5]]
    assert batch.target_out_BT.tolist() == [[9, E, P], [4, 5, E]]
    assert batch.target_tokens == 5


def test_an_empty_side_is_its_end_alone() -> None:
    batch = collate([[]], [[]])
    assert batch.source_BS.tolist() == [[E]]
    assert batch.target_in_BT.tolist() == [[B]]
    assert batch.target_out_BT.tolist() == [[E]]


def test_ids_of_token_arrays_become_int64() -> None:
    source_BS, lengths_B = pad_sources([np.array([65535, 4], np.uint16)])
    assert source_BS.tolist() == [[65535, 4, E]]
    assert source_BS.dtype == lengths_B.dtype == torch.int64


def test_moving_a_batch_leaves_lengths_on_the_cpu() -> None:
    batch = collate([[5, 6]], [[7]]).to(torch.device("meta"))
    places = (batch.source_BS, batch.target_in_BT, batch.target_out_BT)
    assert {tensor.device.type for tensor in places} == {"meta"}
    assert batch.source_lengths_B.tolist() == [3]


@pytest.mark.parametrize(("sources", "targets"), [([], []), ([[4]], []), ([[4]], [[4], [5]])])
def test_sides_that_differ_in_number_are_refused(
    sources: list[list[int]], targets: list[list[int]]
) -> None:
    with pytest.raises(ValueError, match=f"not {len(sources)} and {len(targets)}"):
        collate(sources, targets)
