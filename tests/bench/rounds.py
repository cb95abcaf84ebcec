"""Rates that are taken in turns, and their ratios.

On a machine that others use too a rate of one hour says nothing beside one of another. So every
round takes all of them, one after the other, and what is shown is the median of the rounds' ratios.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from goals import Figure


@dataclass(frozen=True)
class Goal:
    """What a ratio must be at least, and what it would be at best."""

    at_least: float
    stretch: float

    def __str__(self) -> str:
        return f"≥ {self.at_least:g} × ({self.stretch:g} ×)"


def take_rounds(
    contestants: Mapping[str, Mapping[str, Callable[[], float]]],
    rounds: int,
    say: Callable[[str], None],
    unit: str = "target tokens/s",
) -> dict[str, list[float]]:
    """The rates of each contestant, round by round.

    Args:
        contestants: name → its variants, by name, such as batch sizes. The first round takes all of
            them, later ones the one that was fastest then.
        rounds: how many.
        say: is told each rate.
        unit: what a rate is.
    """
    chosen = {name: dict(variants) for name, variants in contestants.items()}
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(1, rounds + 1):
        for name, variants in chosen.items():
            found = {}
            for variant, measure in variants.items():
                found[variant] = measure()
                label = f"{name}, {variant}" if variant else name
                say(f"round {number}: {label}: {_rounded(found[variant])} {unit}")
            best = max(found, key=found.__getitem__)
            rates[name].append(found[best])
            chosen[name] = {best: variants[best]}
    return rates


def ratio_figure(what: str, ours: Sequence[float], theirs: Sequence[float], goal: Goal) -> Figure:
    """The median of the rounds' ratios beside its goal, with both medians in words."""
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    a, b = statistics.median(ours), statistics.median(theirs)
    return Figure(
        what, f"{ratio:.2f} × ({_rounded(a)} ÷ {_rounded(b)}/s)", str(goal), ratio >= goal.at_least
    )


def _rounded(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.1f}"
