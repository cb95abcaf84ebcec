"""The command line in processes of its own: help, exit codes, errors of one sentence."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from command_line import ANUVAD, REPOSITORY, SEED, anuvad, environment, run
from jobs.cli import _print_table, _user_errors, program, retrain
from jobs.context import JobContext
from jobs.lock import hold
from jobs.triggers import Due
from pipeline.errors import BusyError, ConfigError
from pipeline.storage import Storage

# Each starts the command in a process of its own.
pytestmark = pytest.mark.integration

COMMANDS = (
    "prepare",
    "train",
    "evaluate",
    "compare",
    "promote",
    "rollback",
    "retrain",
    "schedule",
    "submit",
    "plan",
    "status",
    "sync",
    "doctor",
    "translate",
    "explain",
)
HEAVY = ("torch", "ray", "mlflow")


def imported(importtime: str) -> set[str]:
    """The top-level packages in what ``python -X importtime`` prints."""
    lines = [line for line in importtime.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_imports_nothing_heavy(command: str, tmp_path: Path) -> None:
    arguments = [command, "--help"] if command else ["--help"]
    done = run([sys.executable, "-X", "importtime", str(ANUVAD), *arguments], tmp_path)
    assert done.code == 0
    assert f"Usage: anuvad {command}".rstrip() in done.out
    assert "typer" in imported(done.err)
    assert not imported(done.err) & {*HEAVY, "numpy", "pandas", "pyarrow", "omegaconf", "rich"}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_job_is_a_module_whose_help_imports_nothing_heavy(
    command: str, tmp_path: Path
) -> None:
    done = run(
        [sys.executable, "-X", "importtime", "-m", f"jobs.{command}", "--help"],
        tmp_path,
        env=environment(PYTHONPATH=str(REPOSITORY)),
    )
    assert done.code == 0
    assert done.out == anuvad(command, "--help", cwd=tmp_path).out
    assert not imported(done.err) & set(HEAVY)


def test_help_lists_every_command_with_a_whole_sentence(tmp_path: Path) -> None:
    page = anuvad("-h", cwd=tmp_path).out
    listed = page.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in listed] == list(COMMANDS)
    assert all(line.endswith(".") and not line.endswith("...") for line in listed)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nosuch"],
        ["plan"],
        ["plan", str(SEED), "--nosuch"],
        ["translate", "--beam-size", "0", "hello"],
    ],
)
def test_wrong_usage_ends_with_2_and_the_usage(arguments: list[str], tmp_path: Path) -> None:
    done = anuvad(*arguments, cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("Usage: anuvad")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["plan", "nosuch.yaml"], "error: CONFIG must be a file, but nosuch.yaml is none"),
        (["plan", str(SEED), "train.sead=1"], "did you mean train.seed?"),
        (["plan", str(SEED), "train.seed"], "an override must look like train.seed=2"),
        (["retrain", str(SEED), "train.seed=x"], "train.seed is wrong"),
        (["plan", str(SEED), "storage=nosuch://x"], "error: storage must be a path or a URI"),
        (["translate", "--model", "seed", "hello"], "error: --model must be models:/NAME@ALIAS"),
        (["translate", "--input", "a.txt", "hello"], "from --input, not from both"),
        (["translate", "--ray", "hello"], "error: --column, --task-sentences and --ray need"),
        (["translate", "--input", str(SEED.parent)], "is translated as a file: give --output"),
        (
            ["translate", "--input", str(SEED), "--output", str(SEED)],
            "--output must not be --input",
        ),
        (["translate", "--input", str(SEED), "--column", "en", "--output", "o"], "is text: leave"),
        (["translate", "--config", "nosuch.yaml", "hello"], "error: CONFIG must be a file"),
    ],
)
def test_a_wrong_configuration_ends_with_2_and_one_sentence(
    arguments: list[str], sentence: str, tmp_path: Path
) -> None:
    done = anuvad(*arguments, cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert sentence in done.err
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["translate", "hello"],
        ["translate", "--config", str(SEED), "hello"],
        ["evaluate", str(SEED)],
        ["promote", str(SEED)],
        ["rollback", str(SEED)],
    ],
    ids=" ".join,
)
def test_without_a_registry_the_error_says_what_makes_one(
    arguments: list[str], tmp_path: Path
) -> None:
    done = anuvad(*arguments, cwd=tmp_path)
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        f"error: there must be a model registry at sqlite:///{tmp_path}/anuvad-data/mlflow.db, "
        "but there is none yet; `anuvad retrain CONFIG` makes one, and storage=PATH (for "
        "translate, --storage PATH) names another place\n"
    )
    assert not list(tmp_path.iterdir())


def test_input_that_is_missing_or_no_text_is_named(tmp_path: Path) -> None:
    missing = anuvad("translate", "--input", "a.txt", cwd=tmp_path)
    assert (missing.code, missing.out) == (1, "")
    assert missing.err == (
        "error: --input must be a readable file, but a.txt: No such file or directory\n"
    )
    stdin = anuvad("translate", cwd=tmp_path, stdin=b"hello\n\xffmore\n")
    assert (stdin.code, stdin.out) == (1, "")
    assert stdin.err == "error: standard input must be UTF-8, but byte 6 is 0xff\n"
    argument = subprocess.run(
        [os.fsencode(ANUVAD), b"translate", b"hello", b"thank\xff"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        check=False,
    )
    assert argument.returncode == 1
    assert argument.stderr == b"error: sentence 2 must be UTF-8, but byte 5 is 0xff\n"


@pytest.mark.parametrize(
    "arguments",
    [["--debug", "plan", "nosuch.yaml"], ["plan", "nosuch.yaml", "--debug"]],
    ids=["before the command", "after it"],
)
def test_debug_shows_the_traceback_too(arguments: list[str], tmp_path: Path) -> None:
    done = anuvad(*arguments, cwd=tmp_path)
    assert done.code == 2
    assert done.err.startswith("Traceback (most recent call last):")
    assert done.err.splitlines()[-1] == ("error: CONFIG must be a file, but nosuch.yaml is none")


def test_a_plan_of_a_fresh_storage_runs_every_stage_and_touches_nothing(tmp_path: Path) -> None:
    storage = tmp_path / "fresh"
    done = anuvad("plan", SEED, f"storage={storage}", "--json", cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert done.json() == {
        "stages": [
            {"name": name, "state": "run", "why": "never run"}
            for name in (
                *("corpus", "clean", "dedup", "tokenizer", "tensorize", "train"),
                *("register", "evaluate test", "gate"),
            )
        ]
    }
    table = anuvad("plan", SEED, f"storage={storage}", cwd=tmp_path)
    assert [line.split() for line in table.out.splitlines()][:2] == [
        ["stage", "state", "why"],
        ["corpus", "run", "never", "run"],
    ]
    assert not list(tmp_path.iterdir())


def test_a_plan_in_a_pipe_that_closed_ends_without_a_traceback(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [ANUVAD, "plan", SEED, "--json"],
            cwd=tmp_path,
            env=environment(),
            stdout=writer,
            stderr=subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


def test_text_is_utf8_also_where_the_locale_is_not(tmp_path: Path) -> None:
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    config = SEED.read_text(encoding="utf-8") + "\nनमस्ते: 1\n"
    (tmp_path / "hindi.yaml").write_text(config, encoding="utf-8")
    done = anuvad("plan", "hindi.yaml", cwd=tmp_path, **ascii_only)
    assert done.code == 2
    assert "hindi.yaml: there is no key नमस्ते" in done.err


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ConfigError("a must be b"), 2, "error: a must be b\n"),
        (BusyError("seed is being worked on"), 1, "error: seed is being worked on\n"),
        (
            ValueError("one\ntwo"),
            1,
            "error: ValueError: one two (--debug shows where)\n",
        ),
        (
            KeyboardInterrupt(),
            130,
            "interrupted; the same command goes on where it stopped\n",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_whatever_goes_wrong_is_one_line_and_an_exit_code(
    error: BaseException,
    code: int,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("ANUVAD_DEBUG", raising=False)
    with pytest.raises(typer.Exit) as ended, _user_errors():
        raise error
    assert ended.value.exit_code == code
    assert capsys.readouterr() == ("", line)


def test_only_a_retraining_of_the_same_model_leaves_nothing_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("ANUVAD_DEBUG", raising=False)
    with hold(Storage(str(tmp_path)), "retrain-seed"):
        retrain(str(SEED), [f"storage={tmp_path}"])
        said = capsys.readouterr()
        assert re.fullmatch(
            rf"nothing to do: retrain-seed in {tmp_path} is being worked on by process "
            rf"{os.getpid()} on \S+ since \S+\n",
            said.out,
        )
        retrain(str(SEED), [f"storage={tmp_path}"], as_json=True)
        assert json.loads(capsys.readouterr().out)["why"].startswith("retrain-seed in ")

    def busy(job: JobContext, force: bool) -> Due:
        raise BusyError("promote-seed is held by process 7")

    monkeypatch.setattr("jobs.retrain.find_due", busy)
    with pytest.raises(typer.Exit) as ended:
        retrain(str(SEED), [f"storage={tmp_path}"])
    assert ended.value.exit_code == 1
    assert capsys.readouterr() == ("", "error: promote-seed is held by process 7\n")


def test_an_installed_program_is_named_as_it_can_be_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(ANUVAD.parent))
    assert program("anuvad") == "anuvad"
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    monkeypatch.chdir(tmp_path)
    assert program("anuvad") == ".venv/bin/anuvad"
    monkeypatch.chdir("/")
    assert program("anuvad") == str(tmp_path / ".venv/bin/anuvad").removeprefix("/")


def test_status_of_a_fresh_storage_is_one_json_document(tmp_path: Path) -> None:
    done = anuvad("status", SEED, "--json", cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    found = json.loads(done.out)
    assert (found["champion"], found["challenger"]) == (None, None)
    assert (found["versions"], found["runs"]) == ([], [])


def test_a_table_shows_brackets_and_backslashes_as_they_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _print_table(("[a]", "word"), [("1", "[red]कर[/red]"), ("2", r"\[b]\\")])
    assert capsys.readouterr().out.split() == ["[a]", "word", "1", "[red]कर[/red]", "2", r"\[b]\\"]
