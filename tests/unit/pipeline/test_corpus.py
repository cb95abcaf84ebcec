"""Which source a configuration names, what identifies it, and its rows."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from pipeline import corpus
from pipeline.corpus import SCHEMA, CorpusConfig, check_parquet, identity, kind_of, read_rows
from pipeline.errors import ConfigError, CorpusError
from pipeline.phrasebook import PhrasebookConfig

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


def test_kind_of_knows_the_four_kinds(folder: Path) -> None:
    assert kind_of(CorpusConfig(source="phrasebook")) == "phrasebook"
    assert kind_of(CorpusConfig(source="inline", pairs=(("hello", "नमस्ते"),))) == "inline"
    assert kind_of(CorpusConfig(source=str(folder))) == "folder"
    assert kind_of(CorpusConfig(source="cfilt/iitb-english-hindi", revision=COMMIT)) == "hub"


def test_a_folder_that_exists_is_a_folder_though_it_looks_like_a_hub_id(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    (folder.parent / "cfilt" / "pairs").mkdir(parents=True)
    assert kind_of(CorpusConfig(source="cfilt/pairs")) == "folder"


@pytest.mark.parametrize("revision", [None, "main", "refs/pr/1", COMMIT[:7], COMMIT.upper()])
def test_a_hub_dataset_must_be_pinned_to_a_commit(revision: str | None) -> None:
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
    hub = CorpusConfig(source="a/b", revision=COMMIT, part_bytes=4096, licence="CC0")
    assert identity(hub) == {"source": "a/b", "revision": COMMIT}
    inline = CorpusConfig(source="inline", pairs=(("hello", "नमस्ते"),))
    assert identity(inline) == {"source": "inline", "pairs": [["hello", "नमस्ते"]]}


def test_a_folder_without_parquet_files_is_refused_naming_it(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=f"{tmp_path} must hold .* but holds no parquet file"):
        identity(CorpusConfig(source=str(tmp_path)))


def test_a_file_whose_name_has_no_split_is_refused_naming_it(folder: Path) -> None:
    (folder / "data" / "extra.parquet").write_bytes(b"")
    with pytest.raises(CorpusError, match=r"<split>-NNNNN-of-NNNNN\.parquet.*'extra\.parquet'"):
        identity(CorpusConfig(source=str(folder)))


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("data/train-00000-of-00001.parquet", "train"),
        ("validation-00003-of-00012.parquet", "validation"),
        ("deep/er/dev_test-00000-of-00001.parquet", "dev_test"),
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


def test_check_parquet_counts_the_rows(folder: Path) -> None:
    file = folder / "data" / "train-00000-of-00001.parquet"
    assert check_parquet(file, "train") == 2


def test_wrong_columns_are_refused_saying_which_were_seen(tmp_path: Path) -> None:
    file = tmp_path / "wrong.parquet"
    pq.write_table(pa.table({"english": ["hello"], "hindi": ["नमस्ते"]}), file)
    with pytest.raises(
        CorpusError,
        match="data/wrong must have the one column translation: struct<en: string, hi: string>, "
        "but has english: string, hindi: string",
    ):
        check_parquet(file, "data/wrong")


def test_another_language_is_refused_saying_which_was_seen(tmp_path: Path) -> None:
    file = tmp_path / "urdu.parquet"
    pq.write_table(pa.table({"translation": [{"en": "hello", "ur": "سلام"}]}), file)
    with pytest.raises(CorpusError, match=r"but has translation: struct<en: string, ur: string>"):
        check_parquet(file, "data/urdu")


@pytest.mark.parametrize("keep", [0, 4, -1])
def test_a_truncated_file_is_refused_naming_it(folder: Path, keep: int) -> None:
    file = folder / "data" / "train-00000-of-00001.parquet"
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(CorpusError, match="data/cut must be a whole parquet file, but: "):
        check_parquet(file, "data/cut")


@pytest.mark.parametrize("start", range(0, 10, 3))
@pytest.mark.parametrize("stop", [1, 4, 6, 10])
def test_read_rows_crosses_row_groups(tmp_path: Path, start: int, stop: int) -> None:
    # Row groups of 4, 4 and 2 rows.
    rows = [{"en": f"house {i}", "hi": f"घर {i}"} for i in range(10)]
    file = tmp_path / "train.parquet"
    pq.write_table(pa.table({"translation": rows}, schema=SCHEMA), file, row_group_size=4)
    if start < stop:
        assert read_rows(file, start, stop).to_pylist() == rows[start:stop]


def test_read_rows_reads_no_other_row_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"en": f"house {i}", "hi": f"घर {i}"} for i in range(12)]
    file = tmp_path / "train.parquet"
    pq.write_table(pa.table({"translation": rows}, schema=SCHEMA), file, row_group_size=4)
    asked: list[list[int]] = []
    whole = pq.ParquetFile.read_row_groups

    def spy(self: pq.ParquetFile, groups: list[int]) -> pa.Table:
        asked.append(groups)
        return whole(self, groups)

    monkeypatch.setattr(pq.ParquetFile, "read_row_groups", spy)
    assert read_rows(file, 5, 8).to_pylist() == rows[5:8]
    assert asked == [[1]]


def test_written_pairs_are_read_back(tmp_path: Path) -> None:
    pairs = [("Write क्\u200dष.", "क्\u200dष लिखिए।"), ("line\u2028line", "रेखा\nरेखा")]
    corpus.write_pairs(pairs, tmp_path / "train.parquet")
    assert check_parquet(tmp_path / "train.parquet", "train") == 2
    found = read_rows(tmp_path / "train.parquet", 0, 2).to_pylist()
    assert [(row["en"], row["hi"]) for row in found] == pairs


def test_no_pairs_are_a_corpus_file_without_rows(tmp_path: Path) -> None:
    corpus.write_pairs([], tmp_path / "train.parquet")
    assert check_parquet(tmp_path / "train.parquet", "train") == 0


@pytest.mark.realdata
def test_the_real_corpus_is_a_folder_of_the_layout(real_data: Path) -> None:
    files = corpus.folder_files(real_data)
    rows = {corpus.split_of(f.name): check_parquet(Path(f.location), f.name) for f in files}
    assert rows == {"train": 14_366, "validation": 520, "test": 2_507}
