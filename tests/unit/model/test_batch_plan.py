"""The batch plan: every pair once, the same on every worker, little padding."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.batch_plan import Lengths, MicroBatch, PlanSettings, Update, micro_batches, plan_epoch

SETTINGS = PlanSettings(batch_tokens=512, micro_batches=4, window_shards=2, seed=1)


def realistic_lengths(shards: int, pairs: int) -> tuple[list[Lengths], list[Lengths]]:
    """Sentences of 8 tokens in the median and some of 60, targets that follow them loosely."""
    rng = np.random.default_rng(5)
    sources, targets = [], []
    for _ in range(shards):
        source = np.clip(rng.lognormal(np.log(8), 0.6, pairs), 1, 60)
        target = np.clip(source * rng.normal(1.1, 0.25, pairs), 1, 60)
        sources.append(source.astype(np.int32))
        targets.append(target.astype(np.int32))
    return sources, targets


SOURCES, TARGETS = realistic_lengths(shards=5, pairs=700)


def plan(epoch: int = 0, **changes: int) -> list[Update]:
    return list(plan_epoch(SOURCES, TARGETS, PlanSettings(**{**vars(SETTINGS), **changes}), epoch))


def pairs_of(micro_batch: MicroBatch) -> list[tuple[int, int]]:
    return list(zip(micro_batch.shard.tolist(), micro_batch.row.tolist(), strict=True))


def order(updates: list[Update]) -> list[list[list[tuple[int, int]]]]:
    return [[pairs_of(m) for m in update.micro_batches] for update in updates]


@pytest.mark.parametrize("epoch", [0, 1])
@pytest.mark.parametrize("window_shards", [1, 2, 9])
def test_every_pair_occurs_exactly_once_an_epoch(epoch: int, window_shards: int) -> None:
    updates = plan(epoch, window_shards=window_shards)
    seen = Counter(p for u in updates for m in u.micro_batches for p in pairs_of(m))
    assert set(seen.values()) == {1}
    assert set(seen) == {(s, r) for s in range(5) for r in range(700)}


@given(
    lengths=st.lists(
        st.lists(st.tuples(st.integers(1, 50), st.integers(1, 50)), max_size=40),
        min_size=1,
        max_size=4,
    ),
    batch_tokens=st.integers(16, 200),
    per_update=st.integers(1, 11),
    window_shards=st.integers(1, 3),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_any_lengths_give_whole_updates_within_the_bound(
    lengths: list[list[tuple[int, int]]], batch_tokens: int, per_update: int, window_shards: int
) -> None:
    source = [np.array([s for s, _ in shard], np.int32) for shard in lengths]
    target = [np.array([t for _, t in shard], np.int32) for shard in lengths]
    chosen = PlanSettings(batch_tokens, per_update, window_shards, seed=3)
    updates = list(plan_epoch(source, target, chosen, 0))
    seen = [p for u in updates for m in u.micro_batches for p in pairs_of(m)]
    assert sorted(seen) == [(s, r) for s, shard in enumerate(lengths) for r in range(len(shard))]
    assert all(len(u.micro_batches) == per_update for u in updates[:-1])
    for micro_batch in (m for u in updates for m in u.micro_batches):
        longest = max(max(lengths[s][r]) for s, r in pairs_of(micro_batch)) + 1
        assert len(micro_batch.row) == 1 or len(micro_batch.row) * longest <= batch_tokens


def test_the_plan_is_a_pure_function() -> None:
    assert order(plan()) == order(plan())


def test_another_epoch_or_seed_is_another_order() -> None:
    assert order(plan(0)) != order(plan(1))
    assert order(plan(0)) != order(plan(0, seed=2))


def test_counts_of_a_micro_batch_include_the_end_of_each_sentence() -> None:
    # Sources of 2 and 3 tokens, targets of 4 and 1; each gets its EOS.
    source, target = np.array([2, 3], np.int32), np.array([4, 1], np.int32)
    cut = micro_batches([source], [target], [6], batch_tokens=16)
    assert [pairs_of(m) for m in cut] == [[(6, 1), (6, 0)]]
    (only,) = cut
    assert only.target_tokens == 5 + 2
    assert only.real_tokens == 3 + 4 + 5 + 2
    assert only.padded_tokens == 2 * 4 + 2 * 5


def test_a_pair_over_the_bound_is_a_micro_batch_of_its_own() -> None:
    source, target = np.array([3, 400, 3], np.int32), np.array([3, 9, 3], np.int32)
    cut = micro_batches([source], [target], [0], batch_tokens=32)
    assert sorted(pairs_of(m) for m in cut) == [[(0, 0), (0, 2)], [(0, 1)]]


def test_batch_sizes_come_in_steps_of_16() -> None:
    sizes = [len(m.row) for update in plan() for m in update.micro_batches]
    large = [size for size in sizes if size > 16]
    assert len(large) > 50
    assert all(size % 16 == 0 for size in large)


@pytest.mark.parametrize("per_update", [1, 2, 3, 5, 6, 7, 8, 9, 11])
def test_an_update_has_the_configured_number_of_micro_batches(per_update: int) -> None:
    updates = plan(micro_batches=per_update)
    assert {len(u.micro_batches) for u in updates[:-1]} == {per_update}
    assert 1 <= len(updates[-1].micro_batches) <= per_update


def test_micro_batches_of_an_update_are_of_neighbouring_lengths() -> None:
    """Ranks work on them side by side, and none should wait."""
    widths = []
    for update in plan(window_shards=9):
        targets = [max(TARGETS[s][r] for s, r in pairs_of(m)) for m in update.micro_batches]
        widths.append(max(targets) / min(targets))
    assert np.median(widths) < 1.25


@pytest.mark.parametrize("world_size", [1, 2, 3, 4, 6])
def test_shares_are_disjoint_and_equal_and_cover_the_update(world_size: int) -> None:
    for update in plan(micro_batches=5):
        shares = [update.of_rank(rank, world_size) for rank in range(world_size)]
        assert len({len(share) for share in shares}) == 1
        real = [index for share in shares for index, _, weight in share if weight == 1.0]
        assert sorted(real) == list(range(len(update.micro_batches)))
        for index, micro_batch, weight in (entry for share in shares for entry in share):
            assert micro_batch is update.micro_batches[index]
            assert weight in (0.0, 1.0)


def test_a_rank_that_runs_out_repeats_the_first_micro_batch_with_weight_0() -> None:
    update = plan(micro_batches=3)[0]
    shares = [update.of_rank(rank, 2) for rank in range(2)]
    assert [(index, weight) for index, _, weight in shares[0]] == [(0, 1.0), (2, 1.0)]
    assert [(index, weight) for index, _, weight in shares[1]] == [(1, 1.0), (0, 0.0)]


def test_the_tokens_of_an_update_do_not_depend_on_the_number_of_workers() -> None:
    update = plan(micro_batches=5)[0]
    for world_size in (1, 2, 4, 8):
        shares = [entry for rank in range(world_size) for entry in update.of_rank(rank, world_size)]
        assert sum(m.target_tokens * weight for _, m, weight in shares) == update.target_tokens


def test_less_than_eight_in_a_hundred_positions_are_padding() -> None:
    sources, targets = realistic_lengths(shards=4, pairs=10_000)
    chosen = PlanSettings(batch_tokens=2048, micro_batches=2, window_shards=4, seed=1)
    cut = [m for u in plan_epoch(sources, targets, chosen, 0) for m in u.micro_batches]
    padded = sum(m.padded_tokens for m in cut)
    real = sum(m.real_tokens for m in cut)
    assert real == sum(map(np.sum, sources)) + sum(map(np.sum, targets)) + 2 * 40_000
    assert 1 - real / padded < 0.08


def test_only_shards_of_one_window_are_mixed() -> None:
    mixed = [frozenset(m.shard.tolist()) for u in plan(window_shards=2) for m in u.micro_batches]
    windows = {shards for shards in mixed if len(shards) == 2}
    assert len(windows) == 2
    assert not frozenset.intersection(*windows)
    assert all(any(shards <= w for w in windows) or len(shards) == 1 for shards in mixed)
    # One window is used up before the next begins, but for a few that are spared for the end.
    spared = 3 * SETTINGS.micro_batches
    places = [[i for i, s in enumerate(mixed[:-spared]) if s <= window] for window in windows]
    first, second = sorted(places, key=min)
    assert max(first) < min(second)


def test_a_window_is_cut_only_when_it_is_reached() -> None:
    """Memory is bounded by the window, however many shards there are."""
    read: list[int] = []

    class Watched(list[Lengths]):
        def __getitem__(self, index: object) -> Lengths:  # type: ignore[override]
            read.append(int(index))  # type: ignore[call-overload]
            return super().__getitem__(index)  # type: ignore[index]

    updates = plan_epoch(Watched(SOURCES), TARGETS, SETTINGS, 0)
    next(updates)
    assert len(read) == 2


def test_validation_keeps_corpus_order_among_equal_lengths() -> None:
    lengths = np.full(6, 4, np.int32)
    cut = micro_batches([lengths], [lengths], [0], batch_tokens=16)
    assert [m.row.tolist() for m in cut] == [[0, 1, 2], [3, 4, 5]]


def test_no_shard_gives_no_micro_batch() -> None:
    assert micro_batches([], [], [], batch_tokens=16) == []
