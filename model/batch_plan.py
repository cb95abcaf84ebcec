"""Which pairs form which update: a pure function of the lengths, the seed and the epoch.

An update is a fixed number of micro-batches, whatever the number of workers (the last of an epoch
has what is left); rank r of W takes every W-th of them. So every worker knows the update's token
count, takes as many steps as the others, and W workers train what one would.

Padding is kept small by length: pairs of a window of shards are sorted by target length in coarse
buckets and by source length within a bucket, up and down in turn, so that neighbours are alike
also where one bucket ends. The order of the updates is shuffled, not that of the pairs in them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Lengths = npt.NDArray[np.int32]
PairIds = npt.NDArray[np.int64]

# oneDNN builds a kernel for each new shape (6 to 25 ms in bf16), so batch sizes come in steps.
_SENTENCE_STEP = 16
# Micro-batches of neighbouring lengths that ranks work on side by side, so that none waits.
_NEIGHBOURS = 4


@dataclass(frozen=True)
class PlanSettings:
    """How micro-batches and updates are cut.

    Attributes:
        batch_tokens: sentences × tokens of the longer padded side, at most, a micro-batch.
        micro_batches: micro-batches an update.
        window_shards: shards whose pairs are mixed with one another.
        seed: of the shuffling.
    """

    batch_tokens: int
    micro_batches: int
    window_shards: int
    seed: int


@dataclass(frozen=True)
class MicroBatch:
    """Pairs that go through the model together.

    Attributes:
        shard: index of each pair's shard.
        row: index of each pair within its shard.
        target_tokens: real target tokens, each sentence's end included.
        padded_tokens: source and target positions, padding included.
        real_tokens: source and target positions without padding.
    """

    shard: PairIds
    row: PairIds
    target_tokens: int
    padded_tokens: int
    real_tokens: int

    @classmethod
    def of(cls, shard: PairIds, row: PairIds, source: PairIds, target: PairIds) -> MicroBatch:
        """The micro-batch of some pairs, whose tokens a side come with each sentence's end."""
        return cls(
            shard=shard,
            row=row,
            target_tokens=int(target.sum()),
            padded_tokens=len(row) * int(source.max() + target.max()),
            real_tokens=int(source.sum() + target.sum()),
        )


@dataclass(frozen=True)
class Update:
    """The micro-batches of one optimizer step, for all ranks together, and their epoch."""

    micro_batches: tuple[MicroBatch, ...]
    epoch: int

    @property
    def target_tokens(self) -> int:
        """Real target tokens of the whole update: what its gradient is divided by."""
        return sum(m.target_tokens for m in self.micro_batches)

    def of_rank(self, rank: int, world_size: int) -> list[tuple[int, MicroBatch, float]]:
        """What one rank computes: ``(index in the update, micro-batch, weight)``.

        Every rank gets as many. Where the update runs out, a rank repeats the update's first
        micro-batch with weight 0: it adds nothing, and the ranks stay in step.
        """
        rounds = -(-len(self.micro_batches) // world_size)
        share = []
        for index in range(rank, rounds * world_size, world_size):
            if index < len(self.micro_batches):
                share.append((index, self.micro_batches[index], 1.0))
            else:
                share.append((0, self.micro_batches[0], 0.0))
        return share


def plan_epoch(
    source_lengths: Sequence[Lengths],
    target_lengths: Sequence[Lengths],
    settings: PlanSettings,
    epoch: int,
) -> Iterator[Update]:
    """The updates of one epoch, in order; every pair occurs exactly once.

    Args:
        source_lengths: tokens of each source sentence, shard by shard, without special ids.
        target_lengths: the same of the targets.
        settings: how to cut.
        epoch: counted from 0; another epoch is another order.
    """
    rng = np.random.default_rng((settings.seed, epoch))
    shards = rng.permutation(len(source_lengths))
    waiting: list[MicroBatch] = []
    spare: list[MicroBatch] = []
    groups_an_update = max(1, settings.micro_batches // _NEIGHBOURS)
    neighbours = settings.micro_batches // groups_an_update
    for start in range(0, len(shards), settings.window_shards):
        window = shards[start : start + settings.window_shards]
        cut = micro_batches(
            [source_lengths[s] for s in window],
            [target_lengths[s] for s in window],
            window,
            settings.batch_tokens,
            rng,
        )
        # A group that is not full would shift all after it between updates: it waits for the end.
        start_of_spare = neighbours * int(rng.integers(len(cut) // neighbours + 1))
        few = slice(start_of_spare, start_of_spare + len(cut) % neighbours)
        spare += cut[few]
        del cut[few]
        groups = [cut[i : i + neighbours] for i in range(0, len(cut), neighbours)]
        waiting += [m for i in rng.permutation(len(groups)) for m in groups[i]]
        while len(waiting) >= settings.micro_batches:
            yield Update(tuple(waiting[: settings.micro_batches]), epoch)
            del waiting[: settings.micro_batches]
    waiting += spare
    for start in range(0, len(waiting), settings.micro_batches):
        yield Update(tuple(waiting[start : start + settings.micro_batches]), epoch)


def micro_batches(
    source_lengths: Sequence[Lengths],
    target_lengths: Sequence[Lengths],
    shard_ids: Sequence[int] | npt.NDArray[np.integer],
    batch_tokens: int,
    rng: np.random.Generator | None = None,
) -> list[MicroBatch]:
    """Cut the pairs of some shards into micro-batches of like lengths.

    A pair longer than ``batch_tokens`` is a micro-batch of its own. Without ``rng`` pairs of equal
    lengths stay in corpus order, which is what validation wants.
    """
    if not source_lengths:
        return []
    source = np.concatenate(source_lengths).astype(np.int64) + 1
    target = np.concatenate(target_lengths).astype(np.int64) + 1
    shard = np.repeat(np.asarray(shard_ids, np.int64), [len(s) for s in source_lengths])
    row = np.concatenate([np.arange(len(s), dtype=np.int64) for s in source_lengths])
    ties = np.arange(len(source)) if rng is None else rng.permutation(len(source))
    # An eighth of an octave: lengths within 9% of each other share a bucket.
    bucket = np.floor(8 * np.log2(target)).astype(np.int64)
    _, bucket = np.unique(bucket, return_inverse=True)
    up_and_down = np.where(bucket % 2 == 0, source, -source)
    order = np.lexsort((ties, up_and_down, bucket))
    source, target, shard, row = source[order], target[order], shard[order], row[order]
    longest = np.maximum(source, target)
    cut, start = [], 0
    while start < len(order):
        width = max(1, batch_tokens // int(longest[start]))
        peak = np.maximum.accumulate(longest[start : start + width])
        fits = int(np.count_nonzero(peak * np.arange(1, len(peak) + 1) <= batch_tokens))
        if fits > _SENTENCE_STEP:
            fits -= fits % _SENTENCE_STEP
        stop = start + max(1, fits)
        s, t = source[start:stop], target[start:stop]
        cut.append(MicroBatch.of(shard[start:stop], row[start:stop], s, t))
        start = stop
    return cut
