"""Learning curves as SVG that lives in a page: its text and colours are the page's.

matplotlib draws with stand-in colours, which become ``currentColor`` and the CSS variables
``--series-1`` and ``--series-2``; so one drawing reads in a light and in a dark page. Figures are
built without pyplot, which would keep them, and a backend, in global state.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

# No two alike, and none that matplotlib would use by itself.
_INK = "#0a0b0c"
_SERIES = ("#a1b2c3", "#c3b2a1")
_TICKS_AN_INCH = 1.1


@dataclass(frozen=True)
class Series:
    """One line: ``points`` are (update, value), finite and by update; dots show each of them."""

    label: str
    points: tuple[tuple[int, float], ...]
    dots: bool


@dataclass(frozen=True)
class Chart:
    """One drawing and what a page says about it.

    Attributes:
        key: short, unique in the page; all ids inside the SVG begin with it.
        title: what is drawn, with its unit.
        series: the lines; line i has the CSS colour ``--series-i``, from 1.
        summary: the figures in a sentence, for those who can't see the drawing.
        svg: ``<svg …>…</svg>``, as wide as the page lets it be.
    """

    key: str
    title: str
    series: tuple[Series, ...]
    summary: str
    svg: str


def draw_curves(history: Sequence[dict[str, Any]]) -> list[Chart]:
    """The charts that a training's history has points for.

    Args:
        history: events as :func:`model.training.train` reports them; a value that is no finite
            number is left out.
    """
    loss = (
        Series("training", _points(history, "train", "loss"), dots=False),
        Series("development", _points(history, "validation", "loss"), dots=True),
    )
    scores = (
        Series("BLEU", _points(history, "validation", "bleu"), dots=True),
        Series("chrF2", _points(history, "validation", "chrf"), dots=True),
    )
    rate = (Series("learning rate", _points(history, "train", "learning_rate"), dots=False),)
    best = max((e["update"] for e in history if e.get("best")), default=None)
    drawn = [
        _draw("loss", "Loss, nats a target token", loss, best, (4.4, 2.7)),
        _draw("scores", "Development set, points", scores, best, (4.4, 2.7)),
        _draw("rate", "Learning rate", rate, None, (3.0, 2.7)),
    ]
    return [chart for chart in drawn if chart is not None]


def _points(
    history: Sequence[dict[str, Any]], kind: str, key: str
) -> tuple[tuple[int, float], ...]:
    events = [e for e in history if e["kind"] == kind and math.isfinite(e[key])]
    return tuple(sorted((int(e["update"]), float(e[key])) for e in events))


def _draw(
    key: str, title: str, series: Sequence[Series], best: int | None, inches: tuple[float, float]
) -> Chart | None:
    shown = tuple(s for s in series if s.points)
    if not shown:
        return None
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": key, "font.size": 9}):
        figure = Figure(figsize=inches, layout="constrained")
        axes = figure.add_subplot()
        for line, colour in zip(shown, _SERIES, strict=False):
            _plot(axes, line, colour, best)
        _style(axes, round(inches[0] * _TICKS_AN_INCH))
        if key != "loss":  # Few nats part a good loss from a bad one; zero would squeeze them.
            axes.set_ylim(bottom=0)
        out = io.StringIO()
        no_metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(out, format="svg", transparent=True, metadata=no_metadata)
    summary = _summary(shown, best)
    return Chart(key, title, shown, summary, _for_page(out.getvalue(), key, f"{title}. {summary}"))


def _plot(axes: Any, line: Series, colour: str, best: int | None) -> None:
    updates, values = zip(*line.points, strict=True)
    # A single point has no line; many have no room for dots.
    marker = "o" if len(updates) == 1 or (line.dots and len(updates) <= 40) else None
    axes.plot(updates, values, color=colour, linewidth=1.6, marker=marker, markersize=2.6)
    for update, value in line.points:
        if line.dots and update == best:
            axes.plot(
                [update],
                [value],
                linestyle="none",
                marker="o",
                markersize=8,
                markerfacecolor="none",
                markeredgecolor=colour,
                markeredgewidth=1.2,
            )


def _style(axes: Any, ticks: int) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set(color=_INK, alpha=0.4, linewidth=0.8)
    axes.grid(axis="y", color=_INK, alpha=0.14, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(axis="both", length=0, labelcolor=_INK, pad=5)
    axes.xaxis.set_major_locator(MaxNLocator(ticks, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}"))
    axes.set_xlabel("update", color=_INK, loc="right")


def _summary(series: Sequence[Series], best: int | None) -> str:
    """The last value of each line and, where that is another, its value at the best validation."""
    last = ", ".join(f"{line.label} {line.points[-1][1]:#.3g}" for line in series)
    text = f"Last, at update {series[-1].points[-1][0]:,}: {last}."
    at_best = [(line.label, dict(line.points).get(best or -1)) for line in series if line.dots]
    found = ", ".join(f"{label} {value:#.3g}" for label, value in at_best if value is not None)
    if found and best is not None and best != series[-1].points[-1][0]:
        text += f" Best, at {best:,}: {found}."
    return text


def _for_page(svg: str, key: str, description: str) -> str:
    """matplotlib's file as an element: ids of its own, the page's font, colours and width."""
    from markupsafe import escape

    svg = svg[svg.index("<svg") :]
    # A <style> inside an inline SVG holds for the whole page.
    svg = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", svg, flags=re.DOTALL)
    opening = re.match(r'<svg[^>]*?viewBox="([^"]*)"[^>]*>', svg)
    assert opening is not None, svg[:300]
    svg = (
        f'<svg viewBox="{opening[1]}" role="img" aria-label="{escape(description)}">'
        f"{svg[opening.end() :].rstrip()}"
    )
    svg = re.sub(r'\bid="', f'id="{key}-', svg)
    svg = re.sub(r'href="#', f'href="#{key}-', svg)
    svg = svg.replace("url(#", f"url(#{key}-").replace("xlink:href", "href")
    svg = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", svg)
    svg = re.sub(r"font-family: [^;\"]*;? ?", "", svg)
    svg = svg.replace(_INK, "currentColor")
    for number, colour in enumerate(_SERIES, start=1):
        svg = svg.replace(colour, f"var(--series-{number})")
    return svg
