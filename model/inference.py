"""A trained model as a search runs it at a precision: weights converted once, not at every step."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Literal, TypeVar

import torch
from torch import Tensor, nn

from model.config import DecodePrecision, PrecisionChoice
from model.decoder import RecurrentDecoder
from model.encoder import RecurrentEncoder
from model.int8 import Int8Linear, tied_in_int8
from model.precision import resolve_precision
from model.stepped import SteppedRecurrent
from model.transformer import Transformer
from pipeline.errors import ConfigError

ModelT = TypeVar("ModelT", bound=nn.Module)
InferencePrecision = Literal["fp32", "bf16", "int8"]


def resolve_inference(
    choice: DecodePrecision, trained: PrecisionChoice, device: torch.device
) -> InferencePrecision:
    """``fp32``, ``bf16`` or ``int8``; with ``auto`` what the model was trained in.

    Raises:
        ConfigError: for ``int8`` on a GPU, for which there are no such products here.
    """
    if choice == "int8" and device.type != "cpu":
        raise ConfigError(
            f"decode.precision: int8 is for CPUs, but the model is on {device.type}: take bf16"
        )
    if choice != "auto":
        return choice
    # What was trained in fp16 has its weights in fp32, as all have: bf16 needs no care with range.
    found = resolve_precision("auto" if trained == "fp16" else trained, device)
    assert found != "fp16", "auto is bf16 or fp32"
    return found


def prepared(model: ModelT, precision: InferencePrecision) -> ModelT:
    """A model that shares the parameters of ``model`` which stay as they are.

    A decoder's recurrent layers go step by step, see :mod:`model.stepped`. For bf16 the weights of
    linear and recurrent layers are rounded as autocast, under which the model must run all the
    same, would round them in every step. For int8 see :mod:`model.int8`; an encoder that hands its
    last cells on reads packed sentences and stays in float32.
    """
    ours: ModelT = copy.deepcopy(model, {id(shared): shared for shared in model.parameters()})
    for part in list(ours.modules()):
        goes_alone = isinstance(part, RecurrentDecoder) or (
            precision == "int8" and isinstance(part, RecurrentEncoder) and not part.keeps_cells
        )
        if goes_alone:
            _replace(part, lambda child: _stepped(child, precision))
        elif isinstance(part, Transformer) and precision == "int8":
            tied = tied_in_int8(part.output, part.decoder.embedding.tokens)
            part.output = tied  # type: ignore[assignment]
    _replace(ours, lambda child: _rounded(child, precision))
    return ours.eval()


def _stepped(module: nn.Module, precision: InferencePrecision) -> nn.Module | None:
    """A recurrent layer step by step; None for any other module."""
    if not isinstance(module, nn.LSTM | nn.GRU):
        return None
    return SteppedRecurrent(module, Int8Linear if precision == "int8" else _linear)


def _rounded(module: nn.Module, precision: InferencePrecision) -> nn.Module | None:
    """A layer with its weights at ``precision``; None where they stay."""
    if precision == "bf16" and isinstance(module, nn.Linear | nn.LSTM | nn.GRU):
        return copy.deepcopy(module).to(torch.bfloat16)
    # A single output is a product with a vector, which attention reads as such.
    if precision == "int8" and isinstance(module, nn.Linear) and module.out_features > 1:
        return Int8Linear(module.weight, module.bias)
    return None


def _replace(parent: nn.Module, replacement: Callable[[nn.Module], nn.Module | None]) -> None:
    """Put what ``replacement`` makes of a module below ``parent`` in its place."""
    for module in list(parent.modules()):
        for name, child in list(module.named_children()):
            new = replacement(child)
            if new is not None:
                setattr(module, name, new)


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    """A linear layer of these parameters."""
    linear = nn.Linear(weight.shape[1], weight.shape[0], device="meta")
    linear.weight, linear.bias = nn.Parameter(weight), nn.Parameter(bias)
    return linear
