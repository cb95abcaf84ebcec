"""Greedy search, and the loop that it shares with sampling: one hypothesis a sentence.

Legend: B sentences still in the batch, V vocabulary, T steps.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from model.config import DecodeConfig
from model.coverage import Coverage
from model.rules import Rules
from model.search import (
    Hypothesis,
    SearchModel,
    StateT,
    best_tokens,
    hypothesis,
    length_penalty,
    max_lengths,
    no_probability,
    staying,
)
from pipeline.tokenizer import BOS_ID, EOS_ID, PAD_ID

Choice = Callable[[Tensor, Tensor, int], Tensor]
"""The next token of each row, of its log-probabilities (B, V), its sentence (B) and the step."""


def greedy(
    model: SearchModel[StateT], source_BS: Tensor, source_lengths_B: Tensor, config: DecodeConfig
) -> list[Hypothesis]:
    """The most probable token at every step; one hypothesis a sentence, in the order given."""
    return follow(model, source_BS, source_lengths_B, config, most_probable)


def most_probable(log_probs_BV: Tensor, sentence_B: Tensor, step: int) -> Tensor:
    """Of equally probable tokens, the one that a beam takes first."""
    return best_tokens(log_probs_BV, 1)[1][:, 0]


def follow(
    model: SearchModel[StateT],
    source_BS: Tensor,
    source_lengths_B: Tensor,
    config: DecodeConfig,
    choose: Choice,
) -> list[Hypothesis]:
    """One hypothesis a sentence, in the order given, each token being ``choose``'s."""
    lengths_B = source_lengths_B.to(source_BS.device)
    limit_B = max_lengths(lengths_B, config)
    steps = int(limit_B.max())
    rules = Rules(lengths_B, config)
    coverage = Coverage(model, lengths_B, source_BS.shape[1], config)
    chosen_BT = torch.full((len(limit_B), steps), PAD_ID, device=source_BS.device)
    total_B = torch.zeros(len(limit_B), device=source_BS.device)
    uncovered_B = coverage.penalty()

    state = model.start(source_BS, source_lengths_B)
    sentence_B = torch.arange(len(limit_B), device=source_BS.device)  # of each row, as others leave
    running_B = torch.ones_like(sentence_B, dtype=torch.bool)
    token_B = torch.full_like(sentence_B, BOS_ID)
    log_prob_B = torch.zeros_like(total_B)
    for step in range(steps):
        log_probs_BV, state = model.step(state, token_B)
        coverage.see(state)
        rules.forbid(log_probs_BV)
        token_B = choose(log_probs_BV, sentence_B, step)
        log_prob_B = log_prob_B + log_probs_BV.gather(1, token_B[:, None])[:, 0]
        chosen_BT[sentence_B[running_B], step] = token_B[running_B]
        total_B[sentence_B[running_B]] = log_prob_B[running_B]
        uncovered_B[sentence_B[running_B]] = coverage.penalty()[running_B]

        running_B = running_B & (token_B != EOS_ID) & (limit_B[sentence_B] > step + 1)
        if not running_B.any():
            break
        stay_B = staying(running_B)
        if len(stay_B) < len(running_B):
            state = model.reorder(state, stay_B)
            sentence_B, running_B = sentence_B[stay_B], running_B[stay_B]
            token_B, log_prob_B = token_B[stay_B], log_prob_B[stay_B]
        rules.follow(stay_B, token_B)
        coverage.follow(stay_B)
    if not total_B.isfinite().all():
        raise no_probability(int((~total_B.isfinite()).nonzero()[0]))
    return [
        _closed([token for token in tokens if token != PAD_ID], log_prob, penalty, config)
        for tokens, log_prob, penalty in zip(
            chosen_BT.tolist(), total_B.tolist(), uncovered_B.tolist(), strict=True
        )
    ]


def _closed(
    tokens: list[int], log_prob: float, uncovered: float, config: DecodeConfig
) -> Hypothesis:
    return hypothesis(tokens, log_prob, log_prob / length_penalty(len(tokens), config) + uncovered)
