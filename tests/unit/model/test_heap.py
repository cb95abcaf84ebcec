"""Memory that is freed between what is still used leaves the process."""

from __future__ import annotations

import platform

import psutil
import pytest
import torch

from model.heap import EVERY_S, Heap

SIZE, PIECES = 100_000, 1_000


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has malloc_trim")
def test_pages_between_pieces_that_are_still_used_are_given_back() -> None:
    now = 0.0
    heap = Heap(lambda: now)
    # Each is too small for a map of its own, and the last keeps the heap from shrinking by itself.
    pieces = [torch.ones(SIZE, dtype=torch.uint8) for _ in range(PIECES)]
    del pieces[:-1]
    before = psutil.Process().memory_info().rss
    assert not heap.give_back()
    now = EVERY_S
    assert heap.give_back()
    assert not heap.give_back()
    assert before - psutil.Process().memory_info().rss > SIZE * PIECES / 2
    assert pieces[0].sum() == SIZE
