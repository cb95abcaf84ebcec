"""Text and TSV files in pieces: a row is a line.

reads   text, or TSV with or without a header; plain, since a packed file can't be read from its
        middle: :func:`unpack` makes it plain first
writes  text: the translations, a line each; TSV: the lines as they are, each with its translation
        behind it, under ``translation`` in the header; packed where the file was packed
holds   only a newline ends a line, see :mod:`pipeline.lines`, and a translation has none
"""

from __future__ import annotations

import gzip
import re
import shutil
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.errors import ConfigError, CorpusError
from pipeline.formats import short
from pipeline.lines import lines_from, open_lines
from pipeline.shards import TRANSLATION, Piece, Rows, added_column
from pipeline.storage import Storage

_BLOCK_BYTES = 1 << 20
# What the first column of a header is called, and hardly a whole row.
_HEADERS = {"en", "eng", "english", "source", "src", "id", "translation.en"}
_GAPS = re.compile(r"[\r\n\t]+")


@dataclass(frozen=True)
class LineShard:
    """A text or TSV file; a :class:`~pipeline.shards.Shard`.

    Attributes:
        uri: how errors name it.
        storage: that its plain text lies in.
        path: its place there.
        packed: whether what is written is packed.
        column: of TSV, the number of the source, from 0; None of text.
        width: of TSV, the columns that every line has.
        header: of TSV, the line above what is written; None without one.
        body: the byte at which the rows begin, behind the header.
    """

    uri: str
    storage: Storage
    path: str
    packed: bool
    column: int | None = None
    width: int = 0
    header: str | None = None
    body: int = 0

    def cut(self, rows: int) -> list[Piece]:
        """All rows in pieces of at most ``rows``.

        Raises:
            CorpusError: if a line is damaged: looking at all takes seconds, translating them hours.
        """
        before = int(self.header is not None)
        with lines_from(self.storage.local(self.path), self.uri, before, self.body) as lines:
            while (line := lines.read()) is not None:
                self._require_columns(line.decode(), lines.number)
        starts, total = starts_of_lines(self.storage.local(self.path), self.body, rows)
        # Of no lines there is one piece, which is empty, as is what it becomes.
        return [
            Piece(index * rows, min((index + 1) * rows, total), start)
            for index, start in enumerate(starts or [self.body])
        ]

    def read(self, piece: Piece) -> Rows:
        before = piece.start + (self.header is not None)
        rows: list[str] = []
        sources: list[str | None] = []
        path = self.storage.local(self.path)
        with lines_from(path, self.uri, before, piece.offset) as lines:
            for _ in range(piece.start, piece.stop):
                line = lines.read()
                assert line is not None, f"{self.uri} is shorter than when it was cut in pieces"
                rows.append(line.decode())
                sources.append(self._source_of(rows[-1], lines.number))
        return Rows(sources, rows)

    def write(
        self,
        kept: Sequence[str],
        texts: Sequence[str | None],
        scores: Sequence[float | None],
        out: Path,
    ) -> None:
        ours = [_GAPS.sub(" ", text or "") for text in texts]
        if self.column is None:
            _write(ours, out, self.packed)
        else:
            pairs = zip(kept, ours, strict=True)
            _write((f"{row}\t{text}" for row, text in pairs), out, self.packed)

    def join(self, pieces: Sequence[Path], out: Path) -> None:
        # What is packed piece by piece is packed as a whole: gzip files are joined as text is.
        _write([] if self.header is None else [self.header], out, self.packed)
        with out.open("ab") as sink:
            for piece in pieces:
                with piece.open("rb") as source:
                    shutil.copyfileobj(source, sink, _BLOCK_BYTES)

    def _source_of(self, line: str, number: int) -> str:
        if self.column is None:
            return line
        self._require_columns(line, number)
        return line.split("\t")[self.column]

    def _require_columns(self, line: str, number: int) -> None:
        if self.column is not None and (seen := line.count("\t") + 1) != self.width:
            raise CorpusError(
                f"every line of {self.uri} must have {self.width} columns, but line {number:,} has "
                f"{seen}: {short(line)}"
            )


