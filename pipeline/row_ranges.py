"""Rows of a parquet file from one number to another."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

_BATCH_ROWS = 1 << 14


def row_batches(file: pq.ParquetFile, start: int, stop: int) -> Iterator[pa.RecordBatch]:
    """Rows ``start`` to ``stop``, counted from 0, a batch at a time.

    Of the row groups only those are read that hold one of them, and of these a batch at a time, as
    some publishers write a file of millions of rows in one row group.
    """
    groups: list[int] = []
    first = begin = 0
    for index in range(file.num_row_groups):
        end = begin + file.metadata.row_group(index).num_rows
        if begin < stop and end > start:
            first = first if groups else begin
            groups.append(index)
        begin = end
    at = first
    for batch in file.iter_batches(min(_BATCH_ROWS, max(1, stop - start)), row_groups=groups):
        if at >= stop:
            break
        begin, end = max(start - at, 0), min(stop - at, len(batch))
        if begin < end:
            yield batch[begin:end]
        at += len(batch)
