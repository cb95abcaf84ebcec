"""A training's figures in MLflow, as they come: by updates, and by target tokens seen.

Two trainings whose updates hold unlike numbers of tokens can be compared by the second only.
``train/loss`` and ``dev/bleu`` have the update as their step, ``by_tokens/train/loss`` and
``by_tokens/dev/bleu`` the number of target tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jobs.tracked_run import TrackedRun

_PREFIX = {"train": "train/", "validation": "dev/"}
_NO_FIGURES = ("update", "workers")


class Curves:
    """Logs the figures of a training's events.

    ``system/driver/rss_mb`` and its like have the seconds since the run began as their step.

    Args:
        run: where they go.
    """

    def __init__(self, run: TrackedRun) -> None:
        self._run = run

    def add(self, event: dict[str, Any]) -> None:
        """Log an event, see :func:`model.training.train`; those without figures are passed over."""
        if event["kind"] in _PREFIX:
            self._run.curve(points(event))
        elif event["kind"] == "system":
            seen = {key: value for key, value in event.items() if key not in ("kind", "rank")}
            self.system(f"worker-{event['rank']}", seen)

    def system(self, process: str, seen: Mapping[str, float]) -> None:
        """Log what a process uses of its machine, see :mod:`jobs.vitals`."""
        values = {f"system/{process}/{key}": value for key, value in seen.items()}
        self._run.metrics(values, step=self._run.seconds)


def points(event: dict[str, Any]) -> list[tuple[str, float, int]]:
    """The numbers of an event, each twice: the name that MLflow shows, the value, the step."""
    prefix = _PREFIX[event["kind"]]
    update, tokens = event["update"], event["target_tokens"]
    found = []
    for key, value in event.items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and key not in _NO_FIGURES:
            found.append((f"{prefix}{key}", float(value), update))
            if key != "target_tokens":
                found.append((f"by_tokens/{prefix}{key}", float(value), tokens))
    return found