def text_shard(uri: str, storage: Storage, path: str, packed: bool) -> LineShard:
    """The shard of a text file."""
    return LineShard(uri, storage, path, packed)


def tsv_shard(uri: str, storage: Storage, path: str, packed: bool, column: str | None) -> LineShard:
    """The shard of a TSV file.

    Args:
        uri: how errors name it.
        storage: that its plain text lies in.
        path: its place there.
        packed: whether what is written is packed.
        column: the source's number, from 1, in a file without a header, or its name in one that
            has one; the first of a file without a header if None.

    Raises:
        CorpusError: if the file is empty, and so has no header with that name.
        ConfigError: if it has no such column, or no column is named and the first line looks like
            a header.
    """
    size = storage.local(path).stat().st_size
    is_numbered = column is None or column.isdecimal()
    if is_numbered and not size:
        return LineShard(uri, storage, path, packed, 0, 1)
    with open_lines(storage.local(path), uri) as lines:
        first = lines.read()
        assert first is not None, "an empty file was refused"
        fields = first.decode().split("\t")
        if column is None or is_numbered:
            if column is None and fields[0].strip().lower() in _HEADERS:
                raise ConfigError(
                    f"--column must say which column of {uri} is the source, since its first line "
                    f"looks like a header: {short(' | '.join(fields))}; a name reads it as one, a "
                    f"number, from 1, as a row"
                )
            place = int(column or "1") - 1
            if not 0 <= place < len(fields):
                raise ConfigError(
                    f"--column must be one of the {len(fields)} columns of {uri}, counted from 1, "
                    f"not {column}"
                )
            return LineShard(uri, storage, path, packed, place, len(fields))
        if fields.count(column) != 1:
            raise ConfigError(
                f"--column must be named once in the first line of {uri}, but {column!r} stands "
                f"{fields.count(column)} times in {short(' | '.join(fields))}; a number, from 1, "
                f"reads a file without a header"
            )
        added = added_column(TRANSLATION, fields)
        if added is None:
            raise ConfigError(
                f"{uri} must have room for a column {TRANSLATION} or anuvad_{TRANSLATION}, but "
                f"has both: rename one"
            )
        body = size if lines.read() is None else lines.offset
        header = "\t".join([*fields, added])
        place = fields.index(column)
        return LineShard(uri, storage, path, packed, place, len(fields), header, body)


def starts_of_lines(path: Path, offset: int, every: int) -> tuple[list[int], int]:
    """The bytes at which lines 0, ``every``, twice ``every``, … begin, and the number of lines.

    Args:
        path: of a plain text file.
        offset: where its line 0 begins.
        every: at least 1.
    """
    starts, lines, at, ended = [offset], 0, offset, True
    with path.open("rb") as file:
        file.seek(offset)
        while block := file.read(_BLOCK_BYTES):
            ends = np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n"))
            # Behind the i-th end begins line lines + i + 1.
            starts += (at + 1 + ends[-(lines + 1) % every :: every]).tolist()
            lines += len(ends)
            at += len(block)
            ended = block.endswith(b"\n")
    if starts[-1] == at:
        starts.pop()
    return starts, lines + (not ended)


def unpack(path: Path, uri: str, out: Path) -> None:
    """Write the text of the gzip file at ``path`` to ``out``.

    Raises:
        CorpusError: if it is damaged or cut off.
    """
    try:
        with gzip.open(path, "rb") as packed, out.open("wb") as plain:
            shutil.copyfileobj(packed, plain, _BLOCK_BYTES)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise CorpusError(f"{uri} must be a whole gzip file, but: {error}") from error


def _write(lines: Iterable[str], out: Path, packed: bool) -> None:
    text = "".join(f"{line}\n" for line in lines).encode()
    # Without a time, so that the same text is the same bytes.
    out.write_bytes(gzip.compress(text, mtime=0) if packed else text)
