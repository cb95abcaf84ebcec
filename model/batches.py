"""One micro-batch of token ids, as the model takes it.

Legend: B sentences, S source positions, T target positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pipeline.tokenizer import BOS_ID, EOS_ID, PAD_ID

TokenIds = npt.NDArray[np.integer] | Sequence[int]


@dataclass(frozen=True)
class Batch:
    """Source and target ids of one micro-batch, padded on the right with ``PAD_ID``.

    Attributes:
        source_BS: int64; every row is a sentence followed by ``EOS_ID``.
        source_lengths_B: int64, on the CPU; counts the ``EOS_ID``, so it is at least 1.
        target_in_BT: int64; what the decoder reads: ``BOS_ID`` and the target sentence.
        target_out_BT: int64; what it must say: the target sentence and ``EOS_ID``.
        target_tokens: entries of ``target_out_BT`` that are no padding.
    """

    source_BS: Tensor
    source_lengths_B: Tensor
    target_in_BT: Tensor
    target_out_BT: Tensor
    target_tokens: int

    def to(self, device: torch.device) -> Batch:
        """The same batch with its ids on ``device``; lengths stay on the CPU."""
        return Batch(
            source_BS=self.source_BS.to(device, non_blocking=True),
            source_lengths_B=self.source_lengths_B,
            target_in_BT=self.target_in_BT.to(device, non_blocking=True),
            target_out_BT=self.target_out_BT.to(device, non_blocking=True),
            target_tokens=self.target_tokens,
        )


def pad_sources(sources: Sequence[TokenIds]) -> tuple[Tensor, Tensor]:
    """Right-padded ``(source_BS, source_lengths_B)`` of sentences given without ``EOS_ID``."""
    lengths = np.fromiter((len(ids) + 1 for ids in sources), np.int64, len(sources))
    padded = np.full((len(sources), int(lengths.max())), PAD_ID, np.int64)
    for row, ids in zip(padded, sources, strict=True):
        row[: len(ids)] = ids
        row[len(ids)] = EOS_ID
    return torch.from_numpy(padded), torch.from_numpy(lengths)


def collate(sources: Sequence[TokenIds], targets: Sequence[TokenIds]) -> Batch:
    """A :class:`Batch` of sentence pairs given without special ids.

    Raises:
        ValueError: if there is no pair, or the two sides differ in number.
    """
    if not sources or len(sources) != len(targets):
        raise ValueError(
            f"a batch needs as many source as target sentences and at least one, "
            f"not {len(sources)} and {len(targets)}"
        )
    source_BS, source_lengths_B = pad_sources(sources)
    target_out_BT, target_lengths_B = pad_sources(targets)
    target_in_BT = torch.full_like(target_out_BT, PAD_ID)
    target_in_BT[:, 0] = BOS_ID
    target_in_BT[:, 1:] = target_out_BT[:, :-1]
    # The shifted copy still holds the EOS of every sentence that is not the longest.
    target_in_BT[target_in_BT == EOS_ID] = PAD_ID
    return Batch(
        source_BS=source_BS,
        source_lengths_B=source_lengths_B,
        target_in_BT=target_in_BT,
        target_out_BT=target_out_BT,
        target_tokens=int(target_lengths_B.sum()),
    )
