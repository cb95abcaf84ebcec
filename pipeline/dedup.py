"""Copies: exact pairs, and one side that comes again and again, across all training shards.

reads   ``clean-<hash>/train-00000-of-00004.parquet``, all of them, and the evaluation's keys
        (:mod:`pipeline.leakage`)
writes  ``train-00000-of-00004.parquet``, the rows that are kept, and, where one was dropped,
        ``train-00000-of-00004.rejects.parquet`` (the same and ``reason``); validation as it is
holds   visited = kept + dropped, by reason; what is dropped depends on the rows and their order in
        the corpus only: not on the number of tasks, their order, or an interruption

The rules run one after the other, each on what the one before left; of equal rows the first stays:

    leaks_english, leaks_hindi    a side that validation or test has
    duplicate_pair                both sides stood before
    too_many_copies_english       this English stood ``max_copies_english`` times before
    too_many_copies_hindi         this Hindi stood ``max_copies_hindi`` times before

No process sees the whole. A row is 24 bytes: 64 bits of BLAKE2b of each side, and its place. One
task a shard hashes; one task a range of English hashes compares pairs and English sides (copies of
either have the same English, so they meet there); one task a range of Hindi hashes compares Hindi
sides; one task a shard takes out what was decided. There are as many ranges as make one hold
``partition_rows`` rows, give or take chance, which bounds the memory of a task: half a million rows
are 12 MB of hashes and, with the copies that sorting makes, 60 MB. Copies of a pair within a shard
go before that; so only one side in half a million different pairs would fill a range by itself.

A pair is known by 128 bits. Among ten billion different pairs, two are taken for one with a
probability of 1e20 / 2 / 2^128 = 1.5e-19. A side is known by 64 bits; among ten billion different
ones 1e20 / 2 / 2^64 = 2.7 pairs of sides are expected to share a hash. They only share a cap, so a
row is lost where both together come more often than it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field

from pipeline.leakage import SIDES, leaks
from pipeline.settings import Settings

Hashes = npt.NDArray[np.uint64]
Places = npt.NDArray[np.uint64]
Drops = dict[str, Places]
"""Reason → places of the rows that are dropped for it, in order; no reason without rows."""

DUPLICATE_PAIR = "duplicate_pair"
TOO_MANY_ENGLISH = "too_many_copies_english"
TOO_MANY_HINDI = "too_many_copies_hindi"

_ROW_BITS = np.uint64(32)
_HINDI, _PLACE = 1, 2


class DedupConfig(Settings):
    """Which copies go, and whether training may see what it is evaluated on."""

    exact_pairs: bool = Field(True, description="keep the first of pairs that are the same")
    max_copies_english: int | None = Field(
        8, ge=1, description="pairs of one English side that stay, the first ones"
    )
    # Fifteen translators put each verse of a known corpus into English, which is worth having;
    # what comes more often is a formula or a label of buttons.
    max_copies_hindi: int | None = Field(
        16, ge=1, description="pairs of one Hindi side that stay, the first ones"
    )
    leakage: bool = Field(
        True, description="drop training pairs that share a side with validation or test"
    )
    leakage_min_words: int = Field(3, ge=1, description="words of a side that is not anybody's")
    partition_rows: int = Field(
        500_000, ge=1, description="rows that one task compares; changes no result"
    )

    @property
    def compares(self) -> bool:
        """Whether rows have to be compared with each other."""
        caps = self.max_copies_english, self.max_copies_hindi
        return self.exact_pairs or any(cap is not None for cap in caps)


# One shard: its rows' hashes, and what can be decided without the other shards.


def places_of(shard: int, rows: int) -> Places:
    """The place of each row of the shard of this index: one number, in the order of the corpus."""
    return (np.uint64(shard) << _ROW_BITS) | np.arange(rows, dtype=np.uint64)


def drop_leaks(pairs: pa.Table, places: Places, keys: pa.Table) -> Drops:
    """What shares a side with the evaluation; what shares both is counted as English."""
    drops: Drops = {}
    left = np.ones(len(pairs), bool)
    for column, side in SIDES.items():
        found = leaks(pairs, keys, column).to_numpy().astype(bool) & left
        drops[f"leaks_{side}"] = places[found]
        left &= ~found
    return _with_rows(drops)


def fingerprint(pairs: pa.Table, places: Places, config: DedupConfig) -> tuple[Hashes, Drops]:
    """What the other shards' rows are compared with, and the copies of pairs in this shard.

    They go already here, so that a pair that fills a corpus does not fill a range of hashes.

    Returns:
        Three rows of numbers, sorted by the first: English hash, Hindi hash, place; and the drops.
    """
    prints = np.stack([hashes_of(pairs.column("en")), hashes_of(pairs.column("hi")), places])
    return drop_pairs(prints) if config.exact_pairs else (_sorted(prints), {})


def hashes_of(texts: pa.ChunkedArray) -> Hashes:
    """64 bits of BLAKE2b of each text, the same on every machine."""
    digests = [hashlib.blake2b(t, digest_size=8).digest() for t in texts.cast("binary").to_pylist()]
    return np.frombuffer(b"".join(digests), "<u8").astype(np.uint64)


# One range of hashes: rows of all shards.


def partitions_of(rows: int, partition_rows: int) -> int:
    """Into how many ranges the hashes are cut."""
    return max(1, -(-rows // partition_rows))


def read_partition(files: Sequence[Path], index: int, total: int) -> Hashes:
    """What all files have in the range ``index`` of ``total``, in the order of the files.

    A file is sorted by its first row of numbers; no more than the range of it is read.
    """
    first, stop = (index << 64) // total, ((index + 1) << 64) // total
    pieces = []
    for file in files:
        prints = np.load(file, mmap_mode="r")
        begin = np.searchsorted(prints[0], np.uint64(first))
        end = np.searchsorted(prints[0], np.uint64(stop)) if index + 1 < total else None
        pieces.append(np.array(prints[:, begin:end]))
    return np.concatenate(pieces, axis=1)


def drop_pairs(prints: Hashes) -> tuple[Hashes, Drops]:
    """Keep the first of each pair; what is left is sorted by English hash."""
    prints = _sorted(prints)
    sides = prints[:_PLACE]
    again = np.zeros(prints.shape[1], bool)
    again[1:] = (sides[:, 1:] == sides[:, :-1]).all(axis=0)
    return prints[:, ~again], _with_rows({DUPLICATE_PAIR: np.sort(prints[_PLACE, again])})


def drop_english(prints: Hashes, config: DedupConfig) -> tuple[Hashes, Drops]:
    """Decide on pairs and English sides; ``prints`` are all rows of a range of English hashes.

    Returns:
        Hindi hash and place of the rows that are left, sorted by the hash; and the drops.
    """
    drops: Drops = {}
    if config.exact_pairs:
        prints, drops = drop_pairs(prints)
    if config.max_copies_english is not None:
        prints, over = _drop_over(prints, config.max_copies_english)
        drops |= _with_rows({TOO_MANY_ENGLISH: over})
    return _sorted(prints[_HINDI:]), drops


def drop_hindi(left: Hashes, max_copies: int) -> Drops:
    """Decide on Hindi sides; ``left`` are all rows left in a range of Hindi hashes."""
    return _with_rows({TOO_MANY_HINDI: _drop_over(left, max_copies)[1]})


def _drop_over(prints: Hashes, max_copies: int) -> tuple[Hashes, Places]:
    """The first ``max_copies`` rows of each hash in the first row; places of the others."""
    prints = prints[:, np.lexsort((prints[-1], prints[0]))]
    hashes = prints[0]
    is_first = np.ones(len(hashes), bool)
    is_first[1:] = hashes[1:] != hashes[:-1]
    firsts = np.flatnonzero(is_first)
    copies_before = np.arange(len(hashes)) - np.repeat(firsts, np.diff(firsts, append=len(hashes)))
    over = copies_before >= max_copies
    return prints[:, ~over], np.sort(prints[-1, over])


def _sorted(prints: Hashes) -> Hashes:
    # lexsort goes by the last row first.
    return prints[:, np.lexsort(prints[::-1])]


def _with_rows(drops: Drops) -> Drops:
    return {reason: places for reason, places in drops.items() if len(places)}


# One shard again: what was decided is done.


def read_drops(files: Mapping[str, Sequence[Path]], shard: int) -> Drops:
    """Of the places that the files of each reason list, those of the shard of this index."""
    first, stop = (np.uint64(s) << _ROW_BITS for s in (shard, shard + 1))
    drops: Drops = {}
    for reason, paths in files.items():
        lists = [np.load(path, mmap_mode="r") for path in paths]
        slices = [x[slice(*np.searchsorted(x, [first, stop]))] for x in lists]
        drops[reason] = np.sort(np.concatenate([np.array(s) for s in slices]))
    return _with_rows(drops)


def split_kept(pairs: pa.Table, places: Places, drops: Drops) -> tuple[pa.Table, pa.Table]:
    """The rows that stay, and those that go with their ``reason``, each in the order of before."""
    reasons = np.full(len(pairs), -1, np.int8)
    names = sorted(drops)
    for number, reason in enumerate(names):
        rows = (drops[reason] - places[0]).astype(np.int64)
        assert (reasons[rows] == -1).all(), "a row was dropped for two reasons"
        reasons[rows] = number
    dropped = reasons >= 0
    rejects = pairs.filter(pa.array(dropped))
    said = pa.array([names[number] for number in reasons[dropped]], pa.string())
    return pairs.filter(pa.array(~dropped)), rejects.append_column("reason", said)
