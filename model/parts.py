"""What a rank computes of an update: its micro-batches, cut where the memory has no room for them.

One that did not fit is cut in halves by sentences, and so are all as large from then on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from model.batch_plan import MicroBatch
from model.dataset import TokenDataset

# All that oneDNN says where what it allocates itself has no room.
_ONEDNN_HAS_NO_ROOM = {"could not create a primitive", "could not create a memory object"}


@dataclass(frozen=True)
class Part:
    """Some sentences of a micro-batch.

    Attributes:
        pairs: the sentences.
        index: of the micro-batch in its update.
        start: of the first of them in the micro-batch.
        weight: 1; 0 for what is repeated only to keep the ranks in step.
    """

    pairs: MicroBatch
    index: int
    start: int
    weight: float


@dataclass(frozen=True)
class PartLoss:
    """A part, and its negative log-likelihood in nats, a scalar on the device."""

    part: Part
    nll: Tensor


def total_nll(losses: Sequence[PartLoss]) -> float:
    """The negative log-likelihood of this rank's share, in nats."""
    nll = torch.zeros_like(losses[0].nll)
    for loss in losses:
        nll += loss.nll * loss.part.weight
    return float(nll)


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether torch found no room for a tensor, on a GPU or in the machine's memory."""
    said = str(error)
    if isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in said:
        return True
    return said in _ONEDNN_HAS_NO_ROOM


def halves(part: Part, data: TokenDataset) -> tuple[Part, Part]:
    """The first and the second half of a part's sentences; there must be two at least."""
    count = len(part.pairs.row)
    assert count > 1, "a sentence pair has no halves"
    source, target = (
        np.array([len(ids) + 1 for ids in side], np.int64) for side in data.ids(part.pairs)
    )

    def cut(start: int, stop: int) -> Part:
        rows = slice(start, stop)
        pairs = MicroBatch.of(
            part.pairs.shard[rows], part.pairs.row[rows], source[rows], target[rows]
        )
        return Part(pairs, part.index, part.start + start, part.weight)

    return cut(0, count // 2), cut(count // 2, count)


def parts_that_fit(part: Part, data: TokenDataset, too_large: int | None) -> list[Part]:
    """The part, cut until each has fewer padded tokens than ``too_large`` or one sentence."""
    if too_large is None or part.pairs.padded_tokens < too_large or len(part.pairs.row) == 1:
        return [part]
    return [p for half in halves(part, data) for p in parts_that_fit(half, data, too_large)]
