"""The lines that a job prints where there is no terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.console import JobConsole, counts_line
from pipeline.artifacts import Artifact, ArtifactSpec
from pipeline.stages import StageResult
from pipeline.storage import Storage


@pytest.fixture
def console() -> JobConsole:
    return JobConsole()


def result(folder: Path, skipped: bool) -> StageResult:
    artifact = Artifact(
        Storage(str(folder)), ArtifactSpec("clean", {}, "", {}), (), {"train_kept": 30000}
    )
    return StageResult("clean", artifact, skipped, 1.25)


@pytest.mark.parametrize(
    ("counts", "line"),
    [
        (
            {"train_rows": 30000, "validation_rows": 500},
            "train: 30,000 rows · validation: 500 rows",
        ),
        ({"train_visited": 6, "train_kept": 6}, "train: 6 kept, 6 visited"),
        ({"sentences": 6}, "6 sentences"),
        (
            {"joint_sentences": 60000, "joint_pieces": 8000},
            "joint: 8,000 pieces, 60,000 sentences",
        ),
        (
            {"updates": 120, "target_tokens": 9360, "best_update": 100},
            "the best at update 100, 9,360 target tokens, 120 updates",
        ),
        (
            {"train_kept": 5, "train_dropped_empty": 1, "train_dropped_too_long": 0},
            "train: 1 dropped empty, 5 kept",
        ),
        ({"train_kept": 5, "train_normalized_nfc": 7}, "train: 5 kept"),
        ({}, ""),
    ],
)
def test_counts_read_as_one_line(counts: dict[str, int], line: str) -> None:
    assert counts_line(counts) == line


def test_counts_read_the_same_from_a_manifest_whatever_their_order() -> None:
    assert counts_line({"b_rows": 1, "a_rows": 2}) == counts_line({"a_rows": 2, "b_rows": 1})


def test_a_stage_is_told_on_standard_error_only(
    console: JobConsole, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    console.stage_started("clean", "never run")
    console.stage_advanced("clean", 0, 2)
    console.stage_advanced("clean", 1, 2)
    console.stage_advanced("clean", 2, 2)
    console.stage_ended(result(tmp_path, skipped=False))
    console.stage_ended(result(tmp_path, skipped=True))
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == [
        "clean      runs: never run",
        "clean      done in 1.2 s: train: 30,000 kept",
        "clean      done already: train: 30,000 kept",
    ]


def test_a_resumed_stage_says_at_once_how_much_was_done(
    console: JobConsole, capsys: pytest.CaptureFixture[str]
) -> None:
    console.stage_advanced("clean", 7, 9)
    assert capsys.readouterr().err == "clean      7 of 9 tasks\n"


def test_what_takes_long_is_announced_once(
    console: JobConsole, capsys: pytest.CaptureFixture[str]
) -> None:
    console.doing("ray", "starting here")
    console.doing("ray", "starting here")
    assert capsys.readouterr().err == "ray        starting here\n"


def test_square_brackets_are_shown_as_they_are(
    console: JobConsole, capsys: pytest.CaptureFixture[str]
) -> None:
    console.say("gate", "tests [bold]hard[/bold] [test]")
    console.warn("[red]")
    assert capsys.readouterr().err == (
        "gate       tests [bold]hard[/bold] [test]\nwarning    [red]\n"
    )


def test_training_is_told_line_by_line(
    console: JobConsole, capsys: pytest.CaptureFixture[str]
) -> None:
    console.training_event({"kind": "resumed", "update": 1200}, 2000)
    figures = {
        "update": 1250,
        "epoch": 2,
        "loss": 2.5,
        "learning_rate": 0.001,
        "tokens_per_second": 4321.0,
        "padding": 0.05,
    }
    console.training_event({"kind": "train", **figures}, 2000)
    console.training_event({"kind": "train", **figures, "update": 1251}, 2000)
    assert capsys.readouterr().err.splitlines() == [
        "train      goes on after update 1,200",
        "train      update 1,250  epoch 3  loss 2.500  rate 1.0e-03  4,321 target tokens/s  "
        "padding 5%",
    ]


def test_a_long_line_is_not_wrapped(
    console: JobConsole, capsys: pytest.CaptureFixture[str]
) -> None:
    console.say("gate", "नमस्ते " * 60)
    assert capsys.readouterr().err.count("\n") == 1


def test_a_warning_of_the_workers_is_shown_once(
    console: JobConsole, capsys: pytest.CaptureFixture[str]
) -> None:
    for text in ("update-00000500 is damaged", "update-00000500 is damaged", "row 7 was skipped"):
        console.training_event({"kind": "warning", "text": text}, 2000)
    assert capsys.readouterr().err.splitlines() == [
        "warning    update-00000500 is damaged",
        "warning    row 7 was skipped",
    ]
