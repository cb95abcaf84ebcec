"""A trained model as a search runs it at a precision: weights converted once, not at every step."""

from __future__ import annotations

import copy
from typing import Literal, TypeVar

import torch
from torch import nn

from model.config import DecodePrecision, PrecisionChoice
from model.encoder import RecurrentEncoder
from model.int8 import in_int8, tied_in_int8
from model.precision import resolve_precision
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
    return resolve_precision(trained, device) if choice == "auto" else choice


def prepared(model: ModelT, precision: InferencePrecision) -> ModelT:
    """A model that shares the parameters of ``model`` which stay as they are.

    For bf16 the weights of linear and recurrent layers are rounded as autocast, under which it must
    run all the same, would round them in every step. For int8 see :mod:`model.int8`; an encoder
    that hands its last cells on reads packed sentences and stays in float32.
    """
    if precision == "fp32":
        return model
    shared = {id(parameter): parameter for parameter in model.parameters()}
    ours: ModelT = copy.deepcopy(model, dict(shared))
    for parent in list(ours.modules()):
        if precision == "int8" and isinstance(parent, Transformer):
            tied = tied_in_int8(parent.output, parent.decoder.embedding.tokens)
            parent.output = tied  # type: ignore[assignment]
        for name, child in list(parent.named_children()):
            replacement = in_bf16(child) if precision == "bf16" else in_int8(child)
            if replacement is not None:
                setattr(parent, name, replacement)
    packed = _paired(ours, model) if precision == "int8" else []
    for encoder, theirs in packed:
        encoder.layers = theirs.layers
    return ours.eval()


def in_bf16(module: nn.Module) -> nn.Module | None:
    """A linear or recurrent layer with its weights rounded; None for any other module."""
    if isinstance(module, nn.Linear | nn.LSTM | nn.GRU):
        return copy.deepcopy(module).to(torch.bfloat16)
    return None


def _paired(ours: nn.Module, model: nn.Module) -> list[tuple[RecurrentEncoder, RecurrentEncoder]]:
    """The encoders that read packed sentences, prepared and as they were."""
    pairs = []
    for name, module in model.named_modules():
        twin = ours.get_submodule(name)
        if isinstance(module, RecurrentEncoder) and module.keeps_cells:
            assert isinstance(twin, RecurrentEncoder)
            pairs.append((twin, module))
    return pairs
