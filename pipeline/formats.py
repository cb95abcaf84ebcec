"""Files of sentence pairs in any layout → parquet files of the corpus layout.

reads   parquet and what ``Dataset.save_to_disk`` writes (``translation: struct`` or a column a
        side), TSV, JSON lines, Moses pairs (``train.en`` and ``train.hi``, a sentence a line), the
        last three also with ``.gz``
writes  parquet with the one column ``translation: struct<en: string, hi: string>``
holds   a pair a line; what is no UTF-8, holds NUL or lacks a side is refused with its file and
        place; some megabytes are held at a time, whatever the size of the file

A file that is of the corpus layout already is left as it is, byte for byte.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.errors import ArtifactError, CorpusError
from pipeline.lines import Lines, open_lines
from pipeline.saved_datasets import open_rows
from pipeline.sources import Format
from pipeline.storage import Storage

SCHEMA = pa.schema([("translation", pa.struct([("en", pa.string()), ("hi", pa.string())]))])
"""The corpus layout: that of ``cfilt/iitb-english-hindi``, and of all files of a corpus."""

PARQUET_ERRORS = (OSError, pa.ArrowException, UnicodeDecodeError)
"""What pyarrow raises where parquet data is damaged; the last one for the name of a column."""

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
    if format_ == "arrow":
        return _write_arrow(paths[0], uris[0], columns, out)
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
        raise CorpusError(f"there must be at least one pair in {' and '.join(uris)}, but is none")
    return rows


def _as_corpus(english: pa.Array, hindi: pa.Array) -> pa.Table:
    return pa.table([pa.StructArray.from_arrays([english, hindi], ["en", "hi"])], schema=SCHEMA)


# Parquet, and Arrow as datasets are saved.


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


def is_corpus_layout(storage: Storage, path: str, columns: tuple[str, str]) -> bool:
    """Whether the parquet file at ``path`` is taken over as it is; only its footer is read.

    Of one that can't be read it is said to be, and the stage that reads it says what is wrong.
    """
    if columns != ("en", "hi"):
        return False
    try:
        with storage.reading(path) as file:
            return bool(pq.read_schema(file).equals(SCHEMA))
    except (ArtifactError, *PARQUET_ERRORS):
        return True


def open_parquet(path: Path, name: str) -> pq.ParquetFile:
    """The file at ``path``, which errors call ``name``.

    Raises:
        CorpusError: if its footer can't be read.
    """
    try:
        return pq.ParquetFile(path, page_checksum_verification=True)
    except PARQUET_ERRORS as error:
        raise CorpusError(f"{name} must be a whole parquet file, but: {error}") from error


def _write_parquet(path: Path, uri: str, columns: tuple[str, str], out: Path) -> int:
    """Convert the file to ``out``, which is not written if it is of the corpus layout already."""
    with open_parquet(path, uri) as file:
        if file.schema_arrow.equals(SCHEMA) and columns == ("en", "hi"):
            return int(file.metadata.num_rows)
        sides = [_path_of(file.schema_arrow, column, uri) for column in columns]
        batches = file.iter_batches(_BATCH_ROWS, columns=[".".join(side) for side in sides])
        return _write_columns(_columns(batches, uri, sides), out)


def _write_arrow(path: Path, uri: str, columns: tuple[str, str], out: Path) -> int:
    table = open_rows(path, uri)
    sides = [_path_of(table.schema, column, uri) for column in columns]
    return _write_columns(_columns(table.to_batches(_BATCH_ROWS), uri, sides), out)


def _write_columns(columns: Iterator[list[pa.StringArray]], out: Path) -> int:
    rows = 0
    with pq.ParquetWriter(out, SCHEMA) as writer:
        for found in columns:
            writer.write_table(_as_corpus(*found))
            rows += len(found[0])
    return rows


def _columns(
    batches: Iterable[pa.RecordBatch], uri: str, sides: Sequence[tuple[str, ...]]
) -> Iterator[list[pa.StringArray]]:
    """English and Hindi, a batch of rows at a time."""
    rows = 0
    try:
        for batch in batches:
            found = [side_of(batch, side) for side in sides]
            for side, texts in zip(sides, found, strict=True):
                texts.validate(full=True)
                if texts.null_count:
                    row = rows + int(pc.index(texts.is_null(), True).as_py())
                    raise CorpusError(
                        f"every pair must have both sides, but row {row:,} of {uri} (counted from "
                        f"0) has null in {'.'.join(side)}"
                    )
            rows += len(batch)
            yield found
    except PARQUET_ERRORS as error:
        raise CorpusError(
            f"{uri} must be whole and in UTF-8, but after row {rows:,}: {error}"
        ) from error


def _path_of(schema: pa.Schema, column: str, uri: str) -> tuple[str, ...]:
    """Where a side is: a column, or a field of the column ``translation``."""
    # These answer -1 also where there are two of a name.
    path: tuple[str, ...]
    index = schema.get_field_index("translation")
    translation = schema.field(index).type if index >= 0 else pa.null()
    if pa.types.is_struct(translation) and translation.get_field_index(column) >= 0:
        path, type_ = ("translation", column), translation.field(column).type
    elif schema.get_field_index(column) >= 0:
        path, type_ = (column,), schema.field(column).type
    else:
        raise CorpusError(
            f"{uri} must have one column {column}, or translation.{column}, but has "
            f"{columns_in_words(schema)}; `english` and `hindi` of the source name the columns"
        )
    if not is_text(type_):
        raise CorpusError(
            f"the column {'.'.join(path)} of {uri} must be text, but is {type_}; `english` and "
            f"`hindi` of the source name the columns"
        )
    return path


def is_text(type_: pa.DataType) -> bool:
    """Whether it holds text, or bytes that may be text; a column of nothing but nulls has none."""
    if pa.types.is_dictionary(type_):
        type_ = type_.value_type
    return str(type_).removeprefix("large_").removesuffix("_view") in ("string", "binary", "null")


def columns_in_words(schema: pa.Schema) -> str:
    """The first few columns with their types: ``en: string, year: int64``."""
    return _listed([f"{field.name}: {field.type}" for field in schema])


def side_of(batch: pa.RecordBatch, path: tuple[str, ...]) -> pa.Array:
    """The texts of the column, or of the field of a struct, at ``path``."""
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
        if all(column.isdecimal() for column in columns):
            places = [int(column) - 1 for column in columns]
            width = None
            if min(places) < 0:
                raise CorpusError(
                    f"the columns of {uri} must be counted from 1, but `english` and `hindi` of "
                    f"its source are {' and '.join(columns)}"
                )
        else:
            first_line = lines.read()
            if first_line is None:
                return
            header = first_line.decode().split("\t")
            if any(header.count(column) != 1 for column in columns):
                raise CorpusError(
                    f"the first line of {uri} must name the columns {' and '.join(columns)} once, "
                    f"but is {short(' | '.join(header))}; `english` and `hindi` of the source "
                    f"name them, and '1' and '2' read a file without a header"
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
                    f"has {len(fields)}: {short(line.decode())}"
                )
            yield fields[first], fields[second]


def _read_jsonl(path: Path, uri: str, columns: tuple[str, str]) -> Iterator[tuple[bytes, bytes]]:
    with open_lines(path, uri) as lines:
        while (line := lines.read()) is not None:
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise CorpusError(
                    f"every line of {uri} must be a JSON object, but line {lines.number:,} (from "
                    f"byte {lines.offset:,} on) is not: {error}"
                ) from error
            if not isinstance(row, dict):
                raise CorpusError(
                    f"every line of {uri} must be a JSON object, but line {lines.number:,} is "
                    f"{short(line.decode())}"
                )
            if isinstance(row.get("translation"), dict):
                row = row["translation"]
            for column in columns:
                if not isinstance(row.get(column), str):
                    seen = (
                        f"has {short(json.dumps(row[column], ensure_ascii=False))} there"
                        if column in row
                        else f"has the keys {_listed(list(row))}"
                    )
                    raise CorpusError(
                        f"every line of {uri} must have text under the key {column!r}, but line "
                        f"{lines.number:,} {seen}; `english` and `hindi` of the source name the "
                        f"keys"
                    )
            yield _encoded(row[columns[0]], lines), _encoded(row[columns[1]], lines)


def _encoded(side: str, lines: Lines) -> bytes:
    try:
        found = side.encode()
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


def _listed(names: Sequence[str]) -> str:
    shown = [*names[:8], f"{len(names) - 8} more"] if len(names) > 8 else names
    return ", ".join(shown) or "none"


def short(text: str) -> str:
    """The text in quotes, cut at 80 characters."""
    return repr(text if len(text) <= 80 else f"{text[:77]}…")
