"""A slice of a corpus file becomes a clean shard, rejects with reasons, and counts that add up."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairs import TRAIN
from pipeline import corpus
from pipeline.clean import (
    CLEAN_SCHEMA,
    REJECTS_SCHEMA,
    CleanConfig,
    Slice,
    _batches,
    clean_rows,
    slices_of,
)
from pipeline.corpus import SCHEMA
from pipeline.errors import CorpusError
from pipeline.filters import FilterConfig
from pipeline.statistics import Statistics

NOISY = (
    ("The fort is old.", "\u0958िला पुराना है ।"),
    ("", "खाली"),
    ("GNOME", "GNOME"),
    ("He went.", "वह गया।"),
    ("Two\u2028lines", "दो\u2028पंक्तियाँ"),
    ("\u200e", "नमस्ते"),
)


class Cleaned:
    """What cleaning came to: the tables that were written, and the counts."""

    def __init__(self, folder: Path, piece: Slice, config: CleanConfig) -> None:
        out, rejects = folder / "clean.parquet", folder / "rejects.parquet"
        statistics = folder / "statistics.json"
        self.counts = clean_rows(folder / "corpus.parquet", piece, config, out, rejects, statistics)
        self.statistics = Statistics.from_json(statistics.read_bytes())
        self.bytes = out.read_bytes()
        self.table = pq.read_table(out)
        self.rejects = pq.read_table(rejects) if rejects.exists() else None


def clean(
    folder: Path,
    pairs: tuple[tuple[str, str], ...],
    config: CleanConfig = CleanConfig(),  # noqa: B008
    start: int = 0,
    stop: int | None = None,
) -> Cleaned:
    """Clean rows ``start`` to ``stop`` of a corpus of these pairs."""
    corpus.write_pairs(pairs, folder / "corpus.parquet")
    stop = len(pairs) if stop is None else stop
    return Cleaned(
        folder, Slice("train", "train-0", "iitb", "data/iitb/corpus", start, stop, start), config
    )


def test_kept_pairs_are_normalised_and_keep_their_row_and_order(tmp_path: Path) -> None:
    made = clean(tmp_path, NOISY)
    assert made.table.schema == CLEAN_SCHEMA
    assert made.table.to_pylist() == [
        {"source": "iitb", "row": 0, "en": "The fort is old.", "hi": "क\u093cिला पुराना है।"},
        {"source": "iitb", "row": 3, "en": "He went.", "hi": "वह गया।"},
        {"source": "iitb", "row": 4, "en": "Two lines", "hi": "दो पंक्तियाँ"},
    ]


def test_rejects_are_kept_with_their_rows_and_reasons(tmp_path: Path) -> None:
    made = clean(tmp_path, NOISY)
    assert made.rejects is not None
    assert made.rejects.schema == REJECTS_SCHEMA
    assert made.rejects.to_pylist() == [
        {"source": "iitb", "row": 1, "en": "", "hi": "खाली", "reason": "empty"},
        {"source": "iitb", "row": 2, "en": "GNOME", "hi": "GNOME", "reason": "identical"},
        {"source": "iitb", "row": 5, "en": "", "hi": "नमस्ते", "reason": "empty"},
    ]


def test_counts_name_the_split_the_reasons_and_the_rules(tmp_path: Path) -> None:
    assert clean(tmp_path, NOISY).counts == {
        "train_visited": 6,
        "train_kept": 3,
        "train_dropped_empty": 2,
        "train_dropped_identical": 1,
        "iitb/train_visited": 6,
        "iitb/train_kept": 3,
        "iitb/train_dropped_empty": 2,
        "iitb/train_dropped_identical": 1,
        "train_normalized_nfc": 1,
        "train_normalized_danda": 1,
        "train_normalized_spaces": 2,
        "train_normalized_bidi": 1,
    }


@pytest.mark.parametrize("max_words", [1, 3, 200])
def test_visited_is_kept_and_dropped_together(tmp_path: Path, max_words: int) -> None:
    filters = FilterConfig(max_words=max_words)
    made = clean(tmp_path, NOISY, CleanConfig(filters=filters))
    dropped = sum(n for key, n in made.counts.items() if key.startswith("train_dropped_"))
    assert made.counts["train_visited"] == made.counts["train_kept"] + dropped == 6
    assert len(made.table) == made.counts["train_kept"]


def test_only_the_rows_of_the_slice_are_cleaned(tmp_path: Path) -> None:
    made = clean(tmp_path, TRAIN, start=3, stop=7)
    assert made.table.column("row").to_pylist() == [3, 4, 5, 6]
    assert made.table.column("en").to_pylist() == [english for english, _ in TRAIN[3:7]]


def test_without_rejects_there_is_no_rejects_file(tmp_path: Path) -> None:
    assert clean(tmp_path, TRAIN).rejects is None


def test_a_shard_of_which_nothing_stays_is_an_empty_table(tmp_path: Path) -> None:
    made = clean(tmp_path, (("", ""), ("", "")))
    assert made.table.schema == CLEAN_SCHEMA
    assert len(made.table) == 0
    counts = {"train_visited": 2, "train_kept": 0, "train_dropped_empty": 2}
    assert made.counts == counts | {f"iitb/{key}": n for key, n in counts.items()}


def test_cleaning_twice_writes_the_same_bytes(tmp_path: Path) -> None:
    assert clean(tmp_path, NOISY).bytes == clean(tmp_path, NOISY).bytes


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\u0085", "\v", "\n", "\r\n"])
def test_a_line_separator_in_a_sentence_leaves_one_pair_one_pair(
    tmp_path: Path, separator: str
) -> None:
    made = clean(tmp_path, ((f"one{separator}two", f"एक{separator}दो"), ("three", "तीन")))
    assert made.table.to_pylist() == [
        {"source": "iitb", "row": 0, "en": "one two", "hi": "एक दो"},
        {"source": "iitb", "row": 1, "en": "three", "hi": "तीन"},
    ]


@pytest.mark.parametrize(
    ("row", "missing"), [({"en": None, "hi": "घर"}, "English"), ({"en": "a", "hi": None}, "Hindi")]
)
def test_a_null_side_is_refused_naming_file_and_row(
    tmp_path: Path, row: dict[str, str | None], missing: str
) -> None:
    rows = [{"en": "house", "hi": "घर"}] * 5 + [row]
    pq.write_table(pa.table({"translation": rows}, schema=SCHEMA), tmp_path / "corpus.parquet")
    piece = Slice("train", "train-0", "iitb", "data/iitb/train-00000-of-00001.parquet", 3, 6, 3)
    with pytest.raises(
        CorpusError,
        match=rf"row 5 of data/iitb/train-00000-of-00001\.parquet has no {missing}",
    ):
        Cleaned(tmp_path, piece, CleanConfig())


def test_a_null_pair_is_refused_naming_file_and_row(tmp_path: Path) -> None:
    rows = [{"en": "house", "hi": "घर"}, None]
    pq.write_table(pa.table({"translation": rows}, schema=SCHEMA), tmp_path / "corpus.parquet")
    with pytest.raises(CorpusError, match="row 1 of data/iitb/x has no English"):
        Cleaned(tmp_path, Slice("train", "train-0", "iitb", "data/iitb/x", 0, 2, 0), CleanConfig())


def test_bytes_that_are_no_utf8_are_refused_naming_file_and_rows(tmp_path: Path) -> None:
    english = pa.array([b"house", b"caf\xe9"], pa.binary()).view(pa.string())
    pairs = pa.StructArray.from_arrays([english, pa.array(["घर", "चाय"])], ["en", "hi"])
    pq.write_table(pa.table({"translation": pairs}, schema=SCHEMA), tmp_path / "corpus.parquet")
    with pytest.raises(CorpusError, match=r"rows 0 to 1 of data/iitb/x must be .* in UTF-8, but: "):
        Cleaned(tmp_path, Slice("train", "train-0", "iitb", "data/iitb/x", 0, 2, 0), CleanConfig())


def test_a_damaged_page_is_refused_naming_file_and_rows(tmp_path: Path) -> None:
    file = tmp_path / "corpus.parquet"
    pairs = [(f"house {i * 7919}", f"घर {i * 7919}") for i in range(500)]
    corpus.write_pairs(pairs, file)
    damaged = bytearray(file.read_bytes())
    damaged[200:400] = bytes(200)
    file.write_bytes(damaged)
    with pytest.raises(
        CorpusError, match="rows 0 to 499 of data/iitb/x must be whole parquet data"
    ):
        Cleaned(
            tmp_path, Slice("train", "train-0", "iitb", "data/iitb/x", 0, 500, 0), CleanConfig()
        )


def test_slices_are_numbered_through_all_files_of_a_split() -> None:
    assert slices_of("train", {"data/a/x": 5, "data/a/y": 0, "data/b/x": 2}, 2) == [
        Slice("train", "train-00000-of-00004", "a", "data/a/x", 0, 1, 0),
        Slice("train", "train-00001-of-00004", "a", "data/a/x", 1, 3, 1),
        Slice("train", "train-00002-of-00004", "a", "data/a/x", 3, 5, 3),
        Slice("train", "train-00003-of-00004", "b", "data/b/x", 0, 2, 0),
    ]


def test_rows_are_numbered_through_all_files_of_a_source() -> None:
    pieces = slices_of("train", {"data/a/x": 3, "data/a/y": 3, "data/b/x": 1}, 2)
    assert [(p.file, p.start, p.first_row) for p in pieces] == [
        ("data/a/x", 0, 0),
        ("data/a/x", 1, 1),
        ("data/a/y", 0, 3),
        ("data/a/y", 1, 4),
        ("data/b/x", 0, 0),
    ]


def test_a_cap_reads_pairs_at_even_steps_across_slices_and_files() -> None:
    pieces = slices_of("train", {"data/a/x": 5, "data/a/y": 5, "data/b/x": 4}, 3, {"a": 4, "b": 9})
    read = [p.first_row + int(i) for p in pieces if p.source == "a" for i in p.read().nonzero()[0]]
    assert read == [2, 4, 7, 9]
    assert all(p.cap is None and p.read().all() for p in pieces if p.source == "b")


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 50))
def test_a_cap_reads_as_many_pairs_as_it_says(rows: int, cap: int, shard_rows: int) -> None:
    pieces = slices_of("train", {"data/a/x": rows}, shard_rows, {"a": cap})
    assert sum(int(piece.read().sum()) for piece in pieces) == min(rows, cap)


def test_what_is_over_the_cap_is_counted_and_not_cleaned(tmp_path: Path) -> None:
    corpus.write_pairs(TRAIN[:6], tmp_path / "corpus.parquet")
    piece = Slice("train", "train-0", "iitb", "data/iitb/corpus", 0, 6, 0, cap=(6, 2))
    made = Cleaned(tmp_path, piece, CleanConfig())
    assert made.table.column("row").to_pylist() == [2, 5]
    assert made.counts["iitb/train_visited"] == made.counts["train_visited"] == 2
    assert made.counts["iitb/train_over_cap"] == made.counts["train_over_cap"] == 4


def test_no_rows_are_no_slices() -> None:
    assert slices_of("train", {"data/a/x": 0}, 2) == []


@given(st.dictionaries(st.sampled_from("abcd"), st.integers(0, 40), min_size=1), st.integers(1, 15))
def test_slices_cover_each_row_once_in_order(rows: dict[str, int], shard_rows: int) -> None:
    files = {f"data/{source}/x": count for source, count in rows.items()}
    pieces = slices_of("train", files, shard_rows)
    seen = [(p.file, row) for p in pieces for row in range(p.start, p.stop)]
    assert seen == [(file, row) for file, count in files.items() for row in range(count)]
    assert all(0 < p.stop - p.start <= shard_rows for p in pieces)
    assert sorted(p.name for p in pieces) == [p.name for p in pieces]


def test_a_line_of_a_megabyte_is_dropped_by_reason_and_costs_no_more_than_itself(
    tmp_path: Path,
) -> None:
    long = "क़िला । " * 60_000
    assert len(long.encode()) > 1 << 20
    pairs = (*TRAIN[:2], ("The fort is old.", long), (long, "क़िला"), *TRAIN[2:4])
    corpus.write_pairs(pairs, tmp_path / "corpus.parquet")
    tracemalloc.start()
    try:
        made = Cleaned(
            tmp_path,
            Slice("train", "train-0", "iitb", "data/iitb/x", 0, len(pairs), 0),
            CleanConfig(),
        )
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert made.table.column("row").to_pylist() == [0, 1, 4, 5]
    assert made.rejects is not None
    assert made.rejects.column("reason").to_pylist() == ["too_many_bytes"] * 2
    assert made.rejects.column("hi")[0].as_py() == long
    # Neither normalised nor taken apart into code points, which would be 20 MB.
    assert peak < 8 << 20
    assert "train_normalized_danda" not in made.counts


def test_batches_are_bounded_by_bytes_and_by_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = clean(tmp_path, NOISY + TRAIN)
    for batch_bytes, batch_rows in ((1, 100), (200, 100), (1 << 20, 3), (150, 2)):
        monkeypatch.setattr("pipeline.clean._BATCH_BYTES", batch_bytes)
        monkeypatch.setattr("pipeline.clean._BATCH_ROWS", batch_rows)
        made = clean(tmp_path, NOISY + TRAIN)
        assert made.table.equals(whole.table)
        assert made.counts == whole.counts
        assert made.rejects is not None
        assert made.rejects.equals(whole.rejects)


@given(st.lists(st.tuples(st.text(max_size=9), st.text(max_size=9))), st.integers(1, 30))
def test_batches_cover_each_row_once_in_order(pairs: list[tuple[str, str]], limit: int) -> None:
    sides = [pa.array([pair[i] for pair in pairs], pa.string()) for i in (0, 1)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.clean._BATCH_BYTES", limit)
        batches = list(_batches(*sides))
    assert [row for start, stop in batches for row in range(start, stop)] == list(range(len(pairs)))
    for start, stop in batches:
        size = sum(len((en + hi).encode()) for en, hi in pairs[start:stop])
        assert stop - start == 1 or size <= limit


@pytest.mark.parametrize("text", ["<s> {} </s>", "▁{} ▁", "<unk> {} <pad>"])
def test_what_tokenizers_use_as_signs_is_text(tmp_path: Path, text: str) -> None:
    pair = text.format("The old fort"), text.format("पुराना किला")
    assert clean(tmp_path, (pair,)).table.to_pylist() == [
        {"source": "iitb", "row": 0, "en": pair[0], "hi": pair[1]}
    ]


def test_a_pair_whose_sides_are_swapped_is_dropped_as_such(tmp_path: Path) -> None:
    made = clean(tmp_path, (*TRAIN, ("वह बाज़ार गया।", "He went to the market.")))
    assert made.rejects is not None
    assert [r["reason"] for r in made.rejects.to_pylist()] == ["swapped"]


def test_swapped_columns_are_refused_with_samples(tmp_path: Path) -> None:
    swapped = tuple((hindi, english) for english, hindi in TRAIN)
    with pytest.raises(CorpusError) as caught:
        clean(tmp_path, swapped + TRAIN[:5])
    message = str(caught.value)
    assert message.startswith(
        "the columns en and hi of data/iitb/corpus must be English and Hindi, but in 20 of the 25 "
        "rows from 0 on they are swapped: row 0 has en 'वह बाज़ार गया।' and hi "
        "'He went to the market.'; row 1 has"
    )
    assert message.endswith("set clean.filters.max_swapped_share=1 to drop these pairs")
    assert not (tmp_path / "clean.parquet").exists()


def test_swapped_columns_are_dropped_where_the_settings_say_so(tmp_path: Path) -> None:
    swapped = tuple((hindi, english) for english, hindi in TRAIN)
    config = CleanConfig(filters=FilterConfig(max_swapped_share=1))
    assert clean(tmp_path, swapped, config).counts["train_dropped_swapped"] == 20


def test_a_few_swapped_pairs_are_no_swapped_columns(tmp_path: Path) -> None:
    swapped = tuple((hindi, english) for english, hindi in TRAIN[:10])
    assert clean(tmp_path, swapped).counts["train_dropped_swapped"] == 10


@pytest.mark.realdata
@pytest.mark.parametrize(("start", "stop"), [(0, 3000), (11_000, 14_366)])
def test_cleaning_real_pairs_accounts_for_each(
    real_data: Path, tmp_path: Path, start: int, stop: int
) -> None:
    source = real_data / "data" / "train-00000-of-00001.parquet"
    (tmp_path / "corpus.parquet").symlink_to(source)
    made = Cleaned(
        tmp_path,
        Slice("train", "train-0", "iitb", "data/iitb/x", start, stop, start),
        CleanConfig(),
    )
    rows = made.table.column("row").to_pylist()
    if made.rejects is not None:
        rows += made.rejects.column("row").to_pylist()
    assert sorted(rows) == list(range(start, stop))
    # What was read critically: three pairs or four in a thousand are dropped.
    assert made.counts["train_kept"] > 0.99 * (stop - start)
