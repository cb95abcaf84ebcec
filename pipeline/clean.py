"""One slice of a corpus file → one clean shard and its rejects.

reads   rows of ``corpus-<hash>/data/iitb/train-00000-of-00001.parquet``
writes  ``train-00000-of-00004.parquet`` (``source``, ``row``, ``en``, ``hi``), where a pair was
        dropped ``train-00000-of-00004.rejects.parquet`` (the same and ``reason``), and
        ``train-00000-of-00004.statistics.json``
holds   read = over the cap + visited, and visited = kept + dropped by reason, of each source; the
        order of the corpus is kept
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import Field

from pipeline.artifacts import with_source
from pipeline.columns import Mask, Pairs, TextColumn
from pipeline.corpus import read_rows, source_of
from pipeline.errors import CorpusError
from pipeline.filters import (
    Filter,
    FilterConfig,
    Swapped,
    build_filters,
    build_raw_filters,
    reasons_of,
)
from pipeline.formats import PARQUET_ERRORS
from pipeline.normalize import NormalizeConfig, normalize_column
from pipeline.settings import Settings
from pipeline.statistics import Statistics

SOURCE_TYPE = pa.dictionary(pa.int8(), pa.string())
"""The name of a pair's source, which costs a byte a row."""

CLEAN_SCHEMA = pa.schema(
    [("source", SOURCE_TYPE), ("row", pa.int64()), ("en", pa.string()), ("hi", pa.string())]
)
REJECTS_SCHEMA = CLEAN_SCHEMA.append(pa.field("reason", pa.string()))

# What is worked out of a batch takes some ten times its bytes.
_BATCH_BYTES = 4 << 20
_BATCH_ROWS = 1 << 14
_FEW_PAIRS = 20


class CleanConfig(Settings):
    """Normalisation, filters and the size of a shard."""

    shard_rows: int = Field(50_000, ge=1, description="rows of the corpus that one task cleans")
    normalize: NormalizeConfig = NormalizeConfig()
    filters: FilterConfig = FilterConfig()


