"""Sentences in, translations out: files, bytes that are no text, and a model folder."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from command_line import REPOSITORY, environment, run
from jobs.translate import (
    is_for_files,
    lines_of,
    load_translator,
    long_lines,
    n_best_lines,
    read_lines,
    require_writable,
    search_settings,
    search_with,
    translated,
    write_lines,
)
from model.config import DecodeConfig
from model.translator import Candidate, Translation
from nonsense_model import write_nonsense_model
from pipeline.errors import AnuvadError, ArtifactError, ConfigError


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", []),
        (b"hello", ["hello"]),
        (b"hello\n", ["hello"]),
        (b"hello\n\nthank you\n", ["hello", "", "thank you"]),
        (b"hello\r\nthank you\r\n", ["hello", "thank you"]),
        (b"\xef\xbb\xbfhello\n", ["hello"]),
        ("a\u2028b\u0085c\x0bd\n".encode(), ["a\u2028b\u0085c\x0bd"]),
        ("नमस्ते\n".encode(), ["नमस्ते"]),
    ],
    ids=["nothing", "unended", "ended", "empty line", "windows", "bom", "separators", "hindi"],
)
def test_only_a_newline_ends_a_line(data: bytes, lines: list[str]) -> None:
    assert list(lines_of(io.BytesIO(data), "standard input")) == lines


def test_bytes_that_are_no_utf8_are_named() -> None:
    for data, byte in ((b"hello\n\xff", 6), (b"\xef\xbb\xbfhi\xff", 5)):
        seen = rf"^standard input must be UTF-8, but byte {byte} is 0xff$"
        with pytest.raises(AnuvadError, match=seen):
            list(lines_of(io.BytesIO(data), "standard input"))


def test_an_input_file_that_is_missing_is_named(tmp_path: Path) -> None:
    path = tmp_path / "missing.txt"
    with pytest.raises(AnuvadError, match=f"--input .* {path}: No such file or directory"):
        list(read_lines(path))


def test_an_output_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    path.write_text("older and longer than what comes\n")
    write_lines(path, ["नमस्ते", "", "धन्यवाद"])
    assert path.read_bytes() == "नमस्ते\n\nधन्यवाद\n".encode()
    assert list(tmp_path.iterdir()) == [path]


def test_an_output_file_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    path = tmp_path / "no-folder" / "out.txt"
    with pytest.raises(AnuvadError, match=f"--output must be writable, but {path}: No such"):
        write_lines(path, [])


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained model folder; what it says is nonsense, but it says it."""
    return write_nonsense_model(tmp_path_factory.mktemp("model"))


def test_lines_in_pieces_are_told_by_number(model_folder: Path) -> None:
    translator = load_translator([str(model_folder)], None)
    found = translator.translate(["", "hello", "thank you " * 12, "hello"])
    assert len(found) == 4
    assert found[0].text == ""
    assert found[1] == found[3]
    pieces = found[2].pieces
    assert pieces > 1
    assert long_lines(found, 12) == [
        f"line 3 is longer than the model's 12 tokens and was translated in {pieces} pieces"
    ]


def test_lines_go_out_in_order_batch_by_batch_with_the_numbers_of_all(model_folder: Path) -> None:
    search = search_with([str(model_folder)], None, None, ["beam_size=1"])
    long = "thank you " * 12
    lines = ["hello", "", "my name", long, "hello"]
    warnings: list[str] = []
    whole = list(translated(search, [lines], False, warnings.append))
    cut = list(translated(search, [lines[:3], lines[3:]], False, warnings.append))
    assert cut == whole
    assert (whole[1], whole[4]) == ("", whole[0])
    assert len({whole[0], whole[2], whole[3]}) == 3
    assert [w.partition(" is longer")[0] for w in warnings] == ["line 4", "line 4"]
    tables = list(translated(search, [["hello"], ["my name"]], True, warnings.append))
    assert [row.split("\t")[0] for row in tables] == ["1", "2"]


def test_a_sample_is_drawn_by_the_number_of_its_line_and_not_by_its_batch(
    model_folder: Path,
) -> None:
    settings = ["method=sample", "seed=5", "temperature=2"]
    search = search_with([str(model_folder)], None, None, settings)
    whole = list(translated(search, [["hello"] * 6], False, print))
    cut = list(translated(search, [["hello"] * 4, ["hello"] * 2], False, print))
    assert cut == whole
    assert len(set(whole)) > 1


def test_what_is_more_than_a_few_lines_of_text_is_for_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.translate.IN_PROCESS_BYTES", 10)
    (tmp_path / "little.txt").write_text("hello\n")
    (tmp_path / "large.txt").write_text("hello\n" * 2)
    (tmp_path / "some[1].txt").write_text("hello\n")
    for name, output, expected in (
        ("little.txt", "out.txt", False),
        ("large.txt", "out.txt", True),
        # What goes to standard output goes there line by line.
        ("large.txt", None, False),
        ("some[1].txt", "out.txt", False),
        ("*.txt", "out", True),
        ("", "out", True),
        ("web.tsv", "out.tsv", True),
        ("web.tsv.gz", "out.tsv", True),
        ("web.txt.gz", None, True),
        ("web.parquet", "out.parquet", True),
        ("missing.txt", "out.txt", False),
    ):
        assert is_for_files(str(tmp_path / name), output) is expected, (name, output)
    assert is_for_files("s3://bucket/web.txt", "s3://bucket/out.txt")


