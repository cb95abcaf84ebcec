"""What a training says of itself in one line: an update, a validation, a start anew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SCORES = {"loss": "dev loss {:.3f}", "bleu": "dev BLEU {:.1f}", "chrf": "dev chrF {:.1f}"}


def update_line(event: Mapping[str, Any], metric: str, dev: Mapping[str, Any] | None) -> str:
    """The figures of the last updates.

    Args:
        event: of kind ``train``, see :func:`model.training.train`.
        metric: which score of a validation is shown.
        dev: the last validation; None before the first.
    """
    share = event.get("epoch_progress")
    left = event.get("seconds_left")
    parts = [
        f"update {event['update']:,}",
        f"epoch {event['epoch'] + 1}" + ("" if share is None else f" ({share:.0%})"),
        f"loss {event['loss']:.3f}",
        None if dev is None else _SCORES[metric].format(dev[metric]),
        f"rate {event['learning_rate']:.1e}",
        f"{event['tokens_per_second']:,.0f} target tokens/s",
        f"padding {event['padding']:.0%}",
        None if left is None else f"{duration(left)} left",
    ]
    return "  ".join(part for part in parts if part is not None)


def validation_line(event: Mapping[str, Any]) -> str:
    """One validation in words."""
    best = "  the best so far" if event["best"] else ""
    return (
        f"update {event['update']:,}  dev loss {event['loss']:.3f}  BLEU {event['bleu']:.1f}  "
        f"chrF {event['chrf']:.1f}{best}"
    )


def resumed_line(event: Mapping[str, Any], workers: int) -> str:
    """Where a training goes on, and with how many workers if not with all ``workers``."""
    there = event.get("workers", workers)
    crew = "" if there == workers else f" with {there} worker{'s' if there > 1 else ''}"
    return f"goes on{crew} after update {event['update']:,}"


def duration(seconds: float) -> str:
    """``45 s``, ``12 min``, ``3 h 05 min``, ``2 d 07 h``."""
    if seconds < 60:
        return f"{max(seconds, 0):.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02} min"
    return f"{hours // 24} d {hours % 24:02} h"