@dataclass(frozen=True)
class Slice:
    """Rows ``start`` to ``stop`` of the corpus file ``file``: what one task cleans.

    Attributes:
        split: what they belong to.
        name: the clean shard that they become, ``train-00000-of-00004``.
        source: the name of their source.
        first_row: the number of the first of them among all rows of the source's split.
        cap: of how many rows of the source's split how many are read, if not all are.
    """

    split: str
    name: str
    source: str
    file: str
    start: int
    stop: int
    first_row: int
    cap: tuple[int, int] | None = None

    def read(self) -> Mask:
        """Which of the rows are read: those at even steps through the split, up to its cap.

        Systematic sampling (Cochran 1977, Sampling Techniques, ch. 8): corpora come grouped by
        what they were made of, and even steps take from each group by its size, with no state.
        """
        rows = np.arange(self.first_row, self.first_row + self.stop - self.start, dtype=np.int64)
        if self.cap is None:
            return np.ones(len(rows), np.bool_)
        total, wanted = self.cap
        return np.asarray((rows + 1) * wanted // total > rows * wanted // total)


def slices_of(
    split: str,
    rows: Mapping[str, int],
    shard_rows: int,
    caps: Mapping[str, int] = MappingProxyType({}),
) -> list[Slice]:
    """Cut each file of a split into slices of equal size, at most ``shard_rows`` rows.

    Args:
        split: its name.
        rows: file name → rows, in order.
        shard_rows: rows a slice.
        caps: source → pairs that are read of it; all of those that are not named.
    """
    totals: Counter[str] = Counter()
    cuts = []
    for file, count in rows.items():
        source = source_of(file)
        # Of equal size: where tasks are few, a last one that is small leaves others waiting.
        pieces = -(-count // shard_rows)
        edges = [number * count // pieces for number in range(pieces + 1)] if pieces else []
        for start, stop in pairwise(edges):
            cuts.append((source, file, start, stop, totals[source] + start))
        totals[source] += count
    return [
        Slice(
            *(split, f"{split}-{i:05}-of-{len(cuts):05}", source, file, start, stop, first_row),
            cap=(totals[source], caps[source])
            if caps.get(source, totals[source]) < totals[source]
            else None,
        )
        for i, (source, file, start, stop, first_row) in enumerate(cuts)
    ]


def clean_rows(
    path: Path, piece: Slice, config: CleanConfig, out: Path, rejects: Path, statistics: Path
) -> dict[str, int]:
    """Clean one slice of the corpus file at ``path``.

    Args:
        path: the corpus file.
        piece: which rows of it.
        config: rules and filters.
        out: where the kept pairs go.
        rejects: where the dropped ones go, each with its reason; not written if there are none.
        statistics: where the :class:`~pipeline.statistics.Statistics` go.

    Returns:
        ``visited``, ``kept``, ``dropped_<reason>`` and, with a cap, ``over_cap``, under
        ``<split>_…`` and, for the sums of each source, under ``<source>/<split>_…``; and
        ``<split>_normalized_<rule>``.

    Raises:
        CorpusError: if a side is null or no UTF-8, or the rows can't be read, or English and Hindi
            are swapped in most of them; it names the file and the row or rows.
    """
    try:
        pairs = read_rows(path, piece.start, piece.stop)
        pairs.validate(full=True)
    except PARQUET_ERRORS as error:
        raise CorpusError(
            f"rows {piece.start} to {piece.stop - 1} of {piece.file} must be whole parquet data in "
            f"UTF-8, but: {error}"
        ) from error
    _refuse_nulls(pairs, piece)
    read = piece.read()
    rows = np.flatnonzero(read)
    if len(rows) < len(pairs):
        pairs = pairs.take(pa.array(rows))
    english, hindi = pairs.field("en"), pairs.field("hi")
    sorter = _Sorter(config, piece.source)
    for start, stop in _batches(english, hindi):
        numbers = pa.array(rows[start:stop] + piece.first_row)
        sorter.sort(numbers, english[start:stop], hindi[start:stop])
    kept, dropped = sorter.kept(), sorter.dropped()
    visited = len(rows)
    reasons = Counter(dropped.column("reason").to_pylist())
    assert kept.num_rows + dropped.num_rows == kept.num_rows + reasons.total() == visited
    _refuse_swapped(dropped, visited, piece, config.filters)
    pq.write_table(kept, out)
    if dropped.num_rows:
        pq.write_table(dropped, rejects)
    statistics.write_bytes(sorter.statistics.to_json())
    counts = {"visited": visited, "kept": kept.num_rows}
    counts |= {f"dropped_{reason}": n for reason, n in reasons.items()}
    if piece.cap is not None:
        counts["over_cap"] = len(read) - visited
    rules = {f"{piece.split}_normalized_{rule}": n for rule, n in sorter.rules.items()}
    return with_source(counts, piece.split, piece.source) | rules


class _Sorter:
    """Sorts batches of pairs into those that are kept, normalised, and those that are not."""

    def __init__(self, config: CleanConfig, source: str) -> None:
        self.statistics = Statistics(source)
        self.rules: Counter[str] = Counter()
        self._source = source
        self._normalize = config.normalize
        self._raw_filters = build_raw_filters(config.filters)
        self._filters = build_filters(config.filters)
        self._kept: list[pa.RecordBatch] = []
        self._dropped: list[pa.RecordBatch] = []

    def sort(self, rows: pa.Array, english: pa.StringArray, hindi: pa.StringArray) -> None:
        """Sort a batch, of which ``rows`` are the numbers in the source."""
        source = pa.DictionaryArray.from_arrays(
            pa.array(np.zeros(len(rows), np.int8)), pa.array([self._source])
        )
        batch = pa.record_batch([source, rows, english, hindi], schema=CLEAN_SCHEMA)
        raw = Pairs(TextColumn(english), TextColumn(hindi))
        batch = batch.filter(self._sieve(batch, raw, self._raw_filters))
        sides = [
            normalize_column(batch.column(side), self._normalize, self.rules)
            for side in ("en", "hi")
        ]
        batch = pa.record_batch([*batch.columns[:2], *sides], schema=CLEAN_SCHEMA)
        pairs = Pairs(*map(TextColumn, sides))
        keeps = self._sieve(batch, pairs, self._filters)
        self.statistics.add(pairs, keeps.to_numpy(zero_copy_only=False))
        self._kept.append(batch.filter(keeps))

    def kept(self) -> pa.Table:
        """The pairs that stay."""
        return pa.Table.from_batches(self._kept, CLEAN_SCHEMA)

    def dropped(self) -> pa.Table:
        """The others, in the order of their rows, each with its reason."""
        return pa.Table.from_batches(self._dropped, REJECTS_SCHEMA).sort_by("row")

    def _sieve(
        self, batch: pa.RecordBatch, pairs: Pairs, filters: Sequence[Filter]
    ) -> pa.BooleanArray:
        """Which pairs stay; the others go to the rejects."""
        reasons = pa.array(reasons_of(pairs, filters), pa.string())
        keeps = reasons.is_null()
        if keeps.false_count:
            rejects = [column.filter(pc.invert(keeps)) for column in (*batch.columns, reasons)]
            self._dropped.append(pa.record_batch(rejects, schema=REJECTS_SCHEMA))
        return keeps


def _batches(english: pa.StringArray, hindi: pa.StringArray) -> Iterator[tuple[int, int]]:
    """Cut rows into batches of at most ``_BATCH_BYTES`` or one row, whichever is more."""
    sizes = pc.add(pc.binary_length(english), pc.binary_length(hindi)).to_numpy()
    ends = np.cumsum(sizes, dtype=np.int64)
    start = 0
    while start < len(ends):
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + _BATCH_BYTES, "right")))
        stop = min(stop, start + _BATCH_ROWS)
        yield start, stop
        start = stop


def _refuse_nulls(pairs: pa.StructArray, piece: Slice) -> None:
    for name, column in (("English", "en"), ("Hindi", "hi")):
        side = pc.struct_field(pairs, column)
        if side.null_count:
            row = piece.start + int(np.argmax(side.is_null().to_numpy(zero_copy_only=False)))
            raise CorpusError(
                f"every pair must have both sides, but row {row} of {piece.file} has no {name}"
            )


def _refuse_swapped(dropped: pa.Table, visited: int, piece: Slice, config: FilterConfig) -> None:
    swapped = dropped.filter(pc.equal(dropped.column("reason"), Swapped.reason))
    if visited < _FEW_PAIRS or swapped.num_rows <= config.max_swapped_share * visited:
        return
    # Rows are numbered in the source; here one looks for them in the file.
    offset = piece.start - piece.first_row
    samples = "; ".join(
        f"row {pair['row'] + offset} has en {_short(pair['en'])} and hi {_short(pair['hi'])}"
        for pair in swapped.slice(0, 3).to_pylist()
    )
    raise CorpusError(
        f"the columns en and hi of {piece.file} must be English and Hindi, but in "
        f"{swapped.num_rows:,} of the {visited:,} rows from {piece.start} on they are swapped: "
        f"{samples}; swap them in the source, or set clean.filters.max_swapped_share=1 to drop "
        f"these pairs"
    )


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:37]}…")
