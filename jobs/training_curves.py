"""A training's figures in MLflow, as they come: by updates, and by target tokens seen.

Two trainings whose updates hold unlike numbers of tokens can be compared by the second only.
``train/loss`` and ``dev/bleu`` have the update as their step, ``by_tokens/train/loss`` and
``by_tokens/dev/bleu`` the number of target tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pipeline.errors import AnuvadError

if TYPE_CHECKING:
    from jobs.tracking import TrackedRun

_PREFIX = {"train": "train/", "validation": "dev/"}
_NO_FIGURES = ("update", "workers")


class Curves:
    """Logs the figures of a training's events until the tracking server no longer takes them.

    Args:
        run: where they go.
        warn: is told, once, that they go nowhere any more.
    """

    def __init__(self, run: TrackedRun, warn: Callable[[str], None]) -> None:
        self._run = run
        self._warn = warn
        self._tracked = True

    def add(self, event: dict[str, Any]) -> None:
        """Log an event, see :func:`model.training.train`; those without figures are passed over."""
        if not self._tracked or event["kind"] not in _PREFIX:
            return
        try:
            self._run.points(points(event))
        except AnuvadError as error:
            # A page without curves is no reason to throw a training away, and its artifact
            # keeps the history; one that waits for a dead server at each report would be.
            self._tracked = False
            self._warn(f"{error}; from here on its page lacks this training's metrics")


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
