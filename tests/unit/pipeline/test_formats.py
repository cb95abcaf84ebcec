"""Files of pairs in every format, whole and broken, as files of the corpus layout."""

from __future__ import annotations

import errno
import gzip
import json
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import CorpusError
from pipeline.formats import SCHEMA, write_corpus_file
from pipeline.sources import Format

NAMES = ("en", "hi")
PAIRS = [("How are you?", "आप कैसे हैं?"), ("Good night.", "शुभ रात्रि।")]
ROWS = [{"en": english, "hi": hindi} for english, hindi in PAIRS]
GREETING = {"en": "Hello", "hi": "नमस्ते"}

Convert = Callable[..., list[tuple[str, str]]]


@pytest.fixture
def convert(tmp_path: Path) -> Convert:
    """Writes files, converts them, and answers the pairs of what they became."""

    def write_and_convert(
        format_: Format, *contents: bytes, columns: tuple[str, str] = NAMES
    ) -> list[tuple[str, str]]:
        names = ["train.en", "train.hi"] if format_ == "moses" else [f"web/a.{format_}"]
        paths = [tmp_path / str(number) for number in range(len(contents))]
        for path, content in zip(paths, contents, strict=True):
            path.write_bytes(content)
        out = tmp_path / "out.parquet"
        rows = write_corpus_file(paths, names, format_, columns, out)
        table = pq.read_table(out)
        assert table.schema.equals(SCHEMA)
        assert len(table) == rows
        return [(row["en"], row["hi"]) for row in table.column("translation").to_pylist()]

    return write_and_convert


# TSV.


def tsv(*rows: Sequence[str]) -> bytes:
    return "".join("\t".join(row) + "\n" for row in rows).encode()


@pytest.mark.parametrize(
    "content",
    [
        tsv(NAMES, *PAIRS),
        tsv(("hi", "en"), *((hindi, english) for english, hindi in PAIRS)),
        tsv(("score", "hi", "en"), *(("0.9", hindi, english) for english, hindi in PAIRS)),
        tsv(NAMES, *PAIRS).replace(b"\n", b"\r\n"),
        tsv(NAMES, *PAIRS)[:-1],
        b"\xef\xbb\xbf" + tsv(NAMES, *PAIRS),
        gzip.compress(tsv(NAMES, *PAIRS), mtime=0),
    ],
    ids=["plain", "other order", "more columns", "crlf", "no last end", "bom", "gzip"],
)
def test_tsv_is_read_by_the_names_in_its_first_line(convert: Convert, content: bytes) -> None:
    assert convert("tsv", content) == PAIRS


def test_tsv_without_a_first_line_is_read_by_the_numbers_of_its_columns(convert: Convert) -> None:
    content = tsv(*(("web", hindi, english) for english, hindi in PAIRS))
    assert convert("tsv", content, columns=("3", "2")) == PAIRS


def test_an_empty_side_of_tsv_is_a_pair_that_the_filters_count(convert: Convert) -> None:
    assert convert("tsv", tsv(NAMES, ("", "नदी"), ("", ""))) == [("", "नदी"), ("", "")]


@pytest.mark.parametrize("inside", ["\u2028", "\u0085", "\v", "<s>", "▁", '"', "\\n"])
def test_what_looks_like_an_end_or_a_mark_is_text(convert: Convert, inside: str) -> None:
    pair = (f"one {inside} line", f"एक {inside} पंक्ति")
    assert convert("tsv", tsv(NAMES, pair)) == [pair]
    assert convert("jsonl", json.dumps(dict(zip(NAMES, pair, strict=True))).encode()) == [pair]
    assert convert("moses", *(side.encode() for side in pair)) == [pair]


