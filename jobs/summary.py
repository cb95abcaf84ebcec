"""The end of a retraining in one look: a table for standard output."""

from __future__ import annotations

import sys

from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from jobs.build_report import samples_of
from jobs.console import counts_line
from jobs.evaluate import Evaluation
from jobs.registry import CHALLENGER, CHAMPION
from jobs.report import Sample
from jobs.retrain import Retrained

_SHOWN = 5
_SCORES = {"bleu_intl": "BLEU (intl)", "bleu_13a": "BLEU (13a)", "chrf2": "chrF2"}


def print_summary(result: Retrained, mlflow_command: str) -> None:
    """Stages, scores, verdict, five translations, and where to go from here."""
    out = Console(file=sys.stdout, highlight=False)
    if not out.is_terminal:
        # A pipe has no width; wrapping a table at 80 columns would cut signatures to pieces.
        out = Console(file=sys.stdout, highlight=False, width=140)
    parts = [
        _stages(result),
        _scores(result.evaluation),
        _translations(result.evaluation),
        _verdict(result, mlflow_command),
    ]
    new = "" if result.was_new else "  (nothing new: all of it stood already)"
    name = result.trained.version.name
    out.print(Panel(Group(*parts), title=f"{name}: run {result.trained.run_id}{new}"))


def _stages(result: Retrained) -> Table:
    table = Table(box=None, pad_edge=False, title_justify="left", expand=False)
    table.add_column("stage", style="bold")
    table.add_column("time", justify="right")
    table.add_column("counts", overflow="fold")
    for name, stage in result.trained.stages.items():
        time = "stood" if stage.skipped else f"{stage.seconds:.1f} s"
        table.add_row(name, time, counts_line(stage.artifact.counts))
    for test in result.evaluation.tests.values():
        time = "stood" if test.skipped else "done"
        table.add_row(f"evaluate {test.test}", time, counts_line(test.artifact.counts))
    return table


def _scores(evaluation: Evaluation) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("\ntest", style="bold")
    table.add_column("\nscore")
    table.add_column("\n", justify="right")
    table.add_column("\n95% interval", justify="right")
    table.add_column("\nsacreBLEU signature", overflow="fold", style="dim")
    for name, test in evaluation.tests.items():
        for key, label in _SCORES.items():
            score = test.scores[key]
            interval = f"{score.low:.1f} to {score.high:.1f}"
            table.add_row(name, label, f"{score.score:.1f}", interval, score.signature)
    return table


def _translations(evaluation: Evaluation) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("\nunseen sentence", "\ntranslation", "\nreference"):
        table.add_column(column, overflow="fold")
    for sample in _pick(evaluation):
        same = sample.hypothesis == sample.reference
        style = "green" if same else "yellow"
        table.add_row(sample.source, Text(sample.hypothesis, style=style), sample.reference)
    return table


def _pick(evaluation: Evaluation) -> list[Sample]:
    """Five sentences spread evenly over the first test set, so that they are not hand-picked."""
    samples = samples_of(next(iter(evaluation.tests.values())))
    step = max(1, len(samples) // _SHOWN)
    return samples[::step][:_SHOWN]


def _verdict(result: Retrained, mlflow_command: str) -> Table:
    version, verdict = result.trained.version, result.promotion.verdict
    champion = result.promotion.champion
    is_champion = champion is not None and champion.number == version.number
    alias = CHAMPION if is_champion else CHALLENGER
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    table.add_row("", "")
    table.add_row("version", f"{version.number} of {version.name}, alias {alias}")
    if not is_champion and champion is not None:
        table.add_row("champion", f"version {champion.number}")
    gate = "promoted" if verdict.promoted else "not promoted"
    table.add_row("gate", f"{gate}: {verdict.why}")
    table.add_row("report", str(result.report))
    table.add_row("MLflow page", mlflow_command)
    table.add_row("translate", f"anuvad translate --model models:/{version.name}@{alias} …")
    return table
