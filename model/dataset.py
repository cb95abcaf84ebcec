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

    Args:
        paths: of the shards, with the best segmentation of each sentence.
        samples: of the same shards with other segmentations, one after the other; see
            :meth:`of_epoch`.

    Raises:
        TrainingError: if the files hold no pair at all.
    """

    def __init__(self, paths: Sequence[Path], samples: Sequence[Sequence[Path]] = ()) -> None:
        self.shards = [TokenArrays.open(path) for path in paths]
        if not any(len(shard) for shard in self.shards):
            raise TrainingError(
                f"a split must have at least one pair, but its {len(paths)} token arrays hold none"
            )
        self._samples = samples
        self._opened: tuple[int, TokenDataset] | None = None

    def of_epoch(self, epoch: int) -> TokenDataset:
        """What an epoch reads: of K samples the one numbered epoch mod K; itself without any.

        Each has the same pairs at the same places. Only that of the last epoch asked for is held,
        for the lengths of all would have to be.

        Raises:
            TrainingError: if a sample holds other pairs.
        """
        if not self._samples:
            return self
        number = epoch % len(self._samples)
        if self._opened is None or self._opened[0] != number:
            self._opened = number, self._open_sample(self._samples[number])
        return self._opened[1]

    def _open_sample(self, paths: Sequence[Path]) -> TokenDataset:
        assert len(paths) == len(self.shards), f"{len(paths)} files for {len(self.shards)} shards"
        sample = TokenDataset(paths)
        for ours, theirs in zip(self.shards, sample.shards, strict=True):
            if not np.array_equal(ours.rows, theirs.rows):
                raise TrainingError(
                    f"{theirs.path} must hold the pairs of {ours.path}, in their order, but has "
                    f"others; run `anuvad prepare` again"
                )
        return sample

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
