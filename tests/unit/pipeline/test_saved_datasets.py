"""Corpora that the package ``datasets`` has saved: its own files, written by it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline.errors import CorpusError
from pipeline.formats import SCHEMA, write_corpus_file
from pipeline.sources import SourceConfig, input_files

PAIRS = [
    {"en": "The river is wide.", "hi": "नदी चौड़ी है।"},
    {"en": "Open the window.", "hi": "खिड़की खोलो।"},
    {"en": "We were singing.", "hi": "हम गा रहे थे।"},
]


@pytest.fixture
def datasets() -> Any:
    """The package, which says nothing of its progress."""
    import datasets

    datasets.disable_progress_bars()
    return datasets


def rows(source: SourceConfig, out: Path) -> dict[str, list[dict[str, str]]]:
    """The pairs of each split."""
    found: dict[str, list[dict[str, str]]] = {}
    for file in input_files(source):
        columns = (source.english, source.hindi)
        written = write_corpus_file(file.local(), file.uris, file.format, columns, out)
        table = pq.read_table(out)
        assert table.schema.equals(SCHEMA)
        assert len(table) == written
        found.setdefault(file.split, []).extend(table.column("translation").to_pylist())
    return found


def test_the_splits_of_a_saved_dataset_are_those_of_the_corpus_in_its_order(
    datasets: Any, tmp_path: Path
) -> None:
    pairs = datasets.Dataset.from_dict({"translation": PAIRS})
    # What is selected is a list of row numbers until it is saved.
    splits = {"train": pairs.select([2, 0]), "validation": pairs.select([1])}
    folder = str(tmp_path / "saved")
    datasets.DatasetDict(splits).save_to_disk(folder, num_shards={"train": 2, "validation": 1})
    # What is made of a saved dataset is kept in its folder, as are the numbers of sorted rows.
    train = datasets.load_from_disk(f"{folder}/train")
    train.map(lambda row: {"translation": {"en": row["translation"]["en"].upper(), "hi": ""}})
    train.shuffle(seed=1)
    assert list((tmp_path / "saved" / "train").glob("cache-*.arrow"))
    found = rows(SourceConfig(source=folder), tmp_path / "out.parquet")
    assert found == {"train": [PAIRS[2], PAIRS[0]], "validation": [PAIRS[1]]}
    found = rows(SourceConfig(source=f"{folder}/*/*.arrow"), tmp_path / "out.parquet")
    assert found == {"train": [PAIRS[2], PAIRS[0]], "validation": [PAIRS[1]]}


def test_one_that_was_saved_by_itself_is_of_the_split_that_its_source_says(
    datasets: Any, tmp_path: Path
) -> None:
    columns = {"source": [p["en"] for p in PAIRS], "target": [p["hi"] for p in PAIRS]}
    folder = str(tmp_path / "saved")
    datasets.Dataset.from_dict(columns).save_to_disk(folder)
    with pytest.raises(CorpusError, match=r"'data-00000-of-00001\.arrow'; .*set `split`"):
        input_files(SourceConfig(source=folder))
    source = SourceConfig(source=folder, split="train", english="source", hindi="target")
    assert rows(source, tmp_path / "out.parquet") == {"train": PAIRS}


def test_a_list_of_splits_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dataset_dict.json").write_text('["train"]')
    with pytest.raises(CorpusError, match=r"/dataset_dict\.json must list the splits"):
        input_files(SourceConfig(source=str(tmp_path)))


MADE_OTHERWISE = "must be a whole file of `Dataset.save_to_disk`, but: "


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (b"\xff\xff\xff\xff", b"PAR1", MADE_OTHERWISE),
        ("नदी".encode(), b"\xff" * 9, "must be whole and in UTF-8, but after row 0: "),
        (b"translation", b"conversion!", "must have one column en, or translation.en, but has "),
    ],
)
def test_a_damaged_file_is_refused_naming_it(
    datasets: Any, tmp_path: Path, before: bytes, after: bytes, said: str
) -> None:
    folder = tmp_path / "saved"
    datasets.Dataset.from_dict({"translation": PAIRS}).save_to_disk(str(folder))
    file = folder / "data-00000-of-00001.arrow"
    content = file.read_bytes()
    assert before in content
    file.write_bytes(content.replace(before, after))
    source = SourceConfig(source=str(folder), split="train")
    with pytest.raises(CorpusError, match=re.escape(f"{file} {said}")):
        rows(source, tmp_path / "out.parquet")


def test_a_cut_file_is_refused(datasets: Any, tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    datasets.Dataset.from_dict({"translation": PAIRS}).save_to_disk(str(folder))
    file = folder / "data-00000-of-00001.arrow"
    content = file.read_bytes()
    for size in range(0, len(content) - 8, 97):
        file.write_bytes(content[:size])
        with pytest.raises(CorpusError, match=re.escape(str(file))):
            rows(SourceConfig(source=str(folder), split="train"), tmp_path / "out.parquet")
