"""Lines of text files: what ends one, and where bytes that are no text are found."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline import lines
from pipeline.errors import CorpusError
from pipeline.lines import open_lines

GREETING = "नमस्ते"


@pytest.fixture
def read(tmp_path: Path) -> Callable[[bytes], list[bytes]]:
    """Writes a file and reads its lines."""

    def read_all(content: bytes) -> list[bytes]:
        (tmp_path / "some").write_bytes(content)
        with open_lines(tmp_path / "some", "web/some.hi") as found:
            return list(iter(found.read, None))

    return read_all


Read = Callable[[bytes], list[bytes]]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_lines_end_in_either_way_and_the_last_one_need_not(
    read: Read, end: bytes, last: bool
) -> None:
    content = end.join([b"one", b"", b"three"]) + (end if last else b"")
    assert read(content) == [b"one", b"", b"three"]


@pytest.mark.parametrize("inside", ["\u2028", "\u2029", "\u0085", "\v", "\f", "\x1e", "\r"])
def test_nothing_but_a_line_feed_ends_a_line(read: Read, inside: str) -> None:
    text = f"घर{inside}नदी".encode()
    assert read(text + b"\nnext\n") == [text, b"next"]


def test_a_byte_order_mark_is_no_text_and_bytes_are_counted_with_it(read: Read) -> None:
    assert read(b"\xef\xbb\xbfen\thi\n") == [b"en\thi"]
    # Three bytes of the mark, then `a`.
    with pytest.raises(CorpusError, match="0xff at byte 4, in line 1"):
        read(b"\xef\xbb\xbfa\xff\n")


def test_bytes_that_are_no_utf_8_are_named_with_file_line_and_place(read: Read) -> None:
    # Six letters of three bytes and the end of the line, then `ab`.
    with pytest.raises(
        CorpusError,
        match=r"web/some\.hi has the byte 0xff at byte 21, in line 2; convert it, or take",
    ):
        read(f"{GREETING}\n".encode() + b"ab\xffcd\n")


@pytest.mark.parametrize("cut", [b"\xe0\xa4", b"\xed\xa0\x80", b"\xc0\x80"])
def test_half_a_letter_a_surrogate_and_an_overlong_nul_are_no_utf_8(read: Read, cut: bytes) -> None:
    with pytest.raises(CorpusError, match=f"0x{cut[0]:02x} at byte 3, in line 1"):
        read(b"abc" + cut + b"\n")


def test_nul_is_named_with_file_line_and_place(read: Read) -> None:
    with pytest.raises(CorpusError, match=r"web/some\.hi has NUL at byte 7, in line 2; is it UTF"):
        read(b"house\nr\0ver\n")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_refused_as_such(read: Read, encoding: str) -> None:
    with pytest.raises(CorpusError, match="is it UTF-16, or damaged"):
        read("house\tघर\n".encode(encoding))


def test_a_gzip_file_is_read_whatever_it_is_called(read: Read) -> None:
    assert read(gzip.compress(f"one\n{GREETING}".encode())) == [b"one", GREETING.encode()]


def test_in_a_gzip_file_bytes_of_the_text_are_counted(read: Read) -> None:
    with pytest.raises(CorpusError, match="0xff at byte 6, in line 2"):
        read(gzip.compress(b"river\n\xff"))


PACKED = gzip.compress("".join(f"घर {i}\n" for i in range(1000)).encode(), mtime=0)


@pytest.mark.parametrize(
    "damaged",
    [
        PACKED[:5],
        PACKED[: len(PACKED) // 2],
        PACKED[:-1],
        PACKED[:-8] + b"\0\0\0\0" + PACKED[-4:],
        PACKED[:100] + bytes([PACKED[100] ^ 0x55]) + PACKED[101:],
        PACKED + b"junk after the end",
    ],
)
def test_a_cut_or_damaged_gzip_file_is_refused_naming_it(read: Read, damaged: bytes) -> None:
    with pytest.raises(CorpusError, match=r"web/some\.hi must be a whole file, but after byte \d"):
        read(damaged)


def test_an_empty_file_is_refused(read: Read) -> None:
    with pytest.raises(CorpusError, match=r"web/some\.hi must have at least one line, but is em"):
        read(b"")


def test_a_line_has_a_limit_and_the_file_that_passes_it_is_named(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 10)
    # Nine bytes with the end of the line.
    assert read(b"12345678\n12345678\n") == [b"12345678", b"12345678"]
    with pytest.raises(CorpusError, match=r"less than 10 bytes, but line 2 of web/some\.hi has no"):
        read(b"12345678\n1234567890123\n")


def test_number_and_offset_are_those_of_the_line_that_was_read(tmp_path: Path) -> None:
    (tmp_path / "some").write_bytes("घर\r\nriver\nनदी".encode())
    with open_lines(tmp_path / "some", "some") as found:
        places = [(found.number, found.offset) for _ in iter(found.read, None)]
    # Two letters of three bytes and two of the end; five and one.
    assert places == [(1, 0), (2, 8), (3, 14)]


def test_rest_counts_what_was_not_read(tmp_path: Path) -> None:
    (tmp_path / "some").write_bytes(b"1\n2\n3\n4")
    with open_lines(tmp_path / "some", "some") as found:
        found.read()
        assert (found.rest(), found.number, found.rest()) == (3, 4, 0)
