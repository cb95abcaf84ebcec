"""The factor that lifts fp16 gradients off zero (Micikevicius et al. 2018, §3.2)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from model.precision import Precision

# Below it there is nothing to gain: what overflows now overflows in fp32 too, or soon will.
LOWEST_SCALE = 1.0


class LossScale:
    """torch's ``GradScaler`` under fp16; otherwise nothing.

    An update whose gradient overflows halves the scale, 2,000 good ones in a row double it. Each
    rank has the same gradient, so all have the same scale.
    """

    def __init__(self, precision: Precision, device: torch.device) -> None:
        self._scaler = torch.amp.GradScaler(device.type) if precision == "fp16" else None

    def scale(self, loss: Tensor) -> Tensor:
        """The loss to go backward from."""
        return loss if self._scaler is None else self._scaler.scale(loss)

    def unscale(self, optimizer: torch.optim.Optimizer) -> None:
        """Make the gradients what they would be without a scale."""
        if self._scaler is not None:
            self._scaler.unscale_(optimizer)

    def adapt(self) -> bool:
        """Choose the next update's scale; answers whether it is lower than this one's."""
        if self._scaler is None:
            return False
        before = self._scaler.get_scale()
        self._scaler.update()
        after = self._scaler.get_scale()
        if after < LOWEST_SCALE:
            self._scaler.update(LOWEST_SCALE)
            after = LOWEST_SCALE
        return after < before

    def state(self) -> dict[str, Any] | None:
        """What a checkpoint keeps; plain numbers."""
        return None if self._scaler is None else self._scaler.state_dict()

    def restore(self, state: dict[str, Any] | None) -> None:
        """Put :meth:`state` back."""
        if self._scaler is not None and state is not None:
            self._scaler.load_state_dict(state)
