"""What of Ray Train is started."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.ray_train import lean_trainer


def callbacks(trainer: Any) -> set[str]:
    """What a trainer of this class would have Ray's controller call."""
    return {type(callback).__name__ for callback in trainer(print)._create_default_callbacks()}


# Ray Train is seconds of imports.
@pytest.mark.integration
# The callback for datasets copies all settings of Ray Data, some of which are out of date.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("is_own_ray", "left_out"),
    [
        (True, {"DatasetsCallback", "PlacementGroupCleanerCallback"}),
        (False, {"DatasetsCallback"}),
    ],
)
def test_only_what_nothing_needs_is_left_out(is_own_ray: bool, left_out: set[str]) -> None:
    from ray.train.torch import TorchTrainer

    assert callbacks(TorchTrainer) - callbacks(lean_trainer(is_own_ray)) == left_out
