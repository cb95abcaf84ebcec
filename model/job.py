"""What a training is made of, and where it stands."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from model.checkpoint import CheckpointFolder
from model.config import TrainConfig
from model.dataset import TokenDataset
from model.translation_model import TranslationModel
from model.validation import DevSet
from model.workers import Workers
from pipeline.tokenizer import Tokenizer


@dataclass
class TrainingState:
    """Where a training stands; with weights and optimizer, all that resuming needs.

    Attributes:
        update: updates done.
        epoch: the epoch in progress, from 0.
        update_in_epoch: updates done of it.
        pairs_in_epoch: sentence pairs gone through of it.
        target_tokens: real target tokens gone through, those of skipped updates included.
        seconds: time spent, in this and earlier starts.
        best_score: the best of ``metric`` so far; None before the first validation.
        best_update: the update that it was reached at.
        bad_validations: validations in a row that were no better.
        bad_updates: updates in a row that were skipped.
        skipped_updates: updates skipped in all, those that only overflowed fp16 included.
        rate_reductions: how often schedule ``plateau`` has lowered the rate.
        plateau_validations: validations in a row that were no better, since it last did.
        loss_scale: state of :class:`model.loss_scale.LossScale`; None unless under fp16.
        too_large: padded tokens of the smallest micro-batch that some worker's memory had no room
            for; None while all fitted.
        stopped_by: the setting that ended the training, such as ``max_updates``; None before;
            :data:`INTERRUPTED` where it only paused.
        history: the reports so far, for the learning curves.
    """

    update: int = 0
    epoch: int = 0
    update_in_epoch: int = 0
    pairs_in_epoch: int = 0
    target_tokens: int = 0
    seconds: float = 0.0
    best_score: float | None = None
    best_update: int | None = None
    bad_validations: int = 0
    bad_updates: int = 0
    skipped_updates: int = 0
    rate_reductions: int = 0
    plateau_validations: int = 0
    loss_scale: dict[str, Any] | None = None
    too_large: int | None = None
    stopped_by: str | None = None
    history: list[dict[str, Any]] = field(default_factory=list)

    @property
    def validated(self) -> list[int]:
        """The updates that were validated, ascending."""
        return [e["update"] for e in self.history if e["kind"] == "validation"]


INTERRUPTED = "interrupted"
"""What ``stopped_by`` says of a training that was asked to stop, and will be gone on with."""


def never() -> bool:
    """Nobody asks for a stop."""
    return False


Report = Callable[[dict[str, Any]], None]
"""Is handed each event: a dict with ``kind`` and figures, see :func:`model.training.train`."""


@dataclass(frozen=True)
class TrainingJob:
    """All that a training is made of.

    Attributes:
        config: what is learnt and for how long.
        model: on ``workers.device``, initialised alike on every worker.
        data: the training split.
        dev: the development set.
        tokenizers: of source and target, to show sentences.
        folder: where its checkpoints are.
        workers: this process's place.
        report: called on rank 0 only.
        clock: answers seconds, which are what ``max_minutes`` and all rates are measured in.
        should_pause: asked after each update; rank 0's answer counts. A training that is to pause
            saves where it stands and ends, so that the next start goes on from there.
    """

    config: TrainConfig
    model: TranslationModel
    data: TokenDataset
    dev: DevSet
    tokenizers: tuple[Tokenizer, Tokenizer]
    folder: CheckpointFolder
    workers: Workers
    report: Report
    clock: Callable[[], float] = time.monotonic
    should_pause: Callable[[], bool] = never
