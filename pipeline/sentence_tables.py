"""Parquet files in pieces: a row is a row.

reads   parquet with the source in a column, or in a field of the struct ``translation``
writes  all its columns, and ``translation: string`` and ``score: double`` behind them; where the
        file has columns of these names, ``anuvad_translation`` and ``anuvad_score``
holds   a row whose source is null has a translation and a score that are null
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import ConfigError, CorpusError
from pipeline.formats import PARQUET_ERRORS, columns_in_words, is_text, open_parquet, side_of
from pipeline.row_ranges import row_batches
from pipeline.shards import SCORE, TRANSLATION, Piece, Rows, added_column
from pipeline.storage import Storage

DEFAULT_COLUMNS = ("translation.en", "en", "source")
"""Where the source is looked for, in this order."""

_GROUP_BYTES = 32 << 20
_GROUP_ROWS = 1 << 16
# It says what columns `datasets` has to expect, and would refuse ours.
_DATASETS_KEY = b"huggingface"


@dataclass(frozen=True)
class TableShard:
    """A parquet file; a :class:`~pipeline.shards.Shard`.

    Attributes:
        uri: how errors name it.
        storage: that it lies in.
        path: its place there.
        column: of the source: a column, or a struct and its field.
        added: what the columns with translation and score are called.
    """

    uri: str
    storage: Storage
    path: str
    column: tuple[str, ...]
    added: tuple[str, str]

    def cut(self, rows: int) -> list[Piece]:
        with open_parquet(self.storage.local(self.path), self.uri) as file:
            total = file.metadata.num_rows
        # Of no rows there is one piece, which is empty and has the columns.
        starts = range(0, max(total, 1), rows)
        return [Piece(start, min(start + rows, total)) for start in starts]

    def read(self, piece: Piece) -> Rows:
        sources: list[str | None] = []
        batches = []
        try:
            with open_parquet(self.storage.local(self.path), self.uri) as file:
                for batch in row_batches(file, piece.start, piece.stop):
                    texts = side_of(batch, self.column)
                    texts.validate(full=True)
                    sources += texts.to_pylist()
                    batches.append(batch)
                schema = file.schema_arrow
        except PARQUET_ERRORS as error:
            raise CorpusError(
                f"{self.uri} must be whole parquet data in UTF-8, but among the rows "
                f"{piece.start:,} to {piece.stop:,}: {error}"
            ) from error
        return Rows(sources, pa.Table.from_batches(batches, schema))

    def write(
        self,
        kept: pa.Table,
        texts: Sequence[str | None],
        scores: Sequence[float | None],
        out: Path,
    ) -> None:
        known = kept.schema.metadata or {}
        metadata = {key: value for key, value in known.items() if key != _DATASETS_KEY}
        table = kept.replace_schema_metadata(metadata or None)
        columns = (pa.array(texts, pa.string()), pa.array(scores, pa.float64()))
        for name, column in zip(self.added, columns, strict=True):
            table = table.append_column(name, column)
        pq.write_table(table, out)

    def join(self, pieces: Sequence[Path], out: Path) -> None:
        schema = pq.read_schema(pieces[0])
        with pq.ParquetWriter(out, schema) as writer:
            for table in _grouped(pieces):
                writer.write_table(table)


def _grouped(pieces: Sequence[Path]) -> Iterator[pa.Table]:
    """The rows of the pieces, so many at a time as make a good row group."""
    waiting: list[pa.Table] = []
    for piece in pieces:
        waiting.append(pq.read_table(piece, partitioning=None))
        rows, size = (sum(getattr(t, what) for t in waiting) for what in ("num_rows", "nbytes"))
        if rows >= _GROUP_ROWS or size >= _GROUP_BYTES:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)


def table_shard(uri: str, storage: Storage, path: str, column: str | None) -> TableShard:
    """The shard of a parquet file.

    Args:
        uri: how errors name it.
        storage: that it lies in.
        path: its place there.
        column: of the source, such as ``text`` or ``translation.en``; the first that there is of
            :data:`DEFAULT_COLUMNS` if None.

    Raises:
        CorpusError: if it is no whole parquet file.
        ConfigError: if it has no such column, or it is no text.
    """
    with open_parquet(storage.local(path), uri) as file:
        schema = file.schema_arrow
    candidates = DEFAULT_COLUMNS if column is None else (column,)
    found = next((place for name in candidates if (place := _place_of(schema, name))), None)
    if found is None:
        raise ConfigError(
            f"{uri} must have one column {' or '.join(candidates)} of text, but has "
            f"{columns_in_words(schema)}; --column names another"
        )
    names = [added_column(name, schema.names) for name in (TRANSLATION, SCORE)]
    if None in names:
        raise ConfigError(
            f"{uri} must have room for the columns {TRANSLATION} and {SCORE}, or anuvad_"
            f"{TRANSLATION} and anuvad_{SCORE}, but has {columns_in_words(schema)}: rename some"
        )
    return TableShard(uri, storage, path, found, (str(names[0]), str(names[1])))


def _place_of(schema: pa.Schema, name: str) -> tuple[str, ...] | None:
    """Where the text of that name is; None if there is none, two of it, or no text."""
    # It answers -1 also where there are two of a name.
    index = schema.get_field_index(name)
    if index >= 0:
        return (name,) if is_text(schema.field(index).type) else None
    struct, dot, field = name.partition(".")
    index = schema.get_field_index(struct)
    if not dot or index < 0 or not pa.types.is_struct(schema.field(index).type):
        return None
    inner = schema.field(index).type
    place = inner.get_field_index(field)
    return (struct, field) if place >= 0 and is_text(inner.field(place).type) else None
