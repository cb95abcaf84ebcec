"""Lines of a text file as bytes, checked, each with its place; plain or gzip.

holds   only "\\n" (or "\\r\\n") ends a line, so U+2028, U+0085 and VT stay in their text; each line
        is UTF-8 without NUL, and is refused with its line and byte otherwise
"""

from __future__ import annotations

import contextlib
import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from pipeline.errors import CorpusError

MAX_LINE_BYTES = 64 << 20
_BUFFER_BYTES = 1 << 20
_BOM = b"\xef\xbb\xbf"
_GZIP_MAGIC = b"\x1f\x8b"


@dataclass
class Lines:
    """The lines of a text file, which knows where it is.

    Attributes:
        uri: how errors name the file.
        number: of the line that was read last, from 1.
        offset: of its first byte; in a compressed file, of the text.
    """

    uri: str
    file: BinaryIO
    number: int = 0
    offset: int = 0
    _next: int = 0

    def read(self) -> bytes | None:
        """The next line without its end; None after the last one."""
        try:
            line = self.file.readline(MAX_LINE_BYTES)
        except (OSError, EOFError, zlib.error) as error:
            raise CorpusError(
                f"{self.uri} must be a whole file, but after byte {self._next:,}: {error}"
            ) from error
        if not line:
            return None
        if len(line) == MAX_LINE_BYTES:
            raise CorpusError(
                f"a line must have less than {MAX_LINE_BYTES:,} bytes, but line "
                f"{self.number + 1:,} of {self.uri} has not; is it text with a sentence a line?"
            )
        self.number, self.offset = self.number + 1, self._next
        self._next += len(line)
        if self.number == 1 and line.startswith(_BOM):
            line = line[len(_BOM) :]
            self.offset += len(_BOM)
        line = line.removesuffix(b"\n").removesuffix(b"\r")
        self._check(line)
        return line

    def rest(self) -> int:
        """How many lines follow the last one that was read."""
        count = 0
        while self.read() is not None:
            count += 1
        return count

    def _check(self, line: bytes) -> None:
        nul = line.find(b"\0")
        if nul >= 0:
            raise CorpusError(
                f"a text file must be UTF-8, but {self.uri} has NUL at byte "
                f"{self.offset + nul:,}, in line {self.number:,}; is it UTF-16, or damaged?"
            )
        if not line.isascii():
            try:
                line.decode()
            except UnicodeDecodeError as error:
                raise CorpusError(
                    f"a text file must be UTF-8, but {self.uri} has the byte "
                    f"0x{line[error.start]:02x} at byte {self.offset + error.start:,}, in line "
                    f"{self.number:,}; convert it, or take the line out"
                ) from error


@contextlib.contextmanager
def open_lines(path: Path, uri: str) -> Iterator[Lines]:
    """The lines of the text file at ``path``, which errors call ``uri``.

    Raises:
        CorpusError: if it is empty.
    """
    with path.open("rb") as plain:
        start = plain.read(len(_GZIP_MAGIC))
        if not start:
            raise CorpusError(f"{uri} must have at least one line, but is empty")
        plain.seek(0)
        if start == _GZIP_MAGIC:
            with io.BufferedReader(gzip.GzipFile(fileobj=plain), _BUFFER_BYTES) as text:
                yield Lines(uri, cast(BinaryIO, text))
        else:
            yield Lines(uri, plain)


@contextlib.contextmanager
def lines_from(path: Path, uri: str, number: int, offset: int) -> Iterator[Lines]:
    """The lines of a plain text file from byte ``offset`` on, before which are ``number`` lines."""
    with path.open("rb") as plain:
        plain.seek(offset)
        yield Lines(uri, plain, number, offset, offset)