@pytest.mark.parametrize(
    ("content", "columns", "message"),
    [
        (tsv(*PAIRS), NAMES, r"web/a\.tsv must name the columns en and hi once, but is 'How are"),
        (tsv(("en", "en", "hi"), "abc"), NAMES, r"once, but is 'en \| en \| hi'; `english` and"),
        (tsv(NAMES, *PAIRS, ("only",)), NAMES, "must have 2 columns, but line 4 has 1: 'only'"),
        (tsv(NAMES, "abc"), NAMES, "must have 2 columns, but line 2 has 3: "),
        (tsv(NAMES, *PAIRS) + b"\n", NAMES, "must have 2 columns, but line 4 has 1: ''"),
        (tsv(*PAIRS), ("1", "5"), "must have 5 columns, but line 1 has 2"),
        (tsv(*PAIRS), ("0", "1"), "counted from 1, but `english` and .* are 0 and 1"),
        (tsv(*PAIRS), ("1", "²"), "must name the columns 1 and ² once, but is"),
        (tsv(NAMES), NAMES, r"must be at least one pair in web/a\.tsv, but is none"),
        (gzip.compress(b"", mtime=0), NAMES, "at least one pair"),
        (b"", NAMES, r"web/a\.tsv must have at least one line, but is empty"),
    ],
)
def test_tsv_with_other_columns_or_without_pairs_is_refused(
    convert: Convert, content: bytes, columns: tuple[str, str], message: str
) -> None:
    with pytest.raises(CorpusError, match=message):
        convert("tsv", content, columns=columns)


# JSON lines.


def jsonl(*rows: Any) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def test_json_lines_are_read_flat_or_below_translation(convert: Convert) -> None:
    nested = {"id": 7, "translation": ROWS[1] | {"ur": "شب بخیر"}}
    assert convert("jsonl", jsonl(ROWS[0]) + b"\n  \n" + jsonl(nested)) == PAIRS
    renamed = [{"source": english, "target": hindi} for english, hindi in PAIRS]
    assert convert("jsonl", jsonl(*renamed), columns=("source", "target")) == PAIRS


def test_two_escapes_of_one_character_are_that_character(convert: Convert) -> None:
    assert convert("jsonl", rb'{"en": "\ud83d\ude00", "hi": "\u0918\u0930"}') == [("😀", "घर")]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"en": null, "hi": "x"}', "text under the key 'en', but line 2 has 'null' there"),
        (b'{"en": "x", "hi": 3}', "text under the key 'hi', but line 2 has '3' there"),
        (b'{"hi": "x", "id": 1}', "the key 'en', but line 2 has the keys hi, id; `english`"),
        (b"{}", "line 2 has the keys none"),
        (b'{"translation": null}', "line 2 has the keys translation"),
        (jsonl({f"k{i}": i for i in range(99)}), "keys k0, k1, k2, k3, k4, k5, k6, k7, 91 more;"),
        (b'["x", "y"]', "must be a JSON object, but line 2 is '"),
        (b"NaN", "must be a JSON object, but line 2 is 'NaN'"),
        # The line before has 23 bytes, 18 of नमस्ते, and three.
        (b'{"en": "x", "hi', r"but line 2 \(from byte 44 on\) is not: Unterminated string"),
        (b"[" * 200_000, "but line 2 .* is not: maximum recursion depth"),
        (b'{"en": "\\ud800", "hi": "x"}', "line 2 has half a surrogate pair"),
        (b'{"en": "a\\u0000", "hi": "x"}', r"no NUL, but line 2 of web/a\.jsonl \(from byte 44"),
        (b'{"en": "a\xff", "hi": "x"}', "0xff at byte 53, in line 2"),
    ],
)
def test_a_line_that_is_no_pair_is_refused_with_its_place(
    convert: Convert, line: bytes, message: str
) -> None:
    with pytest.raises(CorpusError, match=message):
        convert("jsonl", jsonl(GREETING) + line)


# Moses.


def test_a_moses_pair_is_read_line_by_line(convert: Convert) -> None:
    english, hindi = ("\n".join(side) for side in zip(*PAIRS, strict=True))
    assert convert("moses", english.encode(), hindi.encode() + b"\n") == PAIRS
    assert convert("moses", gzip.compress(english.encode()), hindi.encode()) == PAIRS
    crlf = english.replace("\n", "\r\n").encode()
    assert convert("moses", crlf, hindi.encode()) == PAIRS


