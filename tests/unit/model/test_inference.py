"""Models as searches run them: bf16 weights rounded once, and products of 8-bit integers."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn

from model.architectures import section_class
from model.batches import pad_sources
from model.build import build_model
from model.inference import prepared, resolve_inference
from model.int8 import Int8Linear, rounded
from model.precision import autocast
from model.stepped import SteppedRecurrent
from model.translation_model import TranslationModel
from pipeline.errors import ConfigError
from recurrent_models import RECURRENT

CPU = torch.device("cpu")
TRANSFORMER = {"architecture": "transformer", "model_size": 32, "heads": 2, "feedforward_size": 48}
KINDS: dict[str, dict[str, object]] = {**RECURRENT, "transformer": TRANSFORMER}
TEXTS = [[4 + (3 * i + j) % 20 for j in range(1 + i)] for i in range(5)]


def random_model(changes: dict[str, object]) -> TranslationModel:
    torch.manual_seed(4)
    sizes = {} if changes.get("architecture") == "transformer" else {"hidden_size": 32}
    settings = section_class(changes).model_validate({"dropout": 0.0, **sizes, **changes})
    return build_model(settings, 24, 24).eval()


def first_log_probs(model: TranslationModel, precision: str = "fp32") -> torch.Tensor:
    """Of the third token of each sentence."""
    with torch.inference_mode(), autocast("bf16" if precision == "bf16" else "fp32", CPU):
        state = model.start(*pad_sources(TEXTS))
        for token in (2, 5, 9):
            log_probs_BV, state = model.step(state, torch.full((len(TEXTS),), token))
        return log_probs_BV


def test_eight_bits_are_127_steps_each_way() -> None:
    steps_ME, scale_M1 = rounded(torch.tensor([[1.27, -0.634, 0.0], [0.0, 0.0, 0.0]]))
    assert steps_ME.tolist() == [[127, -63, 0], [0, 0, 0]]
    assert scale_M1[0].item() == pytest.approx(0.01)


def test_an_8_bit_product_is_the_product_of_what_was_rounded() -> None:
    weight_OE = torch.tensor([[1.27, -0.60], [0.10, 0.127]])
    layer = Int8Linear(weight_OE, torch.tensor([0.5, -0.5]))
    y = layer(torch.tensor([[[1.0, -1.0]], [[0.0, 1.27]]]))
    # Every number above is a whole number of its row's steps.
    expected = [[[1.87 + 0.5, -0.027 - 0.5]], [[-0.762 + 0.5, 0.16129 - 0.5]]]
    assert torch.allclose(y, torch.tensor(expected), atol=1e-6)


@pytest.mark.parametrize("unit", [nn.LSTM, nn.GRU])
@pytest.mark.parametrize("layers", [1, 2])
def test_recurrent_layers_in_8_bits_are_nearly_what_they_were(
    unit: type[nn.LSTM] | type[nn.GRU], layers: int
) -> None:
    torch.manual_seed(0)
    exact = unit(24, 32, num_layers=layers, batch_first=True)
    ours = SteppedRecurrent(exact, Int8Linear)
    read_RTE = torch.randn(3, 7, 24)
    with torch.inference_mode():
        for states in (None, exact(torch.randn(3, 4, 24))[1]):
            output, after = exact(read_RTE, states)
            our_output, our_after = ours(read_RTE, states)
            assert (our_output - output).abs().max() < 0.03
            for mine, theirs in zip(our_after, after, strict=True):
                assert mine.shape == theirs.shape
                assert (mine - theirs).abs().max() < 0.05


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_architecture_says_nearly_the_same_in_8_bits(kind: dict[str, object]) -> None:
    model = random_model(kind)
    exact = first_log_probs(model)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours = prepared(model, "int8")
        found = first_log_probs(ours)
    assert (found - exact).abs().max() < 0.1
    assert not torch.equal(found, exact)
    # The model itself is as it was.
    assert torch.equal(first_log_probs(model), exact)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_weights_rounded_beforehand_are_what_autocast_makes_of_them(
    kind: dict[str, object],
) -> None:
    model = random_model(kind)
    exact = first_log_probs(model)
    under_autocast = first_log_probs(model, "bf16")
    found = first_log_probs(prepared(model, "bf16"), "bf16")
    # Steps keep their gates in float32, so they may be nearer to the truth, not farther.
    error = (under_autocast - exact).abs().max()
    assert (found - exact).abs().max() < 1.5 * error
    assert torch.equal(first_log_probs(model, "bf16"), under_autocast)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_model_in_fp32_says_what_it_said(kind: dict[str, object]) -> None:
    model = random_model(kind)
    assert torch.allclose(
        first_log_probs(prepared(model, "fp32")), first_log_probs(model), atol=1e-5
    )


def test_what_is_not_rounded_is_shared() -> None:
    model = random_model({})
    for precision in ("fp32", "bf16", "int8"):
        ours = prepared(model, precision)
        name = "decoder.embedding.weight"
        assert ours.get_parameter(name) is model.get_parameter(name)


def test_int8_is_for_cpus() -> None:
    assert resolve_inference("int8", "bf16", CPU) == "int8"
    assert resolve_inference("auto", "bf16", CPU) == "bf16"
    assert resolve_inference("fp32", "bf16", CPU) == "fp32"
    with pytest.raises(ConfigError, match=r"int8 is for CPUs, but the model is on cuda"):
        resolve_inference("int8", "auto", torch.device("cuda"))
