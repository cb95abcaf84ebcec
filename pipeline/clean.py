"""One slice of a corpus file → one clean shard and its rejects.

reads   rows of ``corpus-<hash>/data/train-00000-of-00001.parquet``
writes  ``train-00000-of-00004.parquet`` (``row``, ``en``, ``hi``) and, where a pair was dropped,
        ``train-00000-of-00004.rejects.parquet`` (the same and ``reason``)
holds   visited = kept + dropped, by reason; the order of the corpus is kept
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from pipeline.corpus import read_rows
from pipeline.errors import CorpusError
from pipeline.filters import FilterConfig, build_filters
from pipeline.normalize import NormalizeConfig, normalize
from pipeline.settings import Settings

CLEAN_SCHEMA = pa.schema([("row", pa.int64()), ("en", pa.string()), ("hi", pa.string())])
REJECTS_SCHEMA = CLEAN_SCHEMA.append(pa.field("reason", pa.string()))


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
        CorpusError: if a side is null or no UTF-8, or the rows can't be read; it names the file and
            the row or rows.
    """
    try:
        pairs = read_rows(path, piece.start, piece.stop)
        pairs.validate(full=True)
    except (OSError, pa.ArrowException) as error:
        raise CorpusError(
            f"rows {piece.start} to {piece.stop - 1} of {piece.file} must be whole parquet data in "
            f"UTF-8, but: {error}"
        ) from error
    english, hindi = pairs.field("en").to_pylist(), pairs.field("hi").to_pylist()
    filters = build_filters(config.filters)
    kept: list[tuple[int, str, str]] = []
    dropped: list[tuple[int, str, str, str]] = []
    rules: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for row, (en, hi) in enumerate(zip(english, hindi, strict=True), piece.start):
        if en is None or hi is None:
            raise CorpusError(
                f"every pair must have both sides, but row {row} of {piece.file} has no "
                f"{'English' if en is None else 'Hindi'}"
            )
        en = normalize(en, config.normalize, rules)
        hi = normalize(hi, config.normalize, rules)
        reason = next((f.reason for f in filters if not f.keeps(en, hi)), None)
        if reason is None:
            kept.append((row, en, hi))
        else:
            dropped.append((row, en, hi, reason))
            reasons[reason] += 1
    assert len(kept) + len(dropped) == piece.stop - piece.start
    pq.write_table(_table(kept, CLEAN_SCHEMA), out)
    if dropped:
        pq.write_table(_table(dropped, REJECTS_SCHEMA), rejects)
    counts = {"visited": piece.stop - piece.start, "kept": len(kept)}
    counts |= {f"dropped_{reason}": n for reason, n in reasons.items()}
    counts |= {f"normalized_{rule}": n for rule, n in rules.items()}
    return {f"{piece.split}_{key}": n for key, n in counts.items()}


def _table(
    rows: list[tuple[int, str, str]] | list[tuple[int, str, str, str]], schema: pa.Schema
) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)],
        schema=schema,
    )
