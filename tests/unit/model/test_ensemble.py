"""Several models as one: the mean of what they say."""

from __future__ import annotations

import pytest
import torch

from model.architectures import section_class
from model.batches import pad_sources
from model.beam import beam
from model.build import build_model
from model.config import DecodeConfig
from model.ensemble import Ensemble
from model.greedy import greedy
from model.translation_model import TranslationModel
from pipeline.errors import ConfigError

TRANSFORMER = {"architecture": "transformer", "model_size": 8, "heads": 2, "feedforward_size": 8}
TEXTS = [[4 + (3 * i + j) % 8 for j in range(1 + i)] for i in range(10)]


def random_model(seed: int, **changes: object) -> TranslationModel:
    torch.manual_seed(seed)
    sizes = {} if "architecture" in changes else {"embedding_size": 8, "hidden_size": 8}
    settings = section_class(changes).model_validate({"dropout": 0.0, **sizes, **changes})
    model = build_model(settings, 12, 12).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(std=0.8)
    return model


@pytest.fixture(autouse=True)
def _inference() -> object:
    with torch.inference_mode():
        yield


def test_an_ensemble_says_the_mean_of_the_probabilities() -> None:
    models = [random_model(1), random_model(2, **TRANSFORMER)]
    together = Ensemble(models)
    state = together.start(*pad_sources(TEXTS))
    apart = [model.start(*pad_sources(TEXTS)) for model in models]
    for token in (2, 5, 7):
        token_R = torch.full((len(TEXTS),), token)
        log_probs_RV, state = together.step(state, token_R)
        expected_RV = torch.zeros(len(TEXTS), 12)
        for place, model in enumerate(models):
            one_RV, apart[place] = model.step(apart[place], token_R)
            expected_RV += one_RV.exp() / 2
        assert torch.allclose(log_probs_RV.exp(), expected_RV, atol=1e-6)


def test_an_ensemble_of_one_and_the_same_model_is_that_model() -> None:
    model = random_model(1)
    settings = DecodeConfig(beam_size=3, coverage_penalty=0.3)
    batch = pad_sources(TEXTS)
    for search in (beam, greedy):
        alone, together = (
            search(model, *batch, settings),
            search(Ensemble([model] * 3), *batch, settings),
        )
        for one, other in zip(alone, together, strict=True):
            mine = one[0] if isinstance(one, list) else one
            theirs = other[0] if isinstance(other, list) else other
            assert mine.tokens == theirs.tokens
            assert mine.score == pytest.approx(theirs.score, abs=1e-4)


def test_the_attention_of_an_ensemble_is_the_mean_if_all_tell_theirs() -> None:
    models = [random_model(1), random_model(2, attention="additive")]
    told = Ensemble(models)
    _, state = told.step(told.start(*pad_sources(TEXTS)), torch.full((10,), 2))
    weights_RS = told.attention(state)
    assert weights_RS is not None
    assert torch.allclose(weights_RS.sum(1), torch.ones(10), atol=1e-5)
    of_each = [model.attention(one) for model, one in zip(models, state, strict=True)]
    assert torch.allclose(weights_RS, sum(w for w in of_each if w is not None) / 2)
    silent = Ensemble([models[0], random_model(3, **TRANSFORMER)])
    with pytest.raises(ConfigError, match=r"decode\.coverage_penalty must be 0"):
        beam(silent, *pad_sources(TEXTS), DecodeConfig(coverage_penalty=0.1))
