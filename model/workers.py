"""What one process of a distributed training knows of the others.

With one worker every operation here is the identity, and no process group is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import torch
import torch.distributed as dist

T = TypeVar("T")


def _unheard(update: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Workers:
    """This process's place among the workers.

    Attributes:
        rank: from 0.
        world_size: how many there are.
        device: what this one computes on.
        at_exchange: called on every rank with the number of an update, from 1, before the gradients
            of that update are exchanged: should one not come to it, this says which.
    """

    rank: int = 0
    world_size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    at_exchange: Callable[[int], None] = _unheard

    @property
    def is_first(self) -> bool:
        """Whether this is rank 0, which writes and reports for all."""
        return self.rank == 0

    def sum(self, *values: float) -> list[float]:
        """The sum of each value over all workers, on every worker."""
        if self.world_size == 1:
            return list(values)
        total = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(total)
        return [float(value) for value in total]

    def gather(self, value: T) -> list[T]:
        """Every worker's value, by rank, on every worker."""
        if self.world_size == 1:
            return [value]
        gathered: list[T | None] = [None] * self.world_size
        dist.all_gather_object(gathered, value)
        return [item for item in gathered if item is not None]

    def agree(self, value: bool) -> bool:
        """Rank 0's answer, on every worker: for decisions that a clock has a part in."""
        return bool(self.sum(float(value) if self.is_first else 0.0)[0])

    def wait(self) -> None:
        """Return when all workers are here."""
        if self.world_size > 1:
            dist.barrier()
