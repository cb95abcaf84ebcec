"""What a person sees while a job runs: bars on a terminal, plain lines elsewhere.

All of it goes to standard error, so that standard output holds results only.
"""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from jobs.terminal import harmless
from jobs.training_lines import resumed_line, update_line, validation_line
from pipeline.stages import StageResult

_NAME_WIDTH = 10


class JobConsole:
    """Reports stages and training; also the :class:`~pipeline.stages.StageReporter` of a job."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._progress: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._last_line: dict[str, float] = {}
        self._warned: set[str] = set()
        self._validation: dict[str, Any] | None = None

    @property
    def is_terminal(self) -> bool:
        """Whether bars are drawn."""
        return self._console.is_terminal

    def say(self, name: str, text: str) -> None:
        """One line: what speaks, and what it says."""
        self._console.print(f"[bold]{name:<{_NAME_WIDTH}}[/bold] {_escape(text)}")

    def doing(self, name: str, text: str) -> None:
        """A line on what is about to take some seconds; once each."""
        if text not in self._last_line:
            self._last_line[text] = time.monotonic()
            self.say(name, text)

    def waiting(self, name: str, text: str) -> None:
        """What is waited for until ``name`` shows how far it is: a moving bar on a terminal."""
        if self.is_terminal:
            self._bar(name, 0, None, text)
        else:
            self.say(name, text)

    def warn(self, text: str) -> None:
        """A warning."""
        self._console.print(f"[yellow bold]warning[/yellow bold]    {_escape(text)}")

    # The stages of the data pipeline, see pipeline.stages.StageReporter.

    def stage_started(self, name: str, why: str) -> None:
        """The stage begins."""
        self.say(name, f"runs: {why}")

    def stage_advanced(self, name: str, done: int, total: int) -> None:
        """``done`` of ``total`` tasks have ended."""
        if self.is_terminal:
            self._bar(name, done, total, "tasks")
        elif done == 0:
            # What takes less than five seconds needs no line between its first and its last.
            self._last_line[name] = time.monotonic()
        elif done < total and self._is_time(name, 5.0):
            self.say(name, f"{done} of {total} tasks")

    def stage_ended(self, result: StageResult) -> None:
        """The stage's artifact stands."""
        self._drop_bar(result.name)
        how = "done already" if result.skipped else f"done in {result.seconds:.1f} s"
        self.say(result.name, f"{how}: {counts_line(result.artifact.counts)}")

    # Training events, see model.training.train.

    def training_event(
        self, event: dict[str, Any], max_updates: int, metric: str = "bleu", workers: int = 1
    ) -> None:
        """Show one event of the training.

        Args:
            event: what a worker reported.
            max_updates: at which the bar is full.
            metric: the score of a validation that the line of an update shows.
            workers: those that there should be.
        """
        kind = event["kind"]
        if kind == "warning":
            self._warn_once(event["text"])
        elif kind == "resumed":
            self.say("train", resumed_line(event, workers))
        elif kind == "validation":
            self._validation = event
            self.say("train", validation_line(event))
        elif kind == "train":
            text = update_line(event, metric, self._validation)
            if self.is_terminal:
                self._bar("train", event["update"], max_updates, text)
            elif self._is_time("train", 10.0):
                self.say("train", text)

    def _warn_once(self, text: str) -> None:
        # Every worker says it, and says it again when it starts anew.
        if text not in self._warned:
            self._warned.add(text)
            self.warn(text)

    def bar_ended(self, name: str) -> None:
        """Nothing more comes of what was shown as ``name``."""
        self._drop_bar(name)

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
            self._tasks.clear()

    def _bar(self, name: str, done: int, total: int | None, text: str) -> None:
        text = harmless(text)
        if self._progress is None:
            self._progress = Progress(
                SpinnerColumn(),
                TextColumn("{task.fields[name]}"),
                BarColumn(bar_width=24),
                MofNCompleteColumn(),
                TextColumn("{task.description}"),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=self._console,
                transient=True,
            )
            self._progress.start()
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(text, total=total, name=name)
        self._progress.update(self._tasks[name], completed=done, total=total, description=text)

    def _drop_bar(self, name: str) -> None:
        task = self._tasks.pop(name, None)
        if self._progress is not None and task is not None:
            self._progress.remove_task(task)
            if not self._tasks:
                self.close()

    def _is_time(self, name: str, every_s: float) -> bool:
        now = time.monotonic()
        if now - self._last_line.get(name, 0.0) < every_s:
            return False
        self._last_line[name] = now
        return True


# Counts whose first word is no split and no language.
_WORDED = {"target_tokens": "{:,} target tokens", "best_update": "the best at update {:,}"}


def counts_line(counts: dict[str, int]) -> str:
    """Counts in one line: ``train: 30,000 rows · validation: 500 rows``."""
    groups: dict[str, list[str]] = {}
    # Sorted, as a manifest is: a stage says the same when it ran and when it stood.
    for key, n in sorted(counts.items()):
        if "/" in key:
            # The sums of one source; the report shows them.
            continue
        if key in _WORDED:
            groups.setdefault("", []).append(_WORDED[key].format(n))
            continue
        group, _, what = key.partition("_")
        if what.startswith("normalized") or (n == 0 and what.startswith("dropped")):
            continue
        if not what:
            group, what = "", group
        groups.setdefault(group, []).append(f"{n:,} {what.replace('_', ' ')}")
    return " · ".join(f"{g}: {', '.join(v)}" if g else ", ".join(v) for g, v in groups.items())


def _escape(text: str) -> str:
    return harmless(text).replace("[", r"\[")
