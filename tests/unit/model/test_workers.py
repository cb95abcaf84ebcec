"""What one process knows of the others; several of them are in test_training.py."""

from __future__ import annotations

import torch

from model.workers import Workers


def test_a_worker_alone_needs_no_process_group() -> None:
    alone = Workers()
    alone.wait()
    assert not torch.distributed.is_initialized()
    assert alone.is_first
    assert alone.sum(1.5, -2.0) == [1.5, -2.0]
    assert alone.gather(["a"]) == [["a"]]
    assert alone.agree(True)
    assert not alone.agree(False)


def test_only_rank_0_is_first() -> None:
    assert [Workers(rank, 3).is_first for rank in range(3)] == [True, False, False]