def test_the_n_best_of_every_line_are_lines_of_a_table(model_folder: Path) -> None:
    found = [
        Translation("नमस्ते", -0.5, 1, (Candidate("नमस्ते", -0.5), Candidate("धन्यवाद\tजी", -1.25))),
        Translation("", 0.0),
    ]
    assert n_best_lines(found) == ["1\t-0.5000\tनमस्ते", "1\t-1.2500\tधन्यवाद जी", "2\t0.0000\t"]


def test_settings_of_the_search_are_the_models_but_for_what_is_given() -> None:
    own = DecodeConfig(beam_size=2, n_best=2, length_penalty=0.4)
    assert search_settings(own, []) == DecodeConfig(beam_size=2, length_penalty=0.4)
    changed = search_settings(own, ["length_penalty=0.6", "method=sample"], beam_size=None)
    assert changed == DecodeConfig(beam_size=2, length_penalty=0.6, method="sample")
    # So many can be asked for without a word on the beam.
    assert search_settings(own, [], n_best=7).beam_size == 7
    assert search_settings(own, ["n_best=7"]).beam_size == 7


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            ["beams=2"],
            "--decode must be KEY=VALUE with one of the keys beam_size, .*, not 'beams=2'",
        ),
        (["beam_size"], "--decode must be KEY=VALUE with one of the keys .*, not 'beam_size'"),
        (["beam_size=0"], "beam_size = '0': Input should be greater than or equal to 1"),
        (["n_best=x"], "n_best = 'x': "),
        (["n_best=3", "beam_size=2"], "n_best must be at most beam_size, not 3 and 2"),
    ],
)
def test_settings_that_do_not_hold_are_refused(changes: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as refusal:
        search_settings(DecodeConfig(), changes)
    assert "\n" not in str(refusal.value)


@pytest.mark.integration
def test_a_model_folder_is_loaded_without_mlflow_and_ray(
    model_folder: Path, tmp_path: Path
) -> None:
    code = (
        "import sys; from jobs.cli import run\n"
        f"sys.argv = ['anuvad', '--model', {str(model_folder)!r}, 'hello']\n"
        "try:\n    run('translate')\nexcept SystemExit as ended: assert not ended.code\n"
        "print(sorted({'mlflow', 'ray'} & set(sys.modules)))"
    )
    env = environment(PYTHONPATH=str(REPOSITORY))
    done = run([sys.executable, "-c", code], tmp_path, env=env)
    assert (done.out.splitlines()[-1], done.err) == ("[]", "")
    assert not list(tmp_path.iterdir())


@pytest.mark.integration
def test_options_of_the_search_reach_it(model_folder: Path, tmp_path: Path) -> None:
    terms = tmp_path / "terms.tsv"
    terms.write_text("hello\tनमस्ते\nname\tQ\n", encoding="utf-8")
    options = ["--model", str(model_folder), "--model", str(model_folder), "--glossary", str(terms)]
    options += ["--n-best", "3", "--decode", "precision=int8", "hello", "my name"]
    env = environment(PYTHONPATH=str(REPOSITORY))
    done = run([sys.executable, "-m", "jobs.translate", *options], tmp_path, env=env)
    assert done.code == 0
    assert done.err == (
        "warning: line 2: the glossary's term could not be forced: 'name' → 'Q', which the "
        "vocabulary can't spell\n"
    )
    rows = [line.split("\t") for line in done.out.splitlines()]
    assert [number for number, *_ in rows] == ["1"] * 3 + ["2"] * 3
    assert all("नमस्ते" in text for number, _, text in rows if number == "1")
    scores = [float(score) for number, score, _ in rows if number == "1"]
    assert scores == sorted(scores, reverse=True)


def test_a_model_folder_that_was_tampered_with_is_not_loaded(
    model_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "tampered"
    folder.mkdir()
    for file in model_folder.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    data = bytearray((folder / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "model.safetensors").write_bytes(data)
    with pytest.raises(ArtifactError, match=r"model\.safetensors must have sha256"):
        load_translator([str(folder)], None)


def test_output_follows_a_link_and_leaves_it_one(tmp_path: Path) -> None:
    target, link = tmp_path / "out.txt", tmp_path / "link.txt"
    target.write_text("old\n")
    link.symlink_to(target)
    write_lines(link, ["नमस्ते"])
    assert link.is_symlink()
    assert target.read_text(encoding="utf-8") == "नमस्ते\n"


def test_output_to_a_pipe_leaves_it_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_lines(pipe, ["धन्यवाद"])
    assert os.read(reader, 100).decode() == "धन्यवाद\n"
    assert pipe.is_fifo()
    assert [p.name for p in tmp_path.iterdir()] == ["pipe"]
    os.close(reader)


def test_an_output_that_cannot_be_written_is_refused_before_translating(tmp_path: Path) -> None:
    with pytest.raises(AnuvadError, match=r"^--output must be a file, but .* is a folder$"):
        require_writable(tmp_path)
    with pytest.raises(AnuvadError, match=r"is in no folder that exists$"):
        require_writable(tmp_path / "nowhere" / "out.txt")


def test_an_input_is_not_written_over_whatever_it_is_called(tmp_path: Path) -> None:
    source = tmp_path / "in.txt"
    source.write_text("hello\n")
    (tmp_path / "link.txt").symlink_to(source)
    require_writable(tmp_path / "out.txt", source)
    for name in ("in.txt", "../" + tmp_path.name + "/in.txt", "link.txt"):
        with pytest.raises(ConfigError, match=r"^--output must not be --input, but .* is both$"):
            require_writable(tmp_path / name, source)
