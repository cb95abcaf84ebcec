"""Which source a configuration names, what identifies it, and its rows."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from pipeline import corpus
from pipeline.corpus import CorpusConfig, identity, read_rows
from pipeline.errors import ConfigError
from pipeline.formats import SCHEMA
from pipeline.phrasebook import PhrasebookConfig
from pipeline.sources import kind_of

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A corpus folder with a training and a validation file."""
    made = tmp_path / "corpus"
    (made / "data").mkdir(parents=True)
    pairs = [("How are you?", "आप कैसे हैं?"), ("The fort is old.", "क़िला पुराना है।")]
    corpus.write_pairs(pairs, made / "data" / "train-00000-of-00001.parquet")
    corpus.write_pairs(pairs[:1], made / "data" / "validation-00000-of-00001.parquet")
    return made


def test_kind_of_knows_what_a_source_is(folder: Path) -> None:
    assert kind_of(CorpusConfig(source="phrasebook")) == "phrasebook"
    assert kind_of(CorpusConfig(source="inline", pairs=(("hello", "नमस्ते"),))) == "inline"
    assert kind_of(CorpusConfig(source=str(folder))) == "files"
    assert kind_of(CorpusConfig(source="web/*.tsv")) == "files"
    assert kind_of(CorpusConfig(source="s3://bucket/pairs")) == "files"
    assert kind_of(CorpusConfig(source="cfilt/iitb-english-hindi", revision=COMMIT)) == "hub"


def test_a_folder_that_exists_is_a_folder_though_it_looks_like_a_hub_id(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    (folder.parent / "cfilt" / "pairs").mkdir(parents=True)
    assert kind_of(CorpusConfig(source="cfilt/pairs")) == "files"


def test_a_hub_dataset_must_have_a_revision() -> None:
    with pytest.raises(ConfigError, match=r"corpus\.revision must be given for the hub dataset"):
        identity(CorpusConfig(source="cfilt/iitb-english-hindi"))


@pytest.mark.parametrize("revision", ["main", "refs/pr/1", COMMIT[:7], COMMIT.upper()])
def test_a_hub_dataset_is_known_by_its_commit_only(revision: str) -> None:
    config = CorpusConfig(source="cfilt/iitb-english-hindi", revision=revision)
    with pytest.raises(ConfigError, match=r"corpus\.revision must be a commit of 40 hex digits"):
        identity(config)


@pytest.mark.parametrize("source", ["/no/such/folder", "./missing", "phrase book", "~/none/here"])
def test_a_source_of_no_kind_is_refused_naming_it(source: str) -> None:
    with pytest.raises(ConfigError, match=rf"corpus\.source must be .*'{source}' is none of these"):
        kind_of(CorpusConfig(source=source))


@pytest.mark.parametrize(
    ("source", "pairs"), [("inline", ()), ("phrasebook", (("hello", "नमस्ते"),))]
)
def test_pairs_belong_to_the_source_inline(source: str, pairs: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(ValidationError, match=r"corpus\.pairs must be given for .* `inline`"):
        CorpusConfig(source=source, pairs=pairs)


def test_training_and_validation_must_be_different_splits() -> None:
    with pytest.raises(ValidationError, match="must differ, but both are 'train'"):
        CorpusConfig(source="phrasebook", validation_split="train")


def test_a_moved_folder_is_the_same_corpus(folder: Path, tmp_path: Path) -> None:
    before = identity(CorpusConfig(source=str(folder)))
    shutil.move(folder, tmp_path / "elsewhere")
    assert identity(CorpusConfig(source=str(tmp_path / "elsewhere"))) == before


def test_files_beside_data_are_the_same_corpus_as_files_in_it(folder: Path, tmp_path: Path) -> None:
    flat = shutil.copytree(folder / "data", tmp_path / "flat")
    assert identity(CorpusConfig(source=str(flat))) == identity(CorpusConfig(source=str(folder)))


def test_a_changed_file_is_another_corpus(folder: Path) -> None:
    before = identity(CorpusConfig(source=str(folder)))
    file = folder / "data" / "train-00000-of-00001.parquet"
    corpus.write_pairs([("How are you?", "तुम कैसे हो?")], file)
    assert identity(CorpusConfig(source=str(folder))) != before


def test_identity_is_what_the_kind_depends_on_and_nothing_else() -> None:
    hub = CorpusConfig(source="a/b", revision=COMMIT, part_bytes=4096, licence="CC0", max_pairs=9)
    assert identity(hub) == {"kind": "hub", "dataset": "a/b", "revision": COMMIT}
    inline = CorpusConfig(source="inline", pairs=(("hello", "नमस्ते"),))
    assert identity(inline) == {"kind": "inline", "pairs": [["hello", "नमस्ते"]]}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "either `source` or `sources`, but has neither"),
        ({"source": "phrasebook", "sources": [{"name": "a", "source": "phrasebook"}]}, "has both"),
        ({"sources": [{"source": "phrasebook"}]}, "must have a name, but phrasebook has none"),
        (
            {"sources": [{"name": "a", "source": "phrasebook"}] * 2},
            "a name of its own, but two are called a",
        ),
        (
            {"sources": [{"name": "a", "source": "phrasebook"}], "licence": "MIT"},
            "but corpus has licence, which would be read for none",
        ),
    ],
)
def test_sources_that_are_not_told_apart_are_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        CorpusConfig.model_validate(keys)


