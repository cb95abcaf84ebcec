"""What all HTML pages share: templates, how they write numbers, and the rows of their stages.

holds   what is not marked as safe is escaped, and a name that a template asks for must be there
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment, Template


@dataclass(frozen=True)
class StageRow:
    """One stage of a job.

    Attributes:
        name: of the stage, e.g. ``clean``.
        seconds: that it took; 0 if it was skipped.
        skipped: its artifact stood already.
        counts: what it counted, e.g. ``train_kept``.
        artifact: the name of its output folder.
    """

    name: str
    seconds: float
    skipped: bool
    counts: Mapping[str, int]
    artifact: str


def template(name: str) -> Template:
    """The template ``name`` of the folder ``templates``."""
    return _environment().get_template(name)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("jobs"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"duration": duration, "number": number, "percent": percent}
    return environment


def number(count: int) -> str:
    """``1,659,083``."""
    return f"{count:,}"


def percent(part: float, whole: float = 1) -> str:
    """``12.3%``; a few are never 0%, all but a few never 100%; ``–`` without a whole."""
    if not whole:
        return "–"
    if part in (0, whole):
        return "100%" if part else "0%"
    text = f"{100 * part / whole:.1f}%"
    return {"0.0%": "<0.1%", "100.0%": ">99.9%"}.get(text, text)


def duration(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``3 min 5 s``, ``2 h 10 min``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
