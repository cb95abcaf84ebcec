"""What a hub publishes, the parts it is fetched in, and the whole compared with its hash."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from local_hub import DATASET, REVISION, LocalHub
from pipeline.corpus import SourceFile, split_of
from pipeline.download import assemble, fetch_part, hub_files, parts_of
from pipeline.errors import CorpusError

TRAIN = "data/train-00000-of-00001.parquet"
CONTENT = bytes(range(256)) * 20


def test_hub_files_are_listed_with_their_published_sizes_and_hashes(hub: LocalHub) -> None:
    hub.files |= {"README.md": b"#", "data/notes.txt": b"-"}
    assert hub_files(DATASET, REVISION) == [
        SourceFile(TRAIN, TRAIN, len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    ]


def test_parts_cover_a_file_without_gap_or_overlap() -> None:
    parts = parts_of(SourceFile(TRAIN, TRAIN, 2500, None), 1000)
    assert [(p.start, p.stop) for p in parts] == [(0, 1000), (1000, 2000), (2000, 2500)]
    assert parts[0].name == "data--train-00000-of-00001.parquet.0-1000"
    assert parts_of(SourceFile(TRAIN, TRAIN, 0, None), 1000) == []


def test_parts_with_one_name_are_the_same_bytes() -> None:
    file = SourceFile(TRAIN, TRAIN, 2500, None)
    parts = [part for size in (700, 1000, 2000) for part in parts_of(file, size)]
    assert len({part.name for part in parts}) == len(set(parts))


def test_a_part_is_fetched_from_where_the_hub_has_its_file(hub: LocalHub, tmp_path: Path) -> None:
    [file] = hub_files(DATASET, REVISION)
    fetch_part(DATASET, REVISION, parts_of(file, 1000)[1], tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == CONTENT[1000:2000]


def test_files_of_one_name_in_two_folders_have_parts_of_two_names() -> None:
    files = [SourceFile(name, name, 1, None) for name in ("data/hi/train", "data/ta/train")]
    assert len({parts_of(file, 1)[0].name for file in files}) == 2


def test_a_dataset_without_parquet_files_is_refused(hub: LocalHub) -> None:
    hub.files = {"data/train.csv": b"en,hi"}
    with pytest.raises(CorpusError, match=r"must hold data/\*\.parquet, but holds none"):
        hub_files(DATASET, REVISION)


def test_a_published_file_may_have_a_hash_in_its_name(hub: LocalHub) -> None:
    hub.files = {"data/train-00000-of-00001-1a2b3c.parquet": b"PAR1"}
    assert [split_of(file.name) for file in hub_files(DATASET, REVISION)] == ["train"]


def test_a_published_file_whose_name_has_no_split_is_refused_before_any_byte_is_fetched(
    hub: LocalHub,
) -> None:
    hub.files["data/extra.parquet"] = b"PAR1"
    with pytest.raises(CorpusError, match=r"must be named <split>-NNNNN-of-NNNNN\.parquet"):
        hub_files(DATASET, REVISION)
    assert hub.ranges == []


def test_assembled_parts_are_the_file(tmp_path: Path) -> None:
    pieces = [tmp_path / "0", tmp_path / "1"]
    for piece, content in zip(pieces, (b"ab", b"c"), strict=True):
        piece.write_bytes(content)
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assemble(pieces, SourceFile(TRAIN, TRAIN, 3, abc), tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"abc"


def test_a_missing_byte_is_refused_naming_both_sizes(tmp_path: Path) -> None:
    (tmp_path / "0").write_bytes(b"ab")
    with pytest.raises(CorpusError, match=f"{TRAIN} must have 3 bytes, but 2 came"):
        assemble([tmp_path / "0"], SourceFile(TRAIN, TRAIN, 3, None), tmp_path / "out")


def test_a_flipped_byte_is_refused_naming_both_hashes(tmp_path: Path) -> None:
    (tmp_path / "0").write_bytes(b"abd")
    published, seen = (hashlib.sha256(content).hexdigest() for content in (b"abc", b"abd"))
    with pytest.raises(CorpusError, match=f"must have sha256 {published}, but {seen} came"):
        assemble([tmp_path / "0"], SourceFile(TRAIN, TRAIN, 3, published), tmp_path / "out")