@pytest.mark.parametrize(
    ("english", "hindi", "counts"),
    [
        (b"1\n2\n3\n4\n", b"1\n2\n", ("4", "2")),
        (b"1", b"1\n\n\n", ("1", "3")),
        (b"1\n" * 1500, b"1\n" * 20_000, ("1,500", "20,000")),
        (b"1\n", gzip.compress(b"", mtime=0), ("1", "0")),
    ],
)
def test_sides_of_unequal_length_are_refused_with_both_counts(
    convert: Convert, english: bytes, hindi: bytes, counts: tuple[str, str]
) -> None:
    message = f"number of lines, but train.en has {counts[0]} and train.hi has {counts[1]}$"
    with pytest.raises(CorpusError, match=message):
        convert("moses", english, hindi)


@pytest.mark.parametrize(("sides", "named"), [((b"", b"x\n"), "en"), ((b"x\n", b""), "hi")])
def test_an_empty_side_is_named(convert: Convert, sides: tuple[bytes, bytes], named: str) -> None:
    with pytest.raises(CorpusError, match=rf"^train\.{named} must have .* but is empty"):
        convert("moses", *sides)


# Parquet.


@pytest.fixture
def parquet(tmp_path: Path) -> Callable[[pa.Table], bytes]:
    def content_of(table: pa.Table) -> bytes:
        pq.write_table(table, tmp_path / "made.parquet")
        return (tmp_path / "made.parquet").read_bytes()

    return content_of


Parquet = Callable[[pa.Table], bytes]
ENGLISH, HINDI = ([row[side] for row in ROWS] for side in NAMES)


@pytest.mark.parametrize(
    "table",
    [
        pa.table({"translation": ROWS}),
        pa.table({"translation": [{"hi": row["hi"], "en": row["en"]} for row in ROWS]}),
        pa.table({"id": [1, 2], "translation": [row | {"ur": "x"} for row in ROWS]}),
        pa.table({"hi": HINDI, "en": ENGLISH, "score": [0.5, 1.0]}),
        pa.table({"en": pa.array(ENGLISH, pa.large_string()), "hi": pa.array(HINDI)}),
        pa.table({"en": pa.array(ENGLISH, pa.string_view()), "hi": pa.array(HINDI, pa.binary())}),
        pa.table({"en": pa.array(ENGLISH).dictionary_encode(), "hi": HINDI}),
    ],
    ids=["layout", "other order", "more fields", "flat", "large", "view and bytes", "dictionary"],
)
def test_parquet_is_read_below_translation_or_flat(
    convert: Convert, parquet: Parquet, table: pa.Table
) -> None:
    assert convert("parquet", parquet(table)) == PAIRS


def test_a_file_of_the_layout_is_copied_byte_for_byte_unless_other_columns_are_wanted(
    convert: Convert, parquet: Parquet, tmp_path: Path
) -> None:
    content = parquet(pa.table({"translation": ROWS}, schema=SCHEMA))
    convert("parquet", content)
    assert (tmp_path / "out.parquet").read_bytes() == content
    (tmp_path / "out.parquet").unlink()
    swapped = [(hindi, english) for english, hindi in PAIRS]
    assert convert("parquet", content, columns=("hi", "en")) == swapped


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pa.table({"a": ENGLISH}), r"one column en, or translation\.en, but has a: string; `engl"),
        (pa.table({}), r"one column en, or translation\.en, but has none"),
        (
            pa.Table.from_arrays([pa.array(ENGLISH)] * 2 + [pa.array(HINDI)], ["en", "en", "hi"]),
            "one column en, .* but has en: string, en: string, hi: string",
        ),
        (pa.table({"en": [1, 2], "hi": HINDI}), r"en of web/a\.parquet must be text, but is int64"),
        (pa.table({"en": [["x"], []], "hi": HINDI}), "must be text, but is list<"),
        (pa.table({"en": ["a", None], "hi": HINDI}), r"row 1 of web/a\.parquet .* has null in en"),
        (pa.table({"en": ENGLISH, "hi": pa.nulls(2)}), r"row 0 of .* has null in hi"),
        (
            pa.table({"translation": [ROWS[0] | {"id": 1}, None]}),
            r"row 1 of web/a\.parquet .* has null in translation\.en",
        ),
        (pa.table({"en": [b"a", b"b\xff"], "hi": HINDI}), "in UTF-8, but after row 0: Invalid UTF"),
    ],
)
def test_parquet_of_other_columns_is_refused_with_those_it_has(
    convert: Convert, parquet: Parquet, table: pa.Table, message: str
) -> None:
    with pytest.raises(CorpusError, match=message):
        convert("parquet", parquet(table))


