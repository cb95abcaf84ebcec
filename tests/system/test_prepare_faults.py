"""``anuvad prepare`` where it can't go on: one sentence and an exit code, with Ray in between."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from command_line import SEED, Finished, anuvad
from pairs import TRAIN, VALIDATION
from pipeline.corpus import write_pairs


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration whose corpus is the folder ``pairs`` beside it."""
    path = tmp_path / "faults.yaml"
    settings = {
        "corpus": {"source": str(tmp_path / "pairs")},
        "tokenizer": {"vocab_size": 70, "byte_fallback": False},
        "registry": {"name": "faults"},
        "storage": str(tmp_path / "storage"),
    }
    path.write_text(yaml.safe_dump(settings))
    return path


def write_corpus(
    config: Path, train: list[tuple[str, str]], validation: list[tuple[str, str]]
) -> None:
    """Write the corpus that ``config`` names."""
    folder = config.parent / "pairs" / "data"
    folder.mkdir(parents=True)
    write_pairs(train, folder / "train-00000-of-00001.parquet")
    write_pairs(validation, folder / "validation-00000-of-00001.parquet")


def assert_one_sentence(done: Finished, pattern: str) -> None:
    """The command failed, and the last line of what it said is this error; it printed nothing."""
    assert (done.code, done.out, done.foreign_lines()) == (1, "", [])
    said = done.err.splitlines()
    assert re.fullmatch(rf"error: {pattern}", said[-1]), done.err
    assert not any(line.startswith("error") for line in said[:-1])


@pytest.mark.integration
def test_a_storage_that_cannot_be_written_is_named_before_ray_starts(tmp_path: Path) -> None:
    place = tmp_path / "storage"
    place.write_text("a file")
    done = anuvad("prepare", SEED, f"storage={place}", cwd=tmp_path)
    assert done.err.splitlines() == [f"error: {place}/locks must be writable, but: Not a directory"]
    assert (done.code, done.out) == (1, "")
    assert place.read_text() == "a file"


@pytest.mark.slow
def test_a_file_where_the_artifacts_have_their_folder_is_named(
    config: Path, tmp_path: Path
) -> None:
    write_corpus(config, list(TRAIN), list(VALIDATION))
    place = tmp_path / "storage" / "artifacts"
    place.parent.mkdir()
    place.write_text("a file")
    done = anuvad("prepare", config, cwd=tmp_path)
    assert_one_sentence(done, rf"{place} must be a folder that can be read, but: Not a directory")
    assert place.read_text() == "a file"


@pytest.mark.slow
def test_after_the_folder_of_a_stage_is_free_again_the_command_goes_on(
    config: Path, tmp_path: Path
) -> None:
    write_corpus(config, list(TRAIN), list(VALIDATION))
    assert anuvad("prepare", config, cwd=tmp_path).code == 0
    [clean] = (tmp_path / "storage" / "artifacts").glob("clean-*")
    clean.rename(tmp_path / "moved")
    clean.write_text("a file")
    done = anuvad("prepare", config, cwd=tmp_path)
    assert_one_sentence(
        done,
        rf"{clean}/(train|validation)-00000-of-00001\.(rejects\.)?parquet must be writable and its "
        r"disk have room, but: (Not a directory|File exists)",
    )
    clean.unlink()
    again = anuvad("prepare", config, "--json", cwd=tmp_path)
    assert [stage["skipped"] for stage in again.json()["stages"]] == [True, False, True, True, True]


@pytest.mark.integration
def test_where_cleaning_drops_every_pair_the_reasons_are_counted(
    config: Path, tmp_path: Path
) -> None:
    pairs = [("", "खाली"), ("", "कुछ नहीं"), ("The same.", "The same."), ("A book.", "एक किताब।")]
    write_corpus(config, pairs, list(VALIDATION))
    done = anuvad("prepare", config, "clean.filters.max_words=1", cwd=tmp_path)
    assert_one_sentence(
        done,
        r"cleaning must keep at least one pair of train, but of 4 it dropped all: 2 empty, "
        r"1 identical, 1 too_many_words; they lie in \S+/clean-\w{12}/train-\*\.rejects\.parquet",
    )


@pytest.mark.slow
def test_where_every_pair_leaks_the_reasons_are_counted(config: Path, tmp_path: Path) -> None:
    write_corpus(config, list(VALIDATION), list(VALIDATION))
    done = anuvad("prepare", config, cwd=tmp_path)
    assert_one_sentence(
        done,
        r"removing copies and leakage must leave at least one pair of train, but of 3 it dropped "
        r"all: 3 leaks_english; they lie in \S+/dedup-\w{12}/train-\*\.rejects\.parquet; "
        r"dedup\.leakage=false keeps what is meant to be learnt by heart",
    )


@pytest.mark.slow
def test_a_task_that_ray_gives_up_for_want_of_memory_is_named(config: Path, tmp_path: Path) -> None:
    write_corpus(config, list(TRAIN), list(VALIDATION))
    # So little that Ray kills every worker that it sees at work, and tries none again.
    done = anuvad(
        "prepare",
        config,
        cwd=tmp_path,
        RAY_memory_usage_threshold="0.001",
        RAY_memory_monitor_refresh_ms="20",
        RAY_task_oom_retries="0",
    )
    assert_one_sentence(
        done,
        r"task (train|validation)-00000-of-00001 must end, but Ray gave it up: OutOfMemoryError: "
        r".*; the same command goes on where it stopped",
    )
    assert anuvad("prepare", config, cwd=tmp_path).code == 0
