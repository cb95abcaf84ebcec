"""One slice of a corpus file → one clean shard and its rejects.

reads   rows of ``corpus-<hash>/data/train-00000-of-00001.parquet``
writes  ``train-00000-of-00004.parquet`` (``row``, ``en``, ``hi``) and, where a pair was dropped,
        ``train-00000-of-00004.rejects.parquet`` (the same and ``reason``)
holds   visited = kept + dropped, by reason; the order of the corpus is kept
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import Field

from pipeline.columns import Pairs, TextColumn
from pipeline.corpus import read_rows
from pipeline.errors import CorpusError
from pipeline.filters import (
    Filter,
    FilterConfig,
    Swapped,
    build_filters,
    build_raw_filters,
    reasons_of,
)
from pipeline.normalize import NormalizeConfig, normalize_column
from pipeline.settings import Settings

CLEAN_SCHEMA = pa.schema([("row", pa.int64()), ("en", pa.string()), ("hi", pa.string())])
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

    ``name`` is the clean shard it becomes, ``train-00000-of-00004``.
    """

    split: str
    name: str
    file: str
    start: int
    stop: int


def slices_of(split: str, rows: dict[str, int], shard_rows: int) -> list[Slice]:
    """Cut the files of a split into slices of at most ``shard_rows`` rows.

    Args:
        split: its name.
        rows: file name → rows, in order.
        shard_rows: rows a slice.
    """
    cuts = [
        (file, start, min(start + shard_rows, count))
        for file, count in rows.items()
        for start in range(0, count, shard_rows)
    ]
    return [
        Slice(split, f"{split}-{i:05}-of-{len(cuts):05}", file, start, stop)
        for i, (file, start, stop) in enumerate(cuts)
    ]


def clean_rows(
    path: Path, piece: Slice, config: CleanConfig, out: Path, rejects: Path
) -> dict[str, int]:
    """Clean one slice of the corpus file at ``path``.

    Args:
        path: the corpus file.
        piece: which rows of it.
        config: rules and filters.
        out: where the kept pairs go.
        rejects: where the dropped ones go, each with its reason; not written if there are none.

    Returns:
        ``<split>_visited``, ``<split>_kept``, ``<split>_dropped_<reason>`` and
        ``<split>_normalized_<rule>``.

    Raises:
        CorpusError: if a side is null or no UTF-8, or the rows can't be read, or English and Hindi
            are swapped in most of them; it names the file and the row or rows.
    """
    try:
        pairs = read_rows(path, piece.start, piece.stop)
        pairs.validate(full=True)
    except (OSError, pa.ArrowException) as error:
        raise CorpusError(
            f"rows {piece.start} to {piece.stop - 1} of {piece.file} must be whole parquet data in "
            f"UTF-8, but: {error}"
        ) from error
    english, hindi = pairs.field("en"), pairs.field("hi")
    _refuse_nulls(english, hindi, piece)
    sorter = _Sorter(config)
    for start, stop in _batches(english, hindi):
        sorter.sort(piece.start + start, english[start:stop], hindi[start:stop])
    kept, dropped = sorter.kept(), sorter.dropped()
    visited = piece.stop - piece.start
    reasons = Counter(dropped.column("reason").to_pylist())
    assert kept.num_rows + dropped.num_rows == kept.num_rows + reasons.total() == visited
    _refuse_swapped(dropped, visited, piece, config.filters)
    pq.write_table(kept, out)
    if dropped.num_rows:
        pq.write_table(dropped, rejects)
    counts = {"visited": visited, "kept": kept.num_rows}
    counts |= {f"dropped_{reason}": n for reason, n in reasons.items()}
    counts |= {f"normalized_{rule}": n for rule, n in sorter.rules.items()}
    return {f"{piece.split}_{key}": n for key, n in counts.items()}


class _Sorter:
    """Sorts batches of pairs into those that are kept, normalised, and those that are not."""

    def __init__(self, config: CleanConfig) -> None:
        self.rules: Counter[str] = Counter()
        self._normalize = config.normalize
        self._raw_filters = build_raw_filters(config.filters)
        self._filters = build_filters(config.filters)
        self._kept: list[pa.RecordBatch] = []
        self._dropped: list[pa.RecordBatch] = []

    def sort(self, first_row: int, english: pa.StringArray, hindi: pa.StringArray) -> None:
        """Sort a batch whose rows are numbered from ``first_row``."""
        rows = pa.array(np.arange(first_row, first_row + len(english)))
        batch = self._filter(
            pa.record_batch([rows, english, hindi], schema=CLEAN_SCHEMA), self._raw_filters
        )
        sides = [
            normalize_column(batch.column(side), self._normalize, self.rules)
            for side in ("en", "hi")
        ]
        batch = pa.record_batch([batch.column("row"), *sides], schema=CLEAN_SCHEMA)
        self._kept.append(self._filter(batch, self._filters))

    def kept(self) -> pa.Table:
        """The pairs that stay."""
        return pa.Table.from_batches(self._kept, CLEAN_SCHEMA)

    def dropped(self) -> pa.Table:
        """The others, in the order of their rows, each with its reason."""
        return pa.Table.from_batches(self._dropped, REJECTS_SCHEMA).sort_by("row")

    def _filter(self, batch: pa.RecordBatch, filters: Sequence[Filter]) -> pa.RecordBatch:
        pairs = Pairs(TextColumn(batch.column("en")), TextColumn(batch.column("hi")))
        reasons = pa.array(reasons_of(pairs, filters), pa.string())
        keeps = reasons.is_null()
        if keeps.false_count:
            rejects = [column.filter(pc.invert(keeps)) for column in (*batch.columns, reasons)]
            self._dropped.append(pa.record_batch(rejects, schema=REJECTS_SCHEMA))
        return batch.filter(keeps)


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


def _refuse_nulls(english: pa.StringArray, hindi: pa.StringArray, piece: Slice) -> None:
    for name, side in (("English", english), ("Hindi", hindi)):
        if side.null_count:
            row = piece.start + int(np.argmax(side.is_null().to_numpy(zero_copy_only=False)))
            raise CorpusError(
                f"every pair must have both sides, but row {row} of {piece.file} has no {name}"
            )


def _refuse_swapped(dropped: pa.Table, visited: int, piece: Slice, config: FilterConfig) -> None:
    swapped = dropped.filter(pc.equal(dropped.column("reason"), Swapped.reason))
    if visited < _FEW_PAIRS or swapped.num_rows <= config.max_swapped_share * visited:
        return
    samples = "; ".join(
        f"row {pair['row']} has en {_short(pair['en'])} and hi {_short(pair['hi'])}"
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
