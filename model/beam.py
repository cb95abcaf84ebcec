"""Beam search.

Legend: B sentences still in the batch, K beam: hypotheses a sentence, R = B x K rows, V vocabulary,
N kept hypotheses a sentence.
"""

from __future__ import annotations

import torch
from torch import Tensor

from model.config import DecodeConfig
from model.constrained import Constraints
from model.coverage import Coverage
from model.rules import Rules
from model.search import (
    Hypothesis,
    SearchModel,
    StateT,
    best_tokens,
    length_penalty,
    max_lengths,
    staying,
)
from model.trellis import Trellis
from pipeline.tokenizer import BOS_ID, EOS_ID


def beam(
    model: SearchModel[StateT],
    source_BS: Tensor,
    source_lengths_B: Tensor,
    config: DecodeConfig,
    constraints: Constraints | None = None,
) -> list[list[Hypothesis]]:
    """The ``n_best`` hypotheses of every sentence, best first; sentences in the order given.

    As in Sutskever et al. 2014, §3.2, a hypothesis that ends leaves the beam, which goes on with
    one place less; so a beam of one is greedy search. A sentence ends early only once nothing
    alive can reach its ``n_best`` (see :func:`hopeful`): what is returned is what going on to the
    end would return.

    With ``constraints`` every hypothesis says its sentence's terms (see :mod:`model.constrained`).
    """
    K = config.beam_size
    lengths_B = source_lengths_B.to(source_BS.device)
    limit_B = max_lengths(lengths_B, config)
    steps = int(limit_B.max())
    trellis = Trellis(len(limit_B), steps, K, source_BS.device)
    lengths_R = lengths_B.repeat_interleave(K)
    rules = Rules(lengths_R, config)
    coverage = Coverage(model, lengths_R, source_BS.shape[1], config)
    sentence_B = torch.arange(len(limit_B), device=source_BS.device)  # of K rows, as others leave
    rank_K = torch.arange(K, device=source_BS.device)

    state = model.start(source_BS, source_lengths_B)
    state = model.reorder(state, sentence_B.repeat_interleave(K))
    token_BK = torch.full((len(limit_B), K), BOS_ID, device=source_BS.device)
    # All K start alike: only the first is alive, or the beam would fill with copies.
    log_prob_BK = torch.where(rank_K == 0, 0.0, -torch.inf).expand(len(limit_B), K)
    places_B = torch.full_like(sentence_B, K)
    kept_BN = torch.full_like(log_prob_BK[:, : config.n_best], -torch.inf, dtype=torch.float64)
    for length in range(1, steps + 1):
        log_probs_RV, state = model.step(state, token_BK.flatten())
        coverage.see(state)
        rules.forbid(log_probs_RV)
        if constraints is None:
            best = best_extensions(log_prob_BK, log_probs_RV)
        else:
            best = constraints.extend(log_prob_BK, log_probs_RV, sentence_B, length)
        log_prob_BK, parent_BK, token_BK = best
        trellis.grow(sentence_B, parent_BK, token_BK)

        alive_BK = (rank_K < places_B[:, None]) & (log_prob_BK > -torch.inf)
        closed_BK = alive_BK & ((token_BK == EOS_ID) | (limit_B == length)[:, None])
        score_BK = log_prob_BK.double() / length_penalty(length, config)
        score_BK = score_BK + coverage.penalty().view(-1, K).gather(1, parent_BK)
        trellis.close(sentence_B, closed_BK, log_prob_BK, score_BK)
        places_B = places_B - closed_BK.sum(1)
        kept_BN = kept(kept_BN, score_BK.masked_fill(~closed_BK, -torch.inf))

        log_prob_BK = log_prob_BK.masked_fill(~alive_BK | closed_BK, -torch.inf)
        running_B = hopeful(log_prob_BK, limit_B, kept_BN, config)
        if not running_B.any():
            break
        log_prob_BK = log_prob_BK.masked_fill(~running_B[:, None], -torch.inf)
        stay_B = staying(running_B)
        row_R = (stay_B[:, None] * K + parent_BK[stay_B]).flatten()
        if len(stay_B) < len(running_B):
            sentence_B, limit_B, places_B = sentence_B[stay_B], limit_B[stay_B], places_B[stay_B]
            token_BK, log_prob_BK, kept_BN = token_BK[stay_B], log_prob_BK[stay_B], kept_BN[stay_B]
        state = model.reorder(state, row_R)
        rules.follow(row_R, token_BK.flatten())
        coverage.follow(row_R)
    return trellis.hypotheses(config.n_best)


def best_extensions(log_prob_BK: Tensor, log_probs_RV: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The K most probable of all hypotheses with all next tokens.

    Only the K best next tokens of a hypothesis can be among them.

    Returns:
        Log-probabilities, best first, the hypotheses extended and the tokens, each (B, K).
    """
    B, K = log_prob_BK.shape
    reach = min(K, log_probs_RV.shape[1])
    next_RX, token_RX = best_tokens(log_probs_RV, reach)
    extended_BX = (log_prob_BK.reshape(-1, 1) + next_RX).view(B, -1)
    log_prob_BK, choice_BK = extended_BX.topk(K)
    return log_prob_BK, choice_BK // reach, token_RX.view(B, -1).gather(1, choice_BK)


def kept(kept_BN: Tensor, closed_BK: Tensor) -> Tensor:
    """The N best scores of what was kept and what was closed, best first."""
    return torch.cat((kept_BN, closed_BK), dim=1).topk(kept_BN.shape[1]).values


def hopeful(log_prob_BK: Tensor, limit_B: Tensor, kept_BN: Tensor, config: DecodeConfig) -> Tensor:
    """Which sentences have a live hypothesis that may still end above the worst that is kept.

    Log-probabilities only fall, the length penalty only grows with the length, and the coverage
    penalty is never above zero: no continuation can score above
    log_prob / length_penalty(maximum length).
    """
    best_B = log_prob_BK.amax(dim=1).double() / length_penalty(limit_B.double(), config)
    return best_B > kept_BN[:, -1]
