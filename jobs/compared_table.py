"""What ``anuvad compare`` prints for people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from jobs.scores import METRIC_NAMES

if TYPE_CHECKING:
    from jobs.compare import Compared

PrintTable = Callable[[Sequence[str], Sequence[Sequence[str]]], None]


def print_compared(compared: Compared, table: PrintTable, line: Callable[[str], None]) -> None:
    """The scores with both p-values, the sentences won and lost, and those that differ most."""
    a, b = (f"{v.name} {v.number}" for v in (compared.a, compared.b))
    rows = [
        (
            test,
            METRIC_NAMES[t.metric],
            f"{t.a:.2f}",
            f"{t.b:.2f}",
            f"{t.difference:+.2f}",
            f"{t.bootstrap_p:.4f}",
            f"{t.randomisation_p:.4f}",
        )
        for test, found in compared.tests.items()
        for t in found.tests
    ]
    table(("test", "metric", f"A: {a}", f"B: {b}", "B - A", "p (bootstrap)", "p (random.)"), rows)
    for test, found in compared.tests.items():
        line("")
        line(
            f"{test}: of {found.sentences:,} sentences B is better in {found.wins:,}, worse in "
            f"{found.losses:,}, equal in {found.ties:,} (chrF2 by sentence)"
        )
        for one in found.largest:
            line(f"  {one.number}. {one.gain:+.1f} chrF2")
            line(f"    source     {one.source}")
            line(f"    reference  {one.reference}")
            line(f"    A          {one.a}")
            line(f"    B          {one.b}")
    line("")
    first = next(iter(compared.tests.values()))
    for t in first.tests:
        line(f"{METRIC_NAMES[t.metric]}: {t.bootstrap_signature}")
        line(f"{' ' * len(METRIC_NAMES[t.metric])}  {t.randomisation_signature}")
