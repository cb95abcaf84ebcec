"""Bad input as who types the command sees it: one sentence, exit code 1 or 2, and when it comes."""

from __future__ import annotations

from pathlib import Path

import pytest

from command_line import Finished, anuvad

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

PAIRS = [(f"The river has {n} houses.", f"नदी पर {n} घर हैं।") for n in range(1, 31)]


def write(path: Path, swapped: bool = False) -> None:
    pairs = [(hindi, english) if swapped else (english, hindi) for english, hindi in PAIRS]
    path.write_text("en\thi\n" + "".join("\t".join(pair) + "\n" for pair in pairs), "utf-8")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with a configuration and, in ``web``, a corpus that is whole."""
    (tmp_path / "web").mkdir()
    (tmp_path / "mine.yaml").write_text("corpus: {source: web}\nregistry: {name: mine}\n")
    for split in ("train", "validation"):
        write(tmp_path / "web" / f"{split}.tsv")
    return tmp_path


def prepare(home: Path, *overrides: str, command: str = "prepare") -> Finished:
    return anuvad(command, "mine.yaml", *overrides, cwd=home)


@pytest.mark.parametrize(
    ("command", "override", "code", "sentence"),
    [
        (
            "plan",
            "corpus.source=wbe",
            2,
            "error: corpus.source must be ",
        ),
        ("prepare", "corpus.source=web/trian.tsv", 2, "error: corpus.source must be "),
        ("prepare", "corpus.source=web/*.csv", 1, "error: web/*.csv must have files that end in "),
        ("plan", "corpus.english=hi", 2, "error: mine.yaml: english and hindi of a source "),
    ],
)
def test_a_source_that_is_not_there_is_refused_before_ray_starts(
    home: Path, command: str, override: str, code: int, sentence: str
) -> None:
    done = prepare(home, override, command=command)
    assert (done.code, done.out) == (code, "")
    assert done.err.startswith(sentence)
    assert done.err.count("\n") == 1
    assert not (home / "anuvad-data").exists()


def test_bytes_that_are_no_text_end_prepare_with_file_line_and_place(home: Path) -> None:
    file = home / "web" / "validation.tsv"
    file.write_bytes(b"en\thi\nThe ri\xffver\tx\n")
    done = prepare(home)
    assert (done.code, done.out, done.foreign_lines()) == (1, "", [])
    assert done.err.splitlines()[-1] == (
        f"error: a text file must be UTF-8, but {file} has the byte 0xff at byte 12, in "
        f"line 2; convert it, or take the line out"
    )


def test_what_a_ray_task_refuses_is_one_sentence_too(home: Path) -> None:
    write(home / "web" / "train.tsv", swapped=True)
    done = prepare(home)
    assert (done.code, done.out, done.foreign_lines()) == (1, "", [])
    error = done.err.splitlines()[-1]
    assert error.startswith(
        "error: the columns en and hi of data/files/train-00000-of-00001.parquet must be English "
        "and Hindi, but in 30 of the 30 rows from 0 on they are swapped: row 0 has en "
        "'नदी पर 1 घर हैं।' and hi 'The river has 1 houses.'; row 1 has "
    )


def test_a_storage_that_can_not_be_written_is_named(home: Path) -> None:
    (home / "taken").write_text("a file")
    done = prepare(home, "storage=taken/here")
    assert (done.code, done.out) == (1, "")
    error = done.err.splitlines()[-1]
    assert error.startswith(f"error: {home}/taken/here/")
    assert "must be writable" in error
    assert error.endswith("Not a directory")
