"""Parquet in pieces: which column is the source, what is added, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import ConfigError, CorpusError
from pipeline.sentence_tables import table_shard
from pipeline.shards import Piece
from pipeline.storage import Storage

HINDI = ["नमस्ते", "धन्यवाद", "घर बड़ा है।", "वह गया।", "१२ पतंगें"]


def write(folder: Path, table: pa.Table, **options: Any) -> Storage:
    pq.write_table(table, folder / "in.parquet", **options)
    return Storage(str(folder))


@pytest.mark.parametrize("rows", [1, 2, 3, 99])
@pytest.mark.parametrize("group", [1, 2, 99])
def test_every_row_stays_and_gets_its_translation_and_score(
    rows: int, group: int, tmp_path: Path
) -> None:
    table = pa.table({"n": range(5), "en": ["a", None, "c", "d", "e"], "tags": [["x"]] * 5})
    one = table_shard("in", write(tmp_path, table, row_group_size=group), "in.parquet", None)
    paths = []
    for piece in one.cut(rows):
        sources, kept = one.read(piece)
        assert sources == ["a", None, "c", "d", "e"][piece.start : piece.stop]
        texts = [None if s is None else HINDI[piece.start + i] for i, s in enumerate(sources)]
        scores = [None if s is None else -float(piece.start + i) for i, s in enumerate(sources)]
        paths.append(tmp_path / f"{piece.start}")
        one.write(kept, texts, scores, paths[-1])
    one.join(paths, tmp_path / "out.parquet")
    found = pq.ParquetFile(tmp_path / "out.parquet")
    assert found.num_row_groups == 1
    assert found.read().to_pydict() == {
        **table.to_pydict(),
        "translation": ["नमस्ते", None, "घर बड़ा है।", "वह गया।", "१२ पतंगें"],
        "score": [0.0, None, -2.0, -3.0, -4.0],
    }
    assert found.schema_arrow.field("translation").type == pa.string()


@pytest.mark.parametrize(
    ("columns", "asked", "column", "added"),
    [
        ({"en": ["a"]}, None, ("en",), ("translation", "score")),
        ({"source": ["a"]}, None, ("source",), ("translation", "score")),
        ({"source": ["b"], "en": ["a"]}, None, ("en",), ("translation", "score")),
        ({"text": ["a"], "en": ["b"]}, "text", ("text",), ("translation", "score")),
        ({"score": [1], "en": ["a"]}, None, ("en",), ("translation", "anuvad_score")),
        (
            {"translation": [{"en": "a", "hi": "b"}]},
            None,
            ("translation", "en"),
            ("anuvad_translation", "score"),
        ),
        ({"pair": [{"q": "a"}]}, "pair.q", ("pair", "q"), ("translation", "score")),
        ({"pair.q": ["a"]}, "pair.q", ("pair.q",), ("translation", "score")),
    ],
)
def test_the_source_is_found_and_what_is_added_takes_no_name_that_stands(
    columns: dict[str, Any],
    asked: str | None,
    column: tuple[str, ...],
    added: tuple[str, str],
    tmp_path: Path,
) -> None:
    one = table_shard("in", write(tmp_path, pa.table(columns)), "in.parquet", asked)
    assert (one.column, one.added) == (column, added)
    assert one.read(Piece(0, 1)).sources == ["a"]


def test_what_datasets_wrote_for_itself_goes_as_it_would_refuse_the_new_columns(
    tmp_path: Path,
) -> None:
    table = pa.table({"en": ["a"]}).replace_schema_metadata({"huggingface": "{}", "ours": "1"})
    one = table_shard("in", write(tmp_path, table), "in.parquet", None)
    one.write(one.read(Piece(0, 1)).kept, ["घर"], [0.0], tmp_path / "out")
    assert pq.read_schema(tmp_path / "out").metadata == {b"ours": b"1"}


@pytest.mark.parametrize(
    ("columns", "asked", "message"),
    [
        ({"n": [1]}, None, "one column translation.en or en or source of text, but has n: int64"),
        ({"en": ["a"]}, "text", "one column text of text, but has en: string; --column names"),
        ({"en": [1]}, None, "but has en: int64"),
        (
            {n: ["a"] for n in ("en", "translation", "anuvad_translation")},
            None,
            "room for the columns translation and score, .*: rename some",
        ),
    ],
)
def test_a_file_without_the_column_or_room_is_refused(
    columns: dict[str, Any], asked: str | None, message: str, tmp_path: Path
) -> None:
    with pytest.raises((ConfigError, CorpusError), match=message) as refusal:
        table_shard("in", write(tmp_path, pa.table(columns)), "in.parquet", asked)
    assert "\n" not in str(refusal.value)


def test_a_file_without_rows_becomes_one_without_rows(tmp_path: Path) -> None:
    table = pa.table({"en": pa.array([], pa.string()), "n": pa.array([], pa.int8())})
    one = table_shard("in", write(tmp_path, table), "in.parquet", None)
    (piece,) = one.cut(5)
    rows = one.read(piece)
    assert rows.sources == []
    one.write(rows.kept, [], [], tmp_path / "piece")
    one.join([tmp_path / "piece"], tmp_path / "out.parquet")
    found = pq.read_table(tmp_path / "out.parquet")
    assert (found.num_rows, found.column_names) == (0, ["en", "n", "translation", "score"])
    assert found.schema.field("translation").type == pa.string()


def test_a_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    storage = write(tmp_path, pa.table({"en": ["a"] * 99}))
    path = tmp_path / "in.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(CorpusError, match=r"^in must be a whole parquet file, but: "):
        table_shard("in", storage, "in.parquet", None)


def test_damaged_rows_are_named(tmp_path: Path) -> None:
    table = pa.table({"en": [f"sentence {i} of the file" for i in range(500)]})
    options = {"compression": "none", "use_dictionary": False, "write_page_checksum": True}
    storage = write(tmp_path, table, row_group_size=100, **options)
    path = tmp_path / "in.parquet"
    data = bytearray(path.read_bytes())
    data[data.index(b"sentence 250 of")] ^= 1
    path.write_bytes(data)
    one = table_shard("in", storage, "in.parquet", None)
    pieces = one.cut(100)
    assert one.read(pieces[1]).sources[0] == "sentence 100 of the file"
    with pytest.raises(
        CorpusError, match=r"^in must be whole parquet data in UTF-8, but among the "
    ):
        one.read(pieces[2])


def test_bytes_that_are_no_text_are_named(tmp_path: Path) -> None:
    column = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\1\0\0\0"), pa.py_buffer(b"\xff")]
    )
    one = table_shard("in", write(tmp_path, pa.table({"en": column})), "in.parquet", None)
    with pytest.raises(CorpusError, match=r"among the rows 0 to 1: .*UTF8"):
        one.read(Piece(0, 1))
