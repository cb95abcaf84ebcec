"""Text and TSV in pieces: where lines begin, what is written beside them, what is refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from pipeline import sentence_lines
from pipeline.errors import ConfigError, CorpusError
from pipeline.sentence_lines import LineShard, starts_of_lines, text_shard, tsv_shard, unpack
from pipeline.shards import Piece, Shard
from pipeline.storage import Storage

FILLERS = ["नमस्ते", "धन्यवाद", "घर बड़ा है।", "वह गया।", "१२ पतंगें"]


def shard(folder: Path, content: bytes, column: str | None = "", packed: bool = False) -> LineShard:
    """Of a TSV file with that column, or of a text file unless there is one."""
    (folder / "some").write_bytes(content)
    storage = Storage(str(folder))
    if column == "":
        return text_shard("web/some", storage, "some", packed)
    return tsv_shard("web/some", storage, "some", packed, column)


def translated(one: Shard, folder: Path, rows: int) -> bytes:
    """What comes of a file whose rows, cut in pieces, are answered by the fillers in turn."""
    paths = []
    for index, piece in enumerate(one.cut(rows)):
        sources, kept = one.read(piece)
        texts = [FILLERS[i % 5] for i in range(piece.start, piece.stop)]
        assert len(sources) == len(texts)
        paths.append(folder / f"{index}")
        one.write(kept, texts, [0.0] * len(texts), paths[-1])
    one.join(paths, folder / "joined")
    return (folder / "joined").read_bytes()


@pytest.mark.parametrize("block", [1, 3, 1 << 20])
@pytest.mark.parametrize(
    ("content", "every", "starts", "total"),
    [
        (b"", 2, [], 0),
        (b"ab", 2, [0], 1),
        (b"ab\n", 1, [0], 1),
        (b"ab\n\nc\n", 1, [0, 3, 4], 3),
        (b"ab\n\nc\nd", 2, [0, 4], 4),
        (b"a\nb\nc\nd\n", 2, [0, 4], 4),
        (b"a\nb\nc\nd\ne", 2, [0, 4, 8], 5),
        ("घर\r\nनदी\r\n".encode(), 1, [0, 8], 2),
    ],
)
def test_lines_begin_where_one_would_count_them(
    content: bytes,
    every: int,
    starts: list[int],
    total: int,
    block: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sentence_lines, "_BLOCK_BYTES", block)
    (tmp_path / "some").write_bytes(b"header\n" + content)
    found = starts_of_lines(tmp_path / "some", 7, every)
    assert found == ([7 + start for start in starts], total)


def test_the_pieces_of_a_text_are_read_alone_and_are_the_text(tmp_path: Path) -> None:
    lines = ["\ufeffhello", "", "a\u2028b", "thank you\r", "  my name "]
    one = shard(tmp_path, "\n".join(lines).encode())
    pieces = one.cut(2)
    assert pieces == [Piece(0, 2, 0), Piece(2, 4, 10), Piece(4, 5, 27)]
    # The last one first: none needs what stands before it.
    found = [one.read(piece).sources for piece in reversed(pieces)][::-1]
    assert found == [["hello", ""], ["a\u2028b", "thank you"], ["  my name "]]


@pytest.mark.parametrize("rows", [1, 2, 5, 100])
def test_a_text_becomes_its_translations_in_order(rows: int, tmp_path: Path) -> None:
    one = shard(tmp_path, b"1\n2\n3\n4\n5\n6")
    expected = "नमस्ते\nधन्यवाद\nघर बड़ा है।\nवह गया।\n१२ पतंगें\nनमस्ते\n"
    assert translated(one, tmp_path, rows).decode() == expected


@pytest.mark.parametrize("rows", [1, 2, 100])
def test_tsv_keeps_its_lines_and_gets_a_column(rows: int, tmp_path: Path) -> None:
    content = b"id\ten\n7\thello\n8\t\n9\tthank you\n"
    one = shard(tmp_path, content, "en")
    assert one.read(one.cut(100)[0]).sources == ["hello", "", "thank you"]
    assert translated(one, tmp_path, rows).decode() == (
        "id\ten\ttranslation\n7\thello\tनमस्ते\n8\t\tधन्यवाद\n9\tthank you\tघर बड़ा है।\n"
    )


@pytest.mark.parametrize(("column", "sources"), [(None, ["7", "8"]), ("2", ["hello", "bye"])])
def test_tsv_without_a_header_has_numbered_columns(
    column: str | None, sources: list[str], tmp_path: Path
) -> None:
    one = shard(tmp_path, b"7\thello\n8\tbye\n", column)
    assert one.read(one.cut(9)[0]).sources == sources
    assert translated(one, tmp_path, 1).decode() == "7\thello\tनमस्ते\n8\tbye\tधन्यवाद\n"


def test_a_column_called_translation_stays_and_ours_is_called_otherwise(tmp_path: Path) -> None:
    one = shard(tmp_path, b"en\ttranslation\nhello\tx\n", "en")
    assert translated(one, tmp_path, 1).decode() == (
        "en\ttranslation\tanuvad_translation\nhello\tx\tनमस्ते\n"
    )


def test_a_translation_stays_one_line_and_one_column(tmp_path: Path) -> None:
    one = shard(tmp_path, b"a\tb\n", "1")
    one.write(one.read(one.cut(1)[0]).kept, ["घर\tबड़ा\r\nहै"], [0.0], tmp_path / "out")
    assert (tmp_path / "out").read_text(encoding="utf-8") == "a\tb\tघर बड़ा है\n"


@pytest.mark.parametrize("column", ["", "en"])
def test_packed_pieces_are_one_packed_file(column: str, tmp_path: Path) -> None:
    content = b"en\nhello\nbye\nmy name\n"
    plain = translated(shard(tmp_path, content, column), tmp_path, 2)
    packed = translated(shard(tmp_path, content, column, packed=True), tmp_path, 2)
    assert packed[:2] == b"\x1f\x8b"
    assert gzip.decompress(packed) == plain
    assert translated(shard(tmp_path, content, column, packed=True), tmp_path, 2) == packed


@pytest.mark.parametrize(
    ("content", "column", "expected"),
    [
        (b"", "", b""),
        (b"", "1", b""),
        (b"", None, b""),
        (b"n\ten", "en", b"n\ten\ttranslation\n"),
        (b"n\ten\r\n", "en", b"n\ten\ttranslation\n"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_a_file_without_rows_becomes_one_without_rows(
    content: bytes, column: str | None, expected: bytes, packed: bool, tmp_path: Path
) -> None:
    found = translated(shard(tmp_path, content, column, packed), tmp_path, 2)
    assert (gzip.decompress(found) if packed else found) == expected
    # Nothing at all is no gzip file.
    assert bool(found) or not packed


@pytest.mark.parametrize(
    ("content", "column", "message"),
    [
        (b"", "en", "web/some must have at least one line, but is empty"),
        (b"en\ten\nx\ty\n", "en", r"'en' stands 2 times in 'en \| en'"),
        (b"a\tb\n", "en", r"'en' stands 0 times in 'a \| b'; a number"),
        (b"a\tb\n", "3", "one of the 2 columns of web/some, counted from 1, not 3"),
        (b"a\tb\n", "0", "counted from 1, not 0"),
        (b"en\ttranslation\tanuvad_translation\nx\n", "en", "but has both: rename one"),
        (b"\xff\n", "1", "must be UTF-8, but web/some has the byte 0xff at byte 0, in line 1"),
    ],
)
def test_a_file_without_the_column_is_refused_before_it_is_cut(
    content: bytes, column: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises((ConfigError, CorpusError), match=message) as refusal:
        shard(tmp_path, content, column)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("content", "column", "message"),
    [
        (b"a\tb\nc\td\ne\n", "1", "web/some must have 2 columns, but line 3 has 1: 'e'"),
        (b"h\ti\na\tb\nc\td\te\n", "h", "web/some must have 2 columns, but line 3 has 3"),
        (b"a\nb\nc\xff\n", "", "web/some has the byte 0xff at byte 5, in line 3"),
        (b"a\nb\nc\0\n", "", "web/some has NUL at byte 5, in line 3"),
    ],
)
def test_a_damaged_line_is_named_by_its_number_in_the_file(
    content: bytes, column: str, message: str, tmp_path: Path
) -> None:
    one = shard(tmp_path, content, column)
    # Before the first row is translated.
    with pytest.raises(CorpusError, match=message):
        one.cut(1)


def test_a_file_that_was_damaged_since_is_refused_too(tmp_path: Path) -> None:
    one = shard(tmp_path, b"a\tb\nc\td\n", "1")
    pieces = one.cut(1)
    (tmp_path / "some").write_bytes(b"a\tb\nc d\n")
    with pytest.raises(CorpusError, match="web/some must have 2 columns, but line 2 has 1: 'c d'"):
        one.read(pieces[-1])


@pytest.mark.parametrize("header", ["en\thi", "Source\ttarget", "id\ttext"])
def test_a_header_is_not_translated_unasked(header: str, tmp_path: Path) -> None:
    content = f"{header}\nhello\tनमस्ते\n".encode()
    with pytest.raises(ConfigError, match="its first line looks like a header"):
        shard(tmp_path, content, None)
    assert shard(tmp_path, content, "1").header is None
    assert shard(tmp_path, content, header.partition("\t")[0]).header is not None


@pytest.mark.parametrize("keep", [5, 30, -1])
def test_a_gzip_file_that_was_cut_off_is_refused(keep: int, tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"hello my name\n" * 9)[:keep])
    with pytest.raises(CorpusError, match=r"^web/a\.gz must be a whole gzip file, but: "):
        unpack(tmp_path / "a.gz", "web/a.gz", tmp_path / "a")


def test_what_is_no_gzip_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(b"hello\n")
    with pytest.raises(CorpusError, match=r"^web/a\.gz must be a whole gzip file, but: Not a gz"):
        unpack(tmp_path / "a.gz", "web/a.gz", tmp_path / "a")
