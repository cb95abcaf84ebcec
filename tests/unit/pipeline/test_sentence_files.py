"""What an input names: files of which kinds, in which order, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import ConfigError, CorpusError
from pipeline.sentence_files import find_sentence_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.tsv.gz", "a.txt", "c.parquet", "README.md", "d.en", "e.txt.gz"):
        (tmp_path / name).write_text("hello\n")
    return tmp_path


def test_the_files_of_a_folder_come_in_order_and_others_are_told(folder: Path) -> None:
    found = find_sentence_files(str(folder), "--input")
    assert [(f.name, f.kind, f.packed) for f in found.files] == [
        ("a.txt", "text", False),
        ("b.tsv.gz", "tsv", True),
        ("c.parquet", "parquet", False),
        ("d.en", "text", False),
        ("e.txt.gz", "text", True),
    ]
    assert (found.one, found.left_out) == (False, ("README.md",))


def test_a_file_that_is_named_is_text_whatever_its_ending(folder: Path) -> None:
    found = find_sentence_files(str(folder / "README.md"), "--input")
    assert [(f.name, f.kind) for f in found.files] == [("README.md", "text")]
    assert found.one


def test_a_glob_is_several_files_though_it_matches_one(folder: Path) -> None:
    assert not find_sentence_files(str(folder / "*.md"), "--input").one
    assert find_sentence_files(str(folder / "*.txt*"), "--input").files[1].name == "e.txt.gz"


def test_a_folder_called_as_the_file_in_it_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.txt").mkdir()
    (tmp_path / "a.txt" / "a.txt").write_text("hello\n")
    assert not find_sentence_files(str(tmp_path / "a.txt"), "--input").one


def test_a_fingerprint_is_of_the_content(folder: Path) -> None:
    prints = {f.name: f.fingerprint() for f in find_sentence_files(str(folder), "--input").files}
    assert prints["a.txt"] == prints["d.en"]
    (folder / "a.txt").write_text("hullo\n")
    assert find_sentence_files(str(folder), "--input").files[0].fingerprint() != prints["a.txt"]


def test_no_file_two_of_a_name_and_a_double_star_are_refused(folder: Path) -> None:
    with pytest.raises(CorpusError, match=r"^--input must be a file, .*nowhere\.txt is no such"):
        find_sentence_files(str(folder / "nowhere.txt"), "--input")
    (folder / "sub" / "one").mkdir(parents=True)
    with pytest.raises(CorpusError, match=r"/sub/one is an empty folder$"):
        find_sentence_files(str(folder / "sub" / "one"), "--input")
    (folder / "sub" / "one" / "x.md").write_text("hello\n")
    with pytest.raises(CorpusError, match=r"but .*/sub/one only has x\.md$"):
        find_sentence_files(str(folder / "sub" / "one"), "--input")
    for name in ("one", "two"):
        (folder / "sub" / name).mkdir(exist_ok=True)
        (folder / "sub" / name / "x.txt").write_text("hello\n")
    with pytest.raises(ConfigError, match=r"names of their own, .* but two are called x\.txt$"):
        find_sentence_files(str(folder / "sub" / "*" / "*.txt"), "--input")
    with pytest.raises(ConfigError, match=r"^--input must be a glob of which"):
        find_sentence_files(str(folder / "**" / "*.txt"), "--input")
