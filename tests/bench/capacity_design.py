"""What a corpus of some size needs, as arithmetic: measured rates times the design's numbers.

Every figure grows with the pairs, with the shards, or with shards × ranges, which is where the
design bends. Nothing here is measured; :mod:`capacity` measures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

_HASHES, _HASHES_LEFT = 24, 16
_CLEAN_FILES, _DEDUP_FILES, _ARRAY_FILES = 3, 2, 1
_REASONS = 3
# by-english-00000-of-20000.too_many_copies_english.drops.npy, and what tells its length.
_NAME = 60
_IN_FLIGHT = 256
_CORES = 64


@dataclass(frozen=True)
class Rates:
    """What was measured; seconds are of one core, bytes and seconds of one pair of the source.

    Attributes:
        source_bytes: of the corpus artifact, compressed parquet.
        clean_bytes: of clean shards, rejects and statistics.
        kept_bytes: of the rows that dedup kept, and its rejects.
        array_bytes: of the token arrays.
        clean_s: to clean.
        dedup_s: to hash, compare and filter, when one range holds all.
        draw_s: to read the rows that both vocabularies are drawn from.
        tensorize_s: to encode.
        plan_s: to plan an epoch, on every rank.
        vocabularies_s: to learn both vocabularies; the same for all sizes.
        target_tokens: of a pair, each sentence's end included.
        length_bytes: that each training worker holds.
        worker_bytes: of memory, of the largest data task.
        tokens_a_second: that one thread trains on, of its CPU time.
        range_file_s: to take one range out of one file of hashes.
        file_bytes: of a file's line in a manifest.
        file_s: to load that line and look at the file, on a local disk.
    """

    source_bytes: float
    clean_bytes: float
    kept_bytes: float
    array_bytes: float
    clean_s: float
    dedup_s: float
    draw_s: float
    tensorize_s: float
    plan_s: float
    vocabularies_s: float
    target_tokens: float
    length_bytes: float
    worker_bytes: float
    tokens_a_second: float
    range_file_s: float
    file_bytes: float
    file_s: float


@dataclass(frozen=True)
class Size:
    """A corpus, and how it is cut.

    Attributes:
        pairs: of its training split.
        shard_rows: ``clean.shard_rows``.
        partition_rows: ``dedup.partition_rows``.
    """

    pairs: int
    shard_rows: int
    partition_rows: int

    @property
    def shards(self) -> int:
        """Clean shards, and files of token arrays."""
        return math.ceil(self.pairs / self.shard_rows)

    @property
    def ranges(self) -> int:
        """Ranges of hashes."""
        return math.ceil(self.pairs / self.partition_rows)

    @property
    def files(self) -> int:
        """Files that the manifests of clean, dedup and tensorize name."""
        return self.shards * (_CLEAN_FILES + _DEDUP_FILES + _ARRAY_FILES)

    @property
    def range_reads(self) -> int:
        """Files that dedup opens: every range looks into every shard's hashes, then into every
        range's, and every shard into every range's drops, a file a reason."""
        into_shards = self.ranges * self.shards
        return into_shards + self.ranges**2 + _REASONS * into_shards

    @property
    def sent_bytes(self) -> int:
        """Of the names of such drops, as many tasks being under way as are handed to Ray."""
        return _NAME * _REASONS * self.ranges * min(self.shards, _IN_FLIGHT)


def needs(rates: Rates, size: Size) -> dict[str, str]:
    """What the corpus needs, in words; the same keys for all sizes."""
    n = size.pairs
    stored = rates.source_bytes + rates.clean_bytes + rates.kept_bytes + rates.array_bytes
    opening_s = size.range_reads * rates.range_file_s
    # A vocabulary is one task, that reads all rows of its side.
    alone_s = n * rates.draw_s / 2 + rates.vocabularies_s / 2
    spread_s = n * (rates.clean_s + rates.dedup_s + rates.tensorize_s) + opening_s
    tokens = n * rates.target_tokens
    return {
        "shards · ranges": f"{size.shards:,} · {size.ranges:,}",
        "storage: corpus": in_bytes(n * rates.source_bytes),
        "storage: clean": in_bytes(n * rates.clean_bytes),
        "storage: kept": in_bytes(n * rates.kept_bytes),
        "storage: token arrays": in_bytes(n * rates.array_bytes),
        "storage: hashes, while dedup runs": in_bytes(n * (_HASHES + _HASHES_LEFT)),
        "storage: all of it": in_bytes(n * (stored + _HASHES + _HASHES_LEFT)),
        "cores: clean": in_time(n * rates.clean_s),
        "cores: dedup, its rows": in_time(n * rates.dedup_s),
        "cores: dedup, opening files": in_time(opening_s),
        "cores: tensorize": in_time(n * rates.tensorize_s),
        "one core a vocabulary, at once": in_time(alone_s),
        f"all of it on {_CORES} cores": in_time(spread_s / min(_CORES, size.shards) + alone_s),
        "memory: names, sent by dedup": in_bytes(size.sent_bytes),
        "memory: lengths, a training worker": in_bytes(n * rates.length_bytes),
        "maps of a training worker": f"{size.shards:,}",
        "files · manifests": f"{size.files:,} · {in_bytes(size.files * rates.file_bytes)}",
        "look at them, local disk": in_time(size.files * rates.file_s),
        "epoch: target tokens": f"{tokens:.2g}".replace("e+0", "e").replace("e+", "e"),
        "epoch: plan, on every rank": in_time(n * rates.plan_s),
        "epoch: one thread of this CPU": in_time(tokens / rates.tokens_a_second),
    }


def in_bytes(number: float) -> str:
    """``1.5 GB``: decimal units, two digits that count."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 999.5:
            return f"{_two_digits(number)} {unit}"
        number /= 1000
    return f"{_two_digits(number)} TB"


def in_time(seconds: float) -> str:
    """``1.5 h``: two digits that count."""
    for unit, length in (("s", 60), ("min", 60), ("h", 48)):
        if seconds < length:
            return f"{_two_digits(seconds)} {unit}"
        seconds /= length if unit != "h" else 24
    if seconds < 1000:
        return f"{_two_digits(seconds)} days"
    return f"{_two_digits(seconds / 365)} years"


def _two_digits(number: float) -> str:
    if number >= 9.95:
        return f"{round(number, 1 - math.floor(math.log10(number))):,.0f}"
    return f"{number:.1f}"
