"""The token arrays of one split, as training and validation read them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from model.batch_plan import Lengths, MicroBatch
from model.batches import Batch, collate
from pipeline.errors import TrainingError
from pipeline.tensorize import Ids, TokenArrays


class TokenDataset:
    """Memory-mapped shards of token ids, addressed by shard and row.

    Raises:
        TrainingError: if the files hold no pair at all.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.shards = [TokenArrays.open(path) for path in paths]
        if not any(len(shard) for shard in self.shards):
            raise TrainingError(
                f"a split must have at least one pair, but its {len(paths)} token arrays hold none"
            )

    def __len__(self) -> int:
        return sum(map(len, self.shards))

    @property
    def source_lengths(self) -> list[Lengths]:
        """Tokens of each source sentence, shard by shard."""
        return [shard.source_lengths for shard in self.shards]

    @property
    def target_lengths(self) -> list[Lengths]:
        """Tokens of each target sentence, shard by shard."""
        return [shard.target_lengths for shard in self.shards]

    def ids(self, micro_batch: MicroBatch) -> tuple[list[Ids], list[Ids]]:
        """Source and target ids of a micro-batch's pairs, without special ids."""
        sources: list[Ids] = [np.empty(0, np.uint16)] * len(micro_batch.row)
        targets = list(sources)
        for shard in np.unique(micro_batch.shard):
            places = np.flatnonzero(micro_batch.shard == shard)
            found = self.shards[shard].pairs(micro_batch.row[places])
            for place, source, target in zip(places, *found, strict=True):
                sources[place], targets[place] = source, target
        return sources, targets

    def batch(self, micro_batch: MicroBatch) -> Batch:
        """The padded tensors of a micro-batch."""
        return collate(*self.ids(micro_batch))
