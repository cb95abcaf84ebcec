"""The learning rate of each update."""

from __future__ import annotations

import math

from model.config import TrainConfig


def learning_rate(update: int, config: TrainConfig, reductions: int = 0) -> float:
    """The rate of ``update`` (counted from 1): a linear warm-up to its peak, then the schedule.

    ``inverse_sqrt`` falls with the root of the update (Vaswani et al. 2017, section 5.3),
    ``cosine`` to its lowest at ``max_updates`` (Loshchilov and Hutter 2017), ``plateau`` by
    ``plateau_factor`` at each of the ``reductions`` so far, ``constant`` not at all.
    """
    peak, lowest, warmup = config.learning_rate, config.min_learning_rate, config.warmup_updates
    if update <= warmup:
        return peak * update / warmup
    if config.schedule == "inverse_sqrt":
        return max(lowest, peak * math.sqrt(max(1, warmup) / update))
    if config.schedule == "cosine":
        share = (update - warmup) / max(1, config.max_updates - warmup)
        above = (peak - lowest) * 0.5 * (1 + math.cos(math.pi * min(1.0, share)))
        return lowest + above
    if config.schedule == "plateau":
        return max(lowest, peak * config.plateau_factor**reductions)
    return peak
