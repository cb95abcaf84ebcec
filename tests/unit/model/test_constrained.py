"""Forced terms: where they are said, that they always are, and what they cost."""

from __future__ import annotations

from itertools import product

import pytest
import torch

from model.batches import pad_sources
from model.beam import beam
from model.build import build_model
from model.config import DecodeConfig, ModelConfig
from model.constrained import Constraints, Progress, Term
from model.search import Hypothesis, max_lengths
from model.translation_model import TranslationModel

WORDS = 12
NOTHING_GOES_ON = torch.zeros(WORDS, dtype=torch.bool)
TEXTS = [[4 + (3 * i + j) % 8 for j in range(1 + i % 5)] for i in range(13)]


def random_model(seed: int = 0) -> TranslationModel:
    torch.manual_seed(seed)
    settings = ModelConfig(embedding_size=8, hidden_size=8, dropout=0.0)
    model = build_model(settings, 12, WORDS).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_()
    return model


def search(
    terms: list[list[Term]],
    seed: int = 0,
    texts: list[list[int]] = TEXTS,
    continues: torch.Tensor = NOTHING_GOES_ON,
    **changes: object,
) -> list[list[Hypothesis]]:
    settings = DecodeConfig.model_validate(changes)
    batch = pad_sources(texts)
    constraints = Constraints(terms, continues, max_lengths(batch[1], settings))
    with torch.inference_mode():
        return beam(random_model(seed), *batch, settings, constraints)


def says(found: Hypothesis, term: Term) -> bool:
    starts = range(len(found.tokens) - len(term) + 1)
    return any(found.tokens[start : start + len(term)] == term for start in starts)


def test_progress_follows_a_term_to_its_end() -> None:
    start = Progress(((5, 6, 7), (8,)))
    assert (start.missing, start.wanted()) == (4, {5, 8})
    begun = start.after(5)
    assert (begun.missing, begun.wanted()) == (3, {6})
    done = begun.after(6).after(7)
    assert (done.missing, done.wanted(), done.closed) == (1, {8}, True)
    assert done.after(8).missing == 0
    assert not done.after(9).closed


def test_a_term_that_is_broken_off_is_left_to_say() -> None:
    begun = Progress(((5, 6, 7), (8,))).after(5).after(6)
    broken = begun.after(9)
    assert (broken.missing, broken.wanted()) == (4, {5, 8})
    # What breaks it off may begin it anew, or another one.
    assert begun.after(5).missing == 3
    assert begun.after(8).missing == 3


def test_terms_that_begin_alike_are_told_apart_by_how_they_go_on() -> None:
    begun = Progress(((5, 6), (5, 7))).after(5)
    assert begun.wanted() == {6, 7}
    assert begun.after(7) == Progress(((5, 6),), closed=True)


@pytest.mark.parametrize("beam_size", [1, 2, 5])
@pytest.mark.parametrize("seed", range(3))
def test_every_term_is_said_exactly(seed: int, beam_size: int) -> None:
    choices: list[list[Term]] = [[], [(4, 5, 6)], [(7,), (8, 8)], [(9, 10), (9, 11), (4,)]]
    terms = [choices[i % 4] for i in range(len(TEXTS))]
    found = search(terms, seed, beam_size=beam_size, n_best=beam_size)
    for own, hypotheses in zip(terms, found, strict=True):
        assert hypotheses
        assert all(says(one, term) for one in hypotheses for term in own)


def test_terms_that_just_fit_are_said_and_nothing_else() -> None:
    # A source of one word and EOS, at one token each and three more: five tokens.
    terms: list[list[Term]] = [[(4, 5, 6), (7, 8)]]
    for size in (1, 5):
        limits = {"max_length_ratio": 1.0, "max_length_extra": 3, "beam_size": size}
        ((found, *_),) = search(terms, texts=[[9]], **limits)
        assert found.tokens in ((4, 5, 6, 7, 8), (7, 8, 4, 5, 6))


def test_a_sentence_without_terms_is_translated_as_without_constraints() -> None:
    terms: list[list[Term]] = [[] if i % 2 else [(4, 5)] for i in range(len(TEXTS))]
    settings = DecodeConfig(beam_size=4, n_best=4)
    found = search(terms, beam_size=4, n_best=4)
    with torch.inference_mode():
        free = beam(random_model(), *pad_sources(TEXTS), settings)
    for place in range(1, len(TEXTS), 2):
        assert [one.tokens for one in found[place]] == [one.tokens for one in free[place]]


def test_a_wide_beam_finds_the_best_translation_that_says_the_term() -> None:
    limits = {"max_length_ratio": 0.0, "max_length_extra": 3, "length_penalty": 0.0}
    term = (5, 6)
    batch = pad_sources([[4, 7]])
    best = -float("inf")
    model = random_model(2)
    words = [1, *range(3, WORDS)]
    with torch.inference_mode():
        for tokens in product(words, repeat=3):
            # EOS stands last or nowhere; two tokens and EOS are three too.
            if 3 in tokens[:2] or term not in (tokens[:2], tokens[1:]):
                continue
            state, last, log_prob = model.start(*batch), 2, 0.0
            for token in tokens:
                log_probs_BV, state = model.step(state, torch.tensor([last]))
                log_prob, last = log_prob + float(log_probs_BV[0, token]), token
            best = max(best, log_prob)
    ((found, *_),) = search([[term]], 2, [[4, 7]], beam_size=300, **limits)
    assert found.log_prob == pytest.approx(best, abs=1e-4)


def test_behind_a_term_no_word_goes_on() -> None:
    goes_on = torch.zeros(WORDS, dtype=torch.bool)
    goes_on[[4, 5, 6, 7, 8]] = True
    for seed in range(4):
        for ((found, *_),) in zip(
            search([[(9, 10)]] * len(TEXTS), seed, continues=goes_on), strict=True
        ):
            places = [i for i in range(len(found.tokens) - 1) if found.tokens[i : i + 2] == (9, 10)]
            assert any(
                place + 2 == len(found.tokens) or not goes_on[found.tokens[place + 2]]
                for place in places
            )
