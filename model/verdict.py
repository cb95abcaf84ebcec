"""What a validation decides: what is best, whether patience ends, whether the rate falls."""

from __future__ import annotations

import math
from dataclasses import asdict

from model.config import TrainConfig
from model.job import TrainingJob, TrainingState
from model.learner import Learner
from model.precision import resolve_precision
from model.progress import report_event
from model.validation import DevScores


def validate(job: TrainingJob, learner: Learner, state: TrainingState) -> bool:
    """Score the development set; answers whether it is better than ever before.

    An equal score is not counted as worse; one that is no number is, and is never the best.
    """
    precision = resolve_precision(job.config.precision, job.workers.device)
    started = job.clock()
    with learner.average.in_place(state.validated):
        scores = job.dev.score(job.model, job.workers, precision)
    improved = _is_better(scores, state, job.config)
    worse = not improved and getattr(scores, job.config.metric) != state.best_score
    if improved:
        state.best_score = getattr(scores, job.config.metric)
        state.best_update = state.update
        state.bad_validations = 0
    elif worse:
        state.bad_validations += 1
    if job.config.schedule == "plateau" and state.update > job.config.warmup_updates:
        _follow_plateau(state, job.config, improved, worse)
    report_event(
        job,
        state,
        {
            "kind": "validation",
            "update": state.update,
            "target_tokens": state.target_tokens,
            **asdict(scores),
            "best": improved,
            "took_s": job.clock() - started,
        },
    )
    return improved


def _is_better(scores: DevScores, state: TrainingState, config: TrainConfig) -> bool:
    score: float = getattr(scores, config.metric)
    if not math.isfinite(scores.loss) or not math.isfinite(score):
        return False
    if state.best_score is None:
        return True
    return score < state.best_score if config.metric == "loss" else score > state.best_score


def _follow_plateau(state: TrainingState, config: TrainConfig, improved: bool, worse: bool) -> None:
    if improved:
        state.plateau_validations = 0
    elif worse:
        state.plateau_validations += 1
        if state.plateau_validations >= config.plateau_patience:
            state.rate_reductions += 1
            state.plateau_validations = 0
