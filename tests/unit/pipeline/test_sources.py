"""Which files a source has, in which order, of which split; and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from pipeline.corpus import identity
from pipeline.errors import ArtifactError, ConfigError, CorpusError
from pipeline.sources import SourceConfig, input_files, kind_of

ENDINGS = r"\.parquet, \.arrow, \.tsv, \.jsonl, \.en, \.hi, also with \.gz"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that relative paths and ``~`` count from."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def make(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("en\thi\nHello\tनमस्ते\n", "utf-8")


def files(source: str, split: str | None = None) -> list[tuple[str, str, tuple[str, ...]]]:
    """Split, format and names of each file."""
    return [
        (f.split, f.format, f.paths) for f in input_files(SourceConfig(source=source, split=split))
    ]


WEB = [("train", "tsv", ("train.tsv",)), ("validation", "tsv", ("validation.tsv",))]


@pytest.mark.parametrize(
    "source", ["web", "web/", "./web", "../{0}/web", "~/web", "{1}/web", "file://{1}/web", "link"]
)
def test_a_folder_is_found_by_every_spelling(here: Path, source: str) -> None:
    make("web/train.tsv", "web/validation.tsv", "web/README.md", "web/.train.tsv.swp")
    Path("link").symlink_to("web")
    assert files(source.format(here.name, here)) == WEB
    assert kind_of(SourceConfig(source=source.format(here.name, here))) == "files"


def test_a_folder_with_data_is_read_there() -> None:
    make("web/data/train.tsv", "web/data/validation.tsv", "web/test.tsv")
    found = input_files(SourceConfig(source="web"))
    assert [file.paths for file in found] == [("data/train.tsv",), ("data/validation.tsv",)]


@pytest.mark.parametrize(
    "source", ["train.tsv", "./train.tsv", "~/train.tsv", "file://{}/train.tsv"]
)
def test_one_file_is_a_source(here: Path, source: str) -> None:
    make("train.tsv", "validation.tsv")
    assert files(source.format(here)) == WEB[:1]


@pytest.mark.parametrize("folder", ["my corpus", "मेरा संग्रह", "corpus[1]", "what?"])
def test_a_name_is_taken_as_it_stands(folder: str) -> None:
    make(f"{folder}/train.tsv")
    assert files(folder) == files(f"{folder}/train.tsv") == WEB[:1]


def test_all_formats_of_a_split_come_in_the_order_of_their_names() -> None:
    make("mix/train.tsv", "mix/train.jsonl.gz", "mix/train.hi", "mix/train.en.gz", "mix/dev.tsv")
    assert files("mix") == [
        ("dev", "tsv", ("dev.tsv",)),
        ("train", "moses", ("train.en.gz", "train.hi")),
        ("train", "jsonl", ("train.jsonl.gz",)),
        ("train", "tsv", ("train.tsv",)),
    ]


def test_a_glob_takes_what_matches_in_each_folder_and_minds_no_file_in_a_folders_place() -> None:
    make("web/a/x.tsv", "web/b/x.tsv", "web/b/y.jsonl", "web/README.md", "web/z.tsv")
    assert files("web/*/*.tsv", "train") == [
        ("train", "tsv", ("a/x.tsv",)),
        ("train", "tsv", ("b/x.tsv",)),
    ]


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train-00000-of-00004.parquet", "train"),
        ("train-00000-of-00001-1a2b3c.parquet", "train"),
        ("dev_test-00000-of-00001.tsv.gz", "dev_test"),
        ("test.jsonl", "test"),
    ],
)
def test_the_split_is_what_a_name_says_unless_the_source_says_it(name: str, split: str) -> None:
    make(f"web/{name}")
    assert files("web")[0][0] == split
    assert files("web", "held_out")[0][0] == "held_out"


@pytest.mark.parametrize(
    "name", ["web.tsv", "training.tsv", "train-1-of-2.tsv", "train-web.tsv.gz"]
)
def test_a_name_without_a_split_is_refused_naming_it(name: str) -> None:
    make(f"web/{name}")
    with pytest.raises(
        CorpusError, match=f"say its split, .* one of web is '{name}'; rename it, or"
    ):
        files("web")


@pytest.mark.parametrize(
    ("made", "source", "seen"),
    [
        ("web/README.md", "web", "README.md"),
        ("web/train.csv", "web", "train.csv"),
        ("web/train.TSV", "web", "train.TSV"),
        ("web/data/README", "web", "README"),
        ("web/train.tsv", "web/*.csv", "no file"),
        ("web/train.tsv", "none/*.tsv", "no file"),
        ("web/train.csv", "web/train.csv", "train.csv"),
    ],
)
def test_a_place_without_files_of_a_known_format_is_refused(
    made: str, source: str, seen: str
) -> None:
    make(made)
    with pytest.raises(CorpusError, match=f"must have files that end in {ENDINGS}, but has {seen}"):
        files(source)


def test_a_file_in_the_place_of_a_globs_folder_is_named() -> None:
    make("web/train.tsv")
    with pytest.raises(
        ArtifactError, match=r"web/train\.tsv/? must be a folder .* Not a directory"
    ):
        files("web/train.tsv/*.tsv")


def test_an_empty_folder_is_refused(here: Path) -> None:
    (here / "empty" / "data").mkdir(parents=True)
    (here / "bare").mkdir()
    with pytest.raises(CorpusError, match=r"^bare must have files that .* but has no file"):
        files("bare")
    with pytest.raises(CorpusError, match=r"^empty must have files that .* but has data"):
        files("empty")


@pytest.mark.parametrize(("there", "missing"), [("train.en", "train.hi"), ("dev.hi.gz", "dev.en")])
def test_one_side_of_a_moses_pair_is_refused_naming_the_other(there: str, missing: str) -> None:
    make(f"web/{there}")
    with pytest.raises(
        CorpusError, match=rf"both sides, but .*/web/{there} has no {missing} beside"
    ):
        files("web")


def test_a_side_that_is_there_twice_is_refused() -> None:
    make("web/train.en", "web/train.en.gz", "web/train.hi")
    with pytest.raises(
        CorpusError, match=r"once, but .*/web/train\.en\.gz stands beside train\.en;"
    ):
        files("web")


@pytest.mark.parametrize(("target", "why"), [("/no/such/file", "No such file"), (".", "Is a dir")])
def test_a_file_that_can_not_be_read_is_named_by_the_plan(target: str, why: str) -> None:
    make("web/train.tsv")
    Path("web/validation.tsv").symlink_to(target)
    with pytest.raises(CorpusError, match=rf"/web/validation\.tsv must be a file .* but: {why}"):
        identity(SourceConfig(source="web"))


@pytest.mark.parametrize(
    "source", ["web/trian.tsv", "train.tsv/", "~nobody-of-this-name/web", "x" * 5000, "\0"]
)
def test_a_place_that_is_not_there_is_no_hub_dataset(here: Path, source: str) -> None:
    with pytest.raises(ConfigError, match=rf"is none of these \(seen from {here}\)"):
        kind_of(SourceConfig(source=source))


@pytest.mark.parametrize("source", ["https://example.org/train.tsv", "nowhere://web/*.tsv"])
def test_a_uri_of_another_kind_is_refused_as_the_corpus_source(source: str) -> None:
    with pytest.raises(ConfigError, match=r"^corpus\.source: .*://"):
        files(source)


@pytest.mark.parametrize("source", ["s3://", "s3://*", "s3://*/x.tsv"])
def test_a_uri_without_a_bucket_is_refused_as_the_corpus_source(source: str) -> None:
    with pytest.raises(ConfigError, match=r"^corpus\.source: .* must name a bucket"):
        files(source)


def test_a_glob_over_any_number_of_folders_is_refused() -> None:
    make("web/a/train.tsv")
    with pytest.raises(ConfigError, match=r"'web/\*\*/\*\.tsv' has \*\*; give each folder a \*"):
        files("web/**/*.tsv")


def test_the_columns_of_a_source_differ() -> None:
    with pytest.raises(ValidationError, match="must name two columns, but both are '1'"):
        SourceConfig(source="web", english="1", hindi="1")


def test_the_same_files_under_two_names_are_files_of_both() -> None:
    make("web/train.tsv")
    found = [identity(SourceConfig(source="web", name=name))["files"] for name in ("one", "two")]
    assert list(found[0]) == ["data/one/train-00000-of-00001.parquet"]
    assert list(found[0].values()) == list(found[1].values())
