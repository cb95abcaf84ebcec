"""The optimizer: fused, and decaying what is to decay."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from model.config import TrainConfig
from model.optimizer import build_optimizer


def optimizer_of(model: nn.Module, **settings: Any) -> torch.optim.Optimizer:
    return build_optimizer(model, TrainConfig.model_validate({"learning_rate": 0.1} | settings))


class Layer(nn.Module):
    """A matrix, a bias, and the gain and bias of a normalisation, all ones."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.norm = nn.Linear(2, 3), nn.LayerNorm(3)
        for parameter in self.parameters():
            nn.init.ones_(parameter)


@pytest.mark.parametrize("name", ["adam", "adamw"])
@pytest.mark.filterwarnings("ignore:.*profiler.*")
def test_all_weights_go_through_one_fused_kernel(name: str) -> None:
    model = Layer()
    optimizer = optimizer_of(model, optimizer=name)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    with torch.profiler.profile() as profile:
        optimizer.step()
    called = {event.key for event in profile.key_averages()}
    assert f"aten::_fused_{name}_" in called
    assert not any("addcdiv" in key or "sqrt" in key for key in called)


def test_only_matrices_decay() -> None:
    model = Layer()
    optimizer = optimizer_of(model, weight_decay=0.5)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    # AdamW takes rate × decay off the weight: 1 - 0.1 × 0.5.
    assert model.linear.weight.tolist() == [[pytest.approx(0.95)] * 2] * 3
    assert model.linear.bias.tolist() == [1.0] * 3
    assert model.norm.weight.tolist() == [1.0] * 3


def test_adam_adds_the_decay_to_the_gradient() -> None:
    model = Layer()
    optimizer = optimizer_of(model, optimizer="adam", weight_decay=0.5)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    # The gradient is then 0.5, and Adam's first step is the rate, whatever the gradient's size.
    assert model.linear.weight.tolist() == [[pytest.approx(0.9)] * 2] * 3
    assert model.linear.bias.tolist() == [1.0] * 3


def test_a_model_without_vectors_has_an_optimizer_too() -> None:
    assert len(optimizer_of(nn.Linear(2, 3, bias=False)).param_groups) == 1