def test_several_sources_are_read_in_their_order_under_their_names(folder: Path) -> None:
    config = CorpusConfig.model_validate(
        {
            "sources": [
                {"name": "web", "source": str(folder), "licence": "CC0", "max_pairs": 5},
                {"name": "book", "source": "phrasebook", "licence": "MIT"},
                {"name": "app", "source": "phrasebook", "licence": "CC0"},
            ]
        }
    )
    assert [source.label for source in config.each] == ["web", "book", "app"]
    assert config.licences == "CC0; MIT"
    assert config.caps == {"web": 5}


def test_one_source_is_called_by_its_kind_or_its_repository(folder: Path) -> None:
    assert CorpusConfig(source="phrasebook").label == "phrasebook"
    assert CorpusConfig(source=str(folder)).label == "files"
    assert CorpusConfig(source="cfilt/IITB-en-hi", revision=COMMIT).label == "iitb-en-hi"
    assert CorpusConfig(source=str(folder), name="bible").label == "bible"


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("data/train-00000-of-00001.parquet", "train"),
        ("validation-00003-of-00012.parquet", "validation"),
        ("data/iitb/dev_test-00000-of-00001.parquet", "dev_test"),
    ],
)
def test_the_split_is_what_a_file_name_begins_with(name: str, split: str) -> None:
    assert corpus.split_of(name) == split


def test_inline_pairs_are_their_own_validation_and_test() -> None:
    config = CorpusConfig(source="inline", pairs=(("hello", "नमस्ते"), ("thank you", "धन्यवाद")))
    pairs = [("hello", "नमस्ते"), ("thank you", "धन्यवाद")]
    assert corpus.generated_splits(config) == {"train": pairs, "validation": pairs, "test": pairs}


def test_more_phrases_than_there_are_is_an_error_of_the_configuration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def generate(config: PhrasebookConfig) -> None:
        raise ValueError(f"train_pairs must be at most 9, but it is {config.train_pairs}.")

    monkeypatch.setattr(corpus, "generate", generate)
    with pytest.raises(ConfigError, match=r"corpus\.phrasebook: train_pairs must be at most 9"):
        corpus.generated_splits(CorpusConfig(source="phrasebook"))


@pytest.mark.parametrize("start", range(0, 10, 3))
@pytest.mark.parametrize("stop", [1, 4, 6, 10])
def test_read_rows_crosses_row_groups(tmp_path: Path, start: int, stop: int) -> None:
    # Row groups of 4, 4 and 2 rows.
    rows = [{"en": f"house {i}", "hi": f"घर {i}"} for i in range(10)]
    file = tmp_path / "train.parquet"
    pq.write_table(pa.table({"translation": rows}, schema=SCHEMA), file, row_group_size=4)
    if start < stop:
        assert read_rows(file, start, stop).to_pylist() == rows[start:stop]


def test_read_rows_reads_no_other_row_group(tmp_path: Path) -> None:
    rows = [{"en": f"house {i * 7919}", "hi": f"घर {i * 7919}"} for i in range(12)]
    file = tmp_path / "train.parquet"
    pq.write_table(pa.table({"translation": rows}, schema=SCHEMA), file, row_group_size=4)
    groups = [pq.read_metadata(file).row_group(i).column(0) for i in range(3)]
    damaged = bytearray(file.read_bytes())
    for column in (groups[0], groups[2]):
        start = column.dictionary_page_offset or column.data_page_offset
        damaged[start : start + column.total_compressed_size] = bytes(column.total_compressed_size)
    file.write_bytes(damaged)
    assert read_rows(file, 5, 8).to_pylist() == rows[5:8]
    with pytest.raises(OSError, match=r"orrupt|nvalid|thrift|page|decompress"):
        read_rows(file, 3, 8)


def test_read_rows_holds_a_batch_of_a_large_row_group_at_a_time(tmp_path: Path) -> None:
    rows = [{"en": f"house {i}", "hi": f"घर {i}"} for i in range(40_000)]
    file = tmp_path / "train.parquet"
    pq.write_table(pa.table({"translation": rows}, schema=SCHEMA), file)
    assert read_rows(file, 39_998, 40_000).to_pylist() == rows[-2:]
    assert read_rows(file, 16_000, 17_000).to_pylist() == rows[16_000:17_000]
    assert read_rows(file, 39_998, 40_000).nbytes < 5_000


def test_written_pairs_are_read_back(tmp_path: Path) -> None:
    pairs = [("Write क्\u200dष.", "क्\u200dष लिखिए।"), ("line\u2028line", "रेखा\nरेखा")]
    corpus.write_pairs(pairs, tmp_path / "train.parquet")
    assert pq.read_metadata(tmp_path / "train.parquet").num_rows == 2
    found = read_rows(tmp_path / "train.parquet", 0, 2).to_pylist()
    assert [(row["en"], row["hi"]) for row in found] == pairs


def test_no_pairs_are_a_corpus_file_without_rows(tmp_path: Path) -> None:
    corpus.write_pairs([], tmp_path / "train.parquet")
    assert pq.read_table(tmp_path / "train.parquet", schema=SCHEMA).num_rows == 0


@pytest.mark.realdata
def test_the_real_corpus_is_a_folder_of_the_layout(real_data: Path) -> None:
    files = corpus.named_files(CorpusConfig(source=str(real_data)))
    rows = {f.split: pq.read_metadata(f.local()[0]).num_rows for f in files.values()}
    assert rows == {"train": 14_366, "validation": 520, "test": 2_507}
