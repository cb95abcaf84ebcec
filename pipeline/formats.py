"""Files of sentence pairs in any layout → parquet files of the corpus layout.

reads   parquet (``translation: struct`` or a column a side), TSV, JSON lines, Moses pairs
        (``train.en`` and ``train.hi``, a sentence a line), each but parquet also with ``.gz``
writes  parquet with the one column ``translation: struct<en: string, hi: string>``
holds   a pair a line; what is no UTF-8, holds NUL or lacks a side is refused with its file and
        place; some megabytes are held at a time, whatever the size of the file

A file that is of the corpus layout already is left as it is, byte for byte.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.errors import CorpusError
from pipeline.lines import Lines, open_lines
from pipeline.sources import Format

SCHEMA = pa.schema([("translation", pa.struct([("en", pa.string()), ("hi", pa.string())]))])
"""The corpus layout: that of ``cfilt/iitb-english-hindi``, and of all files of a corpus."""

_BATCH_BYTES = 4 << 20
_BATCH_ROWS = 1 << 14


def write_corpus_file(
    paths: Sequence[Path],
    uris: Sequence[str],
    format_: Format,
    columns: tuple[str, str],
    out: Path,
) -> int:
    """Write the pairs of a file, or of the two of a Moses pair, as a file of the corpus layout.

    Args:
        paths: local files.
        uris: how errors name them.
        format_: how they are read.
        columns: names of the English and the Hindi column; in TSV also their numbers, from 1.
        out: where the parquet file goes.

    Returns:
        Its rows.

    Raises:
        CorpusError: if a file is empty or damaged, has other columns or lacks a side; it names the
            file, the line or row, and for bytes that are no text their offset.
    """
    if format_ == "parquet":
        rows = _write_parquet(paths[0], uris[0], columns, out)
        if not out.exists():
            shutil.copyfile(paths[0], out)
        return rows
    if format_ == "moses":
        pairs = _read_moses(paths, uris)
    else:
        pairs = {"tsv": _read_tsv, "jsonl": _read_jsonl}[format_](paths[0], uris[0], columns)
    rows = 0
    with pq.ParquetWriter(out, SCHEMA) as writer:
        for english, hindi in _batched(pairs):
            sides = [pa.array(side, pa.binary()).cast(pa.string()) for side in (english, hindi)]
            writer.write_table(_as_corpus(*sides))
            rows += len(english)
    if not rows:
        raise CorpusError(f"{' and '.join(uris)} must have at least one pair, but hold none")
    return rows


def _as_corpus(english: pa.Array, hindi: pa.Array) -> pa.Table:
    return pa.table([pa.StructArray.from_arrays([english, hindi], ["en", "hi"])], schema=SCHEMA)


# Parquet.


def to_corpus_layout(path: Path, uri: str, columns: tuple[str, str]) -> int:
    """Make the parquet file at ``path`` one of the corpus layout, unless it is one; its rows.

    Raises:
        CorpusError: if it is no whole parquet file, or has other columns.
    """
    converted = path.with_name(f"{path.name}.converted")
    try:
        rows = _write_parquet(path, uri, columns, converted)
        if converted.exists():
            converted.replace(path)
        return rows
    finally:
        converted.unlink(missing_ok=True)


def check_parquet(path: Path, name: str) -> int:
    """The number of rows of a file of the corpus layout.

    Raises:
        CorpusError: if it is no parquet file, or of another layout.
    """
    with _open_parquet(path, name) as file:
        if not file.schema_arrow.equals(SCHEMA):
            raise CorpusError(
                f"{name} must have the one column translation: struct<en: string, hi: string>, "
                f"but has {_columns_in_words(file.schema_arrow)}"
            )
        return int(file.metadata.num_rows)


def _open_parquet(path: Path, name: str) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise CorpusError(f"{name} must be a whole parquet file, but: {error}") from error


def _write_parquet(path: Path, uri: str, columns: tuple[str, str], out: Path) -> int:
    """Convert the file to ``out``, which is not written if it is of the corpus layout already."""
    with _open_parquet(path, uri) as file:
        if not file.schema_arrow.equals(SCHEMA) or columns != ("en", "hi"):
            sides = [_path_of(file.schema_arrow, column, uri) for column in columns]
            try:
                with pq.ParquetWriter(out, SCHEMA) as writer:
                    names = [".".join(side) for side in sides]
                    for batch in file.iter_batches(_BATCH_ROWS, columns=names):
                        writer.write_table(_as_corpus(*(_side(batch, side) for side in sides)))
            except (OSError, pa.ArrowException) as error:
                raise CorpusError(
                    f"{uri} must be whole parquet data with two columns of text, but: {error}"
                ) from error
        return int(file.metadata.num_rows)


def _path_of(schema: pa.Schema, column: str, uri: str) -> tuple[str, ...]:
    """Where a side is: a column, or a field of the column ``translation``."""
    if "translation" in schema.names:
        type_ = schema.field("translation").type
        if pa.types.is_struct(type_) and type_.get_field_index(column) >= 0:
            return "translation", column
    if column in schema.names:
        return (column,)
    raise CorpusError(
        f"{uri} must have a column {column}, or translation.{column}, but has "
        f"{_columns_in_words(schema)}; `english` and `hindi` of the source name the columns"
    )


def _columns_in_words(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name}: {field.type}" for field in schema)


def _side(batch: pa.RecordBatch, path: tuple[str, ...]) -> pa.Array:
    column = batch.column(path[0])
    if len(path) > 1:
        # Unlike StructArray.field, this one answers null where the whole struct is null.
        column = pc.struct_field(column, list(path[1:]))
    return column.cast(pa.string())


# Text.


def _batched(pairs: Iterator[tuple[bytes, bytes]]) -> Iterator[tuple[list[bytes], list[bytes]]]:
    english: list[bytes] = []
    hindi: list[bytes] = []
    size = 0
    for pair in pairs:
        english.append(pair[0])
        hindi.append(pair[1])
        size += len(pair[0]) + len(pair[1])
        if size >= _BATCH_BYTES or len(english) >= _BATCH_ROWS:
            yield english, hindi
            english, hindi, size = [], [], 0
    if english:
        yield english, hindi


def _read_tsv(path: Path, uri: str, columns: tuple[str, str]) -> Iterator[tuple[bytes, bytes]]:
    with open_lines(path, uri) as lines:
        if all(column.isdigit() for column in columns):
            places = [int(column) - 1 for column in columns]
            width = None
        else:
            header = (lines.read() or b"").decode().split("\t")
            missing = [column for column in columns if column not in header]
            if missing:
                raise CorpusError(
                    f"the first line of {uri} must name the columns {' and '.join(columns)}, but "
                    f"is {_short(' | '.join(header))}; `english: '1'` and `hindi: '2'` of the "
                    f"source read a file without a header"
                )
            places = [header.index(column) for column in columns]
            width = len(header)
        first, second = places
        while (line := lines.read()) is not None:
            fields = line.split(b"\t")
            width = width or max(len(fields), max(places) + 1)
            if len(fields) != width:
                raise CorpusError(
                    f"every line of {uri} must have {width} columns, but line {lines.number:,} "
                    f"has {len(fields)}: {_short(line.decode())}"
                )
            yield fields[first], fields[second]


def _read_jsonl(path: Path, uri: str, columns: tuple[str, str]) -> Iterator[tuple[bytes, bytes]]:
    with open_lines(path, uri) as lines:
        while (line := lines.read()) is not None:
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise CorpusError(
                    f"every line of {uri} must be a JSON object, but line {lines.number:,} (from "
                    f"byte {lines.offset:,} on) is not: {error}"
                ) from error
            if isinstance(row, dict) and isinstance(row.get("translation"), dict):
                row = row["translation"]
            sides = [row.get(c) for c in columns] if isinstance(row, dict) else [None, None]
            for column, side in zip(columns, sides, strict=True):
                if not isinstance(side, str):
                    seen = ", ".join(row) if isinstance(row, dict) else type(row).__name__
                    what = "null" if isinstance(row, dict) and column in row else f"only {seen}"
                    raise CorpusError(
                        f"every line of {uri} must have the text {column!r}, but line "
                        f"{lines.number:,} has {what if side is None else type(side).__name__}"
                    )
            yield (_encoded(sides[0], lines), _encoded(sides[1], lines))


def _encoded(side: Any, lines: Lines) -> bytes:
    try:
        found = str(side).encode()
    except UnicodeEncodeError as error:
        raise CorpusError(
            f"every text of {lines.uri} must be Unicode, but line {lines.number:,} has half a "
            f"surrogate pair ({error.object[error.start]!r})"
        ) from error
    if b"\0" in found:
        raise CorpusError(
            f"a text must hold no NUL, but line {lines.number:,} of {lines.uri} (from byte "
            f"{lines.offset:,} on) does"
        )
    return found


def _read_moses(paths: Sequence[Path], uris: Sequence[str]) -> Iterator[tuple[bytes, bytes]]:
    with open_lines(paths[0], uris[0]) as english, open_lines(paths[1], uris[1]) as hindi:
        while True:
            pair = english.read(), hindi.read()
            if pair[0] is None or pair[1] is None:
                break
            yield pair[0], pair[1]
        if pair != (None, None):
            counts = [lines.number + lines.rest() for lines in (english, hindi)]
            raise CorpusError(
                f"both sides of a Moses corpus must have the same number of lines, but {uris[0]} "
                f"has {counts[0]:,} and {uris[1]} has {counts[1]:,}"
            )


def _short(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:77]}…")
