"""Figures beside their goals, as one table."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """One measured figure.

    Attributes:
        what: what was measured.
        measured: the figure, in words.
        goal: what it must be, in words.
        reached: whether it is.
    """

    what: str
    measured: str
    goal: str
    reached: bool


def print_figures(title: str, figures: list[Figure]) -> None:
    """Print the table to standard output."""
    table = Table("figure", "measured", "goal", "", title=title, title_justify="left", box=None)
    for figure in figures:
        mark = "[green]reached[/green]" if figure.reached else "[red]missed[/red]"
        table.add_row(figure.what, figure.measured, figure.goal, mark)
    Console(highlight=False, width=120).print(table)
