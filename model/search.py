"""Greedy and beam search over anything that can start, step and reorder.

Legend: B sentences still in the batch, K beam: hypotheses a sentence, R = B x K rows, V vocabulary,
T steps, N kept hypotheses a sentence. Log-probabilities are natural; callers run under
``torch.inference_mode()``.

The length of a hypothesis counts all tokens generated, the closing ``EOS_ID`` among them. One that
reaches its maximum length without ``EOS_ID`` is closed as it stands, with the probability so far.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar, overload

import torch
from torch import Tensor

from model.config import DecodeConfig
from pipeline.tokenizer import BOS_ID, EOS_ID, PAD_ID

StateT = TypeVar("StateT")

# Finished sentences leave the batch in groups of this many, as every new number of rows costs
# oneDNN a new bf16 kernel.
LEAVE_TOGETHER = 8


class SearchModel(Protocol[StateT]):
    """What search asks of a model; only the model looks inside its state."""

    def start(self, source_BS: Tensor, source_lengths_B: Tensor) -> StateT:
        """The state before the first token: a row a sentence."""

    def step(self, state: StateT, token_R: Tensor, /) -> tuple[Tensor, StateT]:
        """Read a token a row: float32 log-probabilities of the next, (R, V), and the state."""

    def reorder(self, state: StateT, index_R: Tensor, /) -> StateT:
        """The rows at ``index_R``; they may be repeated, left out and moved."""


@dataclass(frozen=True)
class Hypothesis:
    """A translation found.

    Attributes:
        tokens: its ids, without ``BOS_ID`` and ``EOS_ID``.
        log_prob: of all tokens generated, ``EOS_ID`` among them.
        score: log_prob divided by the length penalty; the higher the better.
    """

    tokens: tuple[int, ...]
    log_prob: float
    score: float


def greedy(
    model: SearchModel[StateT], source_BS: Tensor, source_lengths_B: Tensor, config: DecodeConfig
) -> list[Hypothesis]:
    """The most probable token at every step; one hypothesis a sentence, in the order given."""
    device = source_BS.device
    limit_B = max_lengths(source_lengths_B, config).to(device)
    steps = int(limit_B.max())
    chosen_BT = torch.full((len(limit_B), steps), PAD_ID, device=device)
    total_B = torch.zeros(len(limit_B), device=device)

    state = model.start(source_BS, source_lengths_B)
    sentence_B = torch.arange(len(limit_B), device=device)  # of each row, as others leave
    running_B = torch.ones_like(sentence_B, dtype=torch.bool)
    token_B = torch.full_like(sentence_B, BOS_ID)
    log_prob_B = torch.zeros_like(total_B)
    for step in range(steps):
        log_probs_BV, state = model.step(state, token_B)
        log_prob_B1, token_B1 = extended(log_prob_B[:, None], log_probs_BV).topk(1)
        log_prob_B, token_B = log_prob_B1[:, 0], token_B1[:, 0]
        chosen_BT[sentence_B[running_B], step] = token_B[running_B]
        total_B[sentence_B[running_B]] = log_prob_B[running_B]

        running_B = running_B & (token_B != EOS_ID) & (limit_B[sentence_B] > step + 1)
        if not running_B.any():
            break
        stay_B = staying(running_B)
        if len(stay_B) < len(running_B):
            state = model.reorder(state, stay_B)
            sentence_B, running_B = sentence_B[stay_B], running_B[stay_B]
            token_B, log_prob_B = token_B[stay_B], log_prob_B[stay_B]
    if not total_B.isfinite().all():
        raise no_probability(int((~total_B.isfinite()).nonzero()[0]))
    return [
        hypothesis([token for token in tokens if token != PAD_ID], log_prob, config)
        for tokens, log_prob in zip(chosen_BT.tolist(), total_B.tolist(), strict=True)
    ]


def beam(
    model: SearchModel[StateT], source_BS: Tensor, source_lengths_B: Tensor, config: DecodeConfig
) -> list[list[Hypothesis]]:
    """The ``n_best`` hypotheses of every sentence, best first; sentences in the order given.

    As in Sutskever et al. 2014, §3.2, a hypothesis that ends leaves the beam, which goes on with
    one place less; so a beam of one is greedy search. A sentence ends early only once nothing
    alive can reach its ``n_best`` (see :func:`hopeful`): what is returned is what going on to the
    end would return.
    """
    K = config.beam_size
    limit_B = max_lengths(source_lengths_B, config).to(source_BS.device)
    trellis = Trellis(len(limit_B), int(limit_B.max()), config, source_BS.device)
    sentence_B = torch.arange(len(limit_B), device=source_BS.device)  # of K rows, as others leave
    rank_K = torch.arange(K, device=source_BS.device)

    state = model.start(source_BS, source_lengths_B)
    state = model.reorder(state, sentence_B.repeat_interleave(K))
    token_BK = torch.full((len(limit_B), K), BOS_ID, device=source_BS.device)
    # All K start alike: only the first is alive, or the beam would fill with copies.
    log_prob_BK = torch.where(rank_K == 0, 0.0, -torch.inf).expand(len(limit_B), K)
    places_B = torch.full_like(sentence_B, K)
    kept_BN = torch.full_like(log_prob_BK[:, : config.n_best], -torch.inf, dtype=torch.float64)
    for length in range(1, int(limit_B.max()) + 1):
        log_probs_RV, state = model.step(state, token_BK.flatten())
        scores_BX = extended(log_prob_BK.reshape(-1, 1), log_probs_RV).view(len(sentence_B), -1)
        log_prob_BK, choice_BK = scores_BX.topk(K)
        parent_BK, token_BK = choice_BK // log_probs_RV.shape[1], choice_BK % log_probs_RV.shape[1]
        trellis.grow(sentence_B, parent_BK, token_BK)

        alive_BK = (rank_K < places_B[:, None]) & (log_prob_BK > -torch.inf)
        closed_BK = alive_BK & ((token_BK == EOS_ID) | (limit_B == length)[:, None])
        trellis.close(sentence_B, closed_BK, log_prob_BK)
        places_B = places_B - closed_BK.sum(1)
        score_BK = log_prob_BK.double() / length_penalty(length, config)
        kept_BN = kept(kept_BN, score_BK.masked_fill(~closed_BK, -torch.inf))

        log_prob_BK = log_prob_BK.masked_fill(~alive_BK | closed_BK, -torch.inf)
        running_B = hopeful(log_prob_BK, limit_B, kept_BN, config)
        if not running_B.any():
            break
        log_prob_BK = log_prob_BK.masked_fill(~running_B[:, None], -torch.inf)
        stay_B = staying(running_B)
        state = model.reorder(state, (stay_B[:, None] * K + parent_BK[stay_B]).flatten())
        if len(stay_B) < len(running_B):
            sentence_B, limit_B, places_B = sentence_B[stay_B], limit_B[stay_B], places_B[stay_B]
            token_BK, log_prob_BK, kept_BN = token_BK[stay_B], log_prob_BK[stay_B], kept_BN[stay_B]
    return trellis.hypotheses()


class Trellis:
    """Who extended whom with what: the tokens of all hypotheses, read back once at the end.

    A step writes B x K numbers however long the hypotheses are.
    """

    def __init__(
        self, sentences: int, steps: int, config: DecodeConfig, device: torch.device
    ) -> None:
        self.config = config
        self.length = 0
        self.parents_TBK = torch.zeros(
            (steps, sentences, config.beam_size), dtype=torch.int64, device=device
        )
        self.tokens_TBK = torch.zeros_like(self.parents_TBK)
        # Of every sentence: last step, place in it, log-probability.
        self.closed: list[list[tuple[int, int, float]]] = [[] for _ in range(sentences)]

    def grow(self, sentence_B: Tensor, parent_BK: Tensor, token_BK: Tensor) -> None:
        """Note the step in which each hypothesis follows its parent with its token."""
        self.parents_TBK[self.length, sentence_B] = parent_BK
        self.tokens_TBK[self.length, sentence_B] = token_BK
        self.length += 1

    def close(self, sentence_B: Tensor, closed_BK: Tensor, log_prob_BK: Tensor) -> None:
        """Note the hypotheses of the last step that are complete."""
        row_C, place_C = closed_BK.nonzero(as_tuple=True)
        for sentence, place, log_prob in zip(
            sentence_B[row_C].tolist(),
            place_C.tolist(),
            log_prob_BK[row_C, place_C].tolist(),
            strict=True,
        ):
            self.closed[sentence].append((self.length - 1, place, log_prob))

    def hypotheses(self) -> list[list[Hypothesis]]:
        """The n best of every sentence, best first; of equals, the one closed first."""
        parents, tokens = self.parents_TBK.tolist(), self.tokens_TBK.tolist()
        best: list[list[Hypothesis]] = []
        for sentence, closed in enumerate(self.closed):
            if not closed:
                raise no_probability(sentence)
            found: list[Hypothesis] = []
            for last, end, log_prob in closed:
                place, backwards = end, []
                for step in range(last, -1, -1):
                    backwards.append(tokens[step][sentence][place])
                    place = parents[step][sentence][place]
                found.append(hypothesis(backwards[::-1], log_prob, self.config))
            found.sort(key=lambda one: -one.score)
            best.append(found[: self.config.n_best])
        return best


def extended(log_prob_R1: Tensor, log_probs_RV: Tensor) -> Tensor:
    """Log-probability of every hypothesis with every next token; PAD and BOS are impossible."""
    scores_RV = log_prob_R1 + log_probs_RV
    scores_RV[:, PAD_ID] = -torch.inf
    scores_RV[:, BOS_ID] = -torch.inf
    return scores_RV


def kept(kept_BN: Tensor, closed_BK: Tensor) -> Tensor:
    """The N best scores of what was kept and what was closed, best first."""
    return torch.cat((kept_BN, closed_BK), dim=1).topk(kept_BN.shape[1]).values


def hopeful(log_prob_BK: Tensor, limit_B: Tensor, kept_BN: Tensor, config: DecodeConfig) -> Tensor:
    """Which sentences have a live hypothesis that may still end above the worst that is kept.

    Log-probabilities only fall, and the penalty only grows with the length: no continuation can
    score above log_prob / length_penalty(maximum length).
    """
    best_B = log_prob_BK.amax(dim=1).double() / length_penalty(limit_B.double(), config)
    return best_B > kept_BN[:, -1]


def staying(running_B: Tensor) -> Tensor:
    """The rows that stay in the batch: those running, and some others that make the number round.

    All stay while fewer than ``LEAVE_TOGETHER`` could leave.
    """
    stays = -(-int(running_B.sum()) // LEAVE_TOGETHER) * LEAVE_TOGETHER
    if stays >= len(running_B):
        return torch.arange(len(running_B), device=running_B.device)
    return running_B.int().argsort(descending=True, stable=True)[:stays].sort().values


def max_lengths(source_lengths_B: Tensor, config: DecodeConfig) -> Tensor:
    """How many tokens may be generated for each source sentence."""
    return (source_lengths_B * config.max_length_ratio).long() + config.max_length_extra


@overload
def length_penalty(length: int, config: DecodeConfig) -> float: ...
@overload
def length_penalty(length: Tensor, config: DecodeConfig) -> Tensor: ...
def length_penalty(length: int | Tensor, config: DecodeConfig) -> float | Tensor:
    """lp(Y) = ((5 + \\|Y\\|) / 6)^α (Wu et al. 2016, §7, eq. 14)."""
    penalty: float | Tensor = ((5 + length) / 6) ** config.length_penalty
    return penalty


def hypothesis(tokens: list[int], log_prob: float, config: DecodeConfig) -> Hypothesis:
    """The hypothesis of the tokens generated, a closing ``EOS_ID`` among them if there was one."""
    spoken = tokens[:-1] if tokens[-1] == EOS_ID else tokens
    return Hypothesis(tuple(spoken), log_prob, log_prob / length_penalty(len(tokens), config))


def no_probability(sentence: int) -> ValueError:
    """The error of a search whose model says nothing."""
    return ValueError(
        f"a model must give some token a probability at every step, but for sentence {sentence} "
        f"of the batch it gave none or NaN: its weights are damaged, load another checkpoint"
    )
