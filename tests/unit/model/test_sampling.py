"""Sampling: what is drawn, how often, and that the seed decides it."""

from __future__ import annotations

from collections import Counter
from math import log

import pytest
import torch

from model.batches import pad_sources
from model.build import build_model
from model.config import DecodeConfig, ModelConfig
from model.greedy import greedy
from model.sampling import drawn, sample
from model.translation_model import TranslationModel
from pipeline.tokenizer import BOS_ID, EOS_ID

# Five tokens; the most probable one is number 3.
PROBABILITIES = (0.1, 0.2, 0.05, 0.5, 0.15)


def config(**changes: object) -> DecodeConfig:
    return DecodeConfig.model_validate({"method": "sample", **changes})


def shares(settings: DecodeConfig, draws: int = 1000) -> dict[int, float]:
    """How often each token comes up when the uniform numbers are evenly spread."""
    log_probs_BV = torch.tensor([PROBABILITIES]).log().expand(draws, -1)
    uniform_B = (torch.arange(draws, dtype=torch.float64) + 0.5) / draws
    counts = Counter(drawn(log_probs_BV, uniform_B, settings).tolist())
    return {token: count / draws for token, count in sorted(counts.items())}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {0: 0.1, 1: 0.2, 2: 0.05, 3: 0.5, 4: 0.15}),
        ({"top_k": 2}, {1: 2 / 7, 3: 5 / 7}),
        ({"top_k": 9}, {0: 0.1, 1: 0.2, 2: 0.05, 3: 0.5, 4: 0.15}),
        # 0.5 is not 0.6 yet, 0.7 is.
        ({"top_p": 0.6}, {1: 2 / 7, 3: 5 / 7}),
        ({"top_p": 0.4}, {3: 1.0}),
        ({"top_k": 3, "top_p": 0.8}, {1: 2 / 7, 3: 5 / 7}),
        # Squared: .01 .04 .0025 .25 .0225 of .325.
        ({"temperature": 0.5}, {0: 0.031, 1: 0.123, 2: 0.008, 3: 0.769, 4: 0.069}),
        ({"temperature": 1e-3}, {3: 1.0}),
    ],
)
def test_tokens_are_drawn_as_probable_as_they_are(
    changes: dict[str, object], expected: dict[int, float]
) -> None:
    assert shares(config(**changes)) == pytest.approx(expected, abs=2e-3)


def test_the_impossible_is_never_drawn() -> None:
    log_probs_BV = torch.tensor([[-torch.inf, log(0.5), -torch.inf, log(0.5)]])
    for share in (0.0, 0.4999, 0.5001, 1.0 - 1e-16):
        assert drawn(log_probs_BV, torch.tensor([share]).double(), config()).item() in (1, 3)


@pytest.fixture(scope="module")
def model() -> TranslationModel:
    torch.manual_seed(5)
    settings = ModelConfig(embedding_size=8, hidden_size=8, dropout=0.0)
    model = build_model(settings, 20, 20).eval()
    # Sharp enough to have opinions, not so sharp that nothing is left to draw.
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(std=0.7)
        model.get_parameter("output.bias")[EOS_ID] = 2.0
    return model


TEXTS = [[4 + i % 16] * (1 + i % 4) for i in range(20)]


def numbers(texts: list[list[int]]) -> list[tuple[int, int]]:
    """Each text is a line."""
    return [(line, 0) for line in range(len(texts))]


def draws(
    model: TranslationModel, settings: DecodeConfig, texts: list[list[int]] = TEXTS
) -> list[tuple[int, ...]]:
    with torch.inference_mode():
        found = sample(model, *pad_sources(texts), settings, numbers(texts))
    return [one.tokens for one in found]


def test_the_seed_decides_what_is_drawn(model: TranslationModel) -> None:
    assert draws(model, config(seed=3)) == draws(model, config(seed=3))
    assert draws(model, config(seed=3)) != draws(model, config(seed=4))
    # One number a sentence: the same text twice is drawn for twice.
    assert len(set(draws(model, config(seed=3), [[5, 6]] * 8))) > 1


def test_what_is_drawn_for_a_sentence_does_not_depend_on_its_company(
    model: TranslationModel,
) -> None:
    together = draws(model, config())
    with torch.inference_mode():
        for number, text in enumerate(TEXTS):
            (alone,) = sample(model, *pad_sources([text]), config(), [(number, 0)])
            assert alone.tokens == together[number]


def test_a_cold_sample_is_greedy_search(model: TranslationModel) -> None:
    settings = config(temperature=1e-6, min_length_ratio=1.0, no_repeat_ngram=2)
    with torch.inference_mode():
        found = sample(model, *pad_sources(TEXTS), settings, numbers(TEXTS))
        assert found == greedy(model, *pad_sources(TEXTS), settings)


def test_the_score_of_a_sample_is_the_models_own(model: TranslationModel) -> None:
    settings = config(temperature=0.5, length_penalty=0.0)
    with torch.inference_mode():
        (found,) = sample(model, *pad_sources([[4, 5]]), settings, [(0, 0)])
        state = model.start(*pad_sources([[4, 5]]))
        log_prob, last = 0.0, BOS_ID
        # Three source tokens allow for sixteen, EOS among them.
        for token in (*found.tokens, EOS_ID)[:16]:
            log_probs_BV, state = model.step(state, torch.tensor([last]))
            log_prob, last = log_prob + float(log_probs_BV[0, token]), token
    assert found.log_prob == pytest.approx(log_prob, abs=1e-5)
