"""The end of a retraining in one look, on standard output."""

from __future__ import annotations

import sys

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from jobs.build_report import samples_of
from jobs.console import counts_line
from jobs.evaluate import Evaluation
from jobs.registry import CHALLENGER, CHAMPION
from jobs.report import Sample
from jobs.retrain import Retrained
from jobs.terminal import harmless

_SHOWN = 5
_SCORES = {"bleu_intl": "BLEU (intl)", "bleu_13a": "BLEU (13a)", "chrf2": "chrF2"}
# A pipe or a file has no width; folding at 80 columns would cut signatures to pieces.
_WIDTH_ELSEWHERE = 160


def print_summary(result: Retrained, translate: str, mlflow_page: str) -> None:
    """Stages, scores, five translations, the verdict, and where to go from here.

    Args:
        result: what the retraining came to.
        translate: the command that translates with models of this registry.
        mlflow_page: the command that opens the MLflow page, or its address.
    """
    out = Console(file=sys.stdout, highlight=False)
    if not out.is_terminal:
        out = Console(file=sys.stdout, highlight=False, width=_WIDTH_ELSEWHERE)
    new = "" if result.was_new else "  nothing new: all of it stood already"
    out.print()
    out.rule(Text(f"{result.trained.run_id}{new}"), align="left", style="dim")
    for part in (
        _stages(result),
        _scores(result.evaluation),
        _translations(result.evaluation),
        _verdict(result, translate, mlflow_page),
    ):
        out.print(part)
        out.print()


def _stages(result: Retrained) -> RenderableType:
    table = Table(box=None, pad_edge=False)
    table.add_column("stage", style="bold", no_wrap=True)
    table.add_column("time", justify="right", no_wrap=True)
    table.add_column("counts", overflow="fold")
    for name, stage in result.trained.stages.items():
        table.add_row(name, _time(stage.seconds, stage.skipped), counts_line(stage.artifact.counts))
    for test in result.evaluation.tests.values():
        counts = counts_line(test.artifact.counts)
        table.add_row(f"evaluate {test.test}", _time(test.seconds, test.skipped), counts)
    return table


def _time(seconds: float, skipped: bool) -> str:
    return "stood" if skipped else f"{seconds:.1f} s"


def _scores(evaluation: Evaluation) -> RenderableType:
    table = Table(box=None, pad_edge=False)
    table.add_column("test", style="bold", no_wrap=True)
    table.add_column("metric", no_wrap=True)
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("95% interval", justify="right", no_wrap=True)
    table.add_column("sacreBLEU signature", overflow="fold", style="dim")
    for name, test in evaluation.tests.items():
        for key, label in _SCORES.items():
            score = test.scores[key]
            interval = f"{score.low:.1f} to {score.high:.1f}"
            table.add_row(name, label, f"{score.score:.1f}", interval, score.signature)
    return table


def _translations(evaluation: Evaluation) -> RenderableType:
    """Source, translation and reference, one below the other.

    Terminals differ in how wide they draw Devanagari, so columns of it would not stand straight.
    """
    test = next(iter(evaluation.tests))
    text = Text(f"translations, at even steps through the test set {test}", style="bold")
    for sample in _pick(evaluation):
        same = sample.hypothesis == sample.reference
        text.append(f"\n  {harmless(sample.source)}\n", style="not bold")
        text.append(
            f"    {harmless(sample.hypothesis)}", style="not bold green" if same else "not bold"
        )
        if same:
            text.append("   = the reference", style="not bold dim")
        else:
            text.append(f"\n    {harmless(sample.reference)}", style="not bold yellow")
            text.append("   is the reference", style="not bold dim")
    return text


def _pick(evaluation: Evaluation) -> list[Sample]:
    """Five sentences at even steps through the first test set, so that none is hand-picked."""
    samples = samples_of(next(iter(evaluation.tests.values())))
    step = max(1, len(samples) // _SHOWN)
    return samples[::step][:_SHOWN]


def _verdict(result: Retrained, translate: str, mlflow_page: str) -> RenderableType:
    version, verdict = result.trained.version, result.promotion.verdict
    champion = result.promotion.champion
    is_champion = champion is not None and champion.number == version.number
    alias = CHAMPION if is_champion else CHALLENGER
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("version", f"{version.number} of {version.name}, alias {alias}")
    if not is_champion and champion is not None:
        table.add_row("champion", f"version {champion.number}")
    gate = "promoted" if verdict.promoted else "not promoted"
    table.add_row("gate", Text(harmless(f"{gate}: {verdict.why}")))
    table.add_row("report", Text(str(result.report)))
    table.add_row("MLflow page", Text(mlflow_page))
    model = f"models:/{version.name}@{alias}"
    table.add_row("translate", Text(f'{translate} --model {model} "…"'))
    return table
