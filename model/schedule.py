"""The learning rate of each update."""

from __future__ import annotations

import math

from model.config import ScheduleName


def learning_rate(
    update: int, *, peak: float, warmup_updates: int, schedule: ScheduleName, max_updates: int
) -> float:
    """The rate of ``update`` (counted from 1): a linear warm-up to ``peak``, then the schedule.

    ``inverse_sqrt`` falls with the root of the update (Vaswani et al. 2017, section 5.3),
    ``cosine`` to zero at ``max_updates`` (Loshchilov and Hutter 2017), ``constant`` not at all.
    """
    if update <= warmup_updates:
        return peak * update / warmup_updates
    if schedule == "inverse_sqrt":
        return peak * math.sqrt(max(1, warmup_updates) / update)
    if schedule == "cosine":
        share = (update - warmup_updates) / max(1, max_updates - warmup_updates)
        return peak * 0.5 * (1 + math.cos(math.pi * min(1.0, share)))
    return peak