def test_text_that_parquet_calls_a_string_is_looked_at_all_the_same(
    convert: Convert, parquet: Parquet
) -> None:
    offsets = pa.array(["ab", "cd"]).buffers()[1]
    column = pa.Array.from_buffers(pa.string(), 2, [None, offsets, pa.py_buffer(b"abc\xff")])
    with pytest.raises(CorpusError, match=r"in UTF-8, but after row 0: Invalid UTF8 .* index 1"):
        convert("parquet", parquet(pa.table({"en": column, "hi": HINDI})))


@pytest.mark.parametrize("keep", [0, 4, 0.5, -1])
def test_cut_parquet_is_refused_naming_it(convert: Convert, parquet: Parquet, keep: float) -> None:
    content = parquet(pa.table({"en": ENGLISH, "hi": HINDI}))
    cut = content[: int(keep * len(content)) if keep == 0.5 else int(keep)]
    with pytest.raises(CorpusError, match=r"web/a\.parquet must be a whole parquet file, but: "):
        convert("parquet", cut)


def test_a_flipped_byte_is_refused_where_the_publisher_wrote_checksums(
    convert: Convert, tmp_path: Path
) -> None:
    rows = [f"house {i * 7919}" for i in range(100)]
    made = tmp_path / "made.parquet"
    table = pa.table({"en": rows, "hi": rows})
    pq.write_table(table, made, compression="none", use_dictionary=False, write_page_checksum=True)
    content = made.read_bytes()
    # Another digit is good text: without a checksum nobody would know.
    flipped = content.replace(b"house 7919", b"house 7918", 1)
    assert flipped != content
    with pytest.raises(CorpusError, match=r"web/a\.parquet must be whole .* after row 0: .*CRC"):
        convert("parquet", flipped)


def test_any_flipped_byte_of_parquet_gives_rows_or_a_sentence(
    convert: Convert, parquet: Parquet
) -> None:
    content = parquet(pa.table({"en": ENGLISH, "hi": HINDI}))
    refused = 0
    for place in range(len(content)):
        flipped = content[:place] + bytes([content[place] ^ 0x80]) + content[place + 1 :]
        try:
            convert("parquet", flipped)
        except CorpusError:
            refused += 1
    assert refused > len(content) / 2


@pytest.mark.parametrize("format_", ["parquet", "tsv"])
def test_a_full_disk_is_not_said_to_be_the_fault_of_the_input(
    parquet: Parquet, tmp_path: Path, format_: Format
) -> None:
    source = tmp_path / "source"
    flat = pa.table({"en": ENGLISH, "hi": HINDI})
    source.write_bytes(parquet(flat) if format_ == "parquet" else tsv(NAMES, *PAIRS))
    with pytest.raises(OSError, match="No space left") as raised:
        write_corpus_file([source], ["web/a"], format_, NAMES, Path("/dev/full"))
    # What Storage.writing makes a sentence of, with the path that could not be written.
    assert raised.value.errno == errno.ENOSPC


def test_a_long_line_is_held_once_and_others_beside_it_are_not(tmp_path: Path) -> None:
    source, out = tmp_path / "a.tsv", tmp_path / "out.parquet"
    long = "क" * 350_000
    with source.open("w", encoding="utf-8") as file:
        file.write("en\thi\n")
        for number in range(40):
            file.write(f"house {number}\t{long}\n")
    assert source.stat().st_size > 40 << 20
    tracemalloc.start()
    before = pa.total_allocated_bytes()
    assert write_corpus_file([source], ["a.tsv"], "tsv", NAMES, out) == 40
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # Batches of 4 MiB, and a few copies of a line of 1 MB.
    assert peak < 16 << 20
    assert pa.total_allocated_bytes() - before < 16 << 20
