"""What every search shares: what it asks of a model, what it finds, how long that may be.

The searches are :mod:`model.greedy`, :mod:`model.beam` and :mod:`model.sampling`.

Legend: B sentences still in the batch, K beam: hypotheses a sentence, R = B x K rows, V vocabulary,
S source positions. Log-probabilities are natural; callers run under ``torch.inference_mode()``.

The length of a hypothesis counts all tokens generated, the closing ``EOS_ID`` among them. One that
reaches its maximum length without ``EOS_ID`` is closed as it stands, with the probability so far.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar, overload

import torch
from torch import Tensor

from model.config import DecodeConfig
from pipeline.tokenizer import EOS_ID

StateT = TypeVar("StateT")

# Finished sentences leave the batch in groups of this many, as every new number of rows costs
# oneDNN a new bf16 kernel.
LEAVE_TOGETHER = 8

# Tokens whose maximum is looked at together when the best are searched for.
BLOCK = 64


class SearchModel(Protocol[StateT]):
    """What search asks of a model; only the model looks inside its state."""

    def start(self, source_BS: Tensor, source_lengths_B: Tensor) -> StateT:
        """The state before the first token: a row a sentence."""

    def step(self, state: StateT, token_R: Tensor, /) -> tuple[Tensor, StateT]:
        """Read a token a row: float32 log-probabilities of the next, (R, V), and the state.

        The log-probabilities are the search's to change.
        """

    def reorder(self, state: StateT, index_R: Tensor, /) -> StateT:
        """The rows at ``index_R``; they may be repeated, left out and moved."""

    def attention(self, state: StateT, /) -> Tensor | None:
        """Weights of the step that led to the state, (R, S), zero at padding; None if untold.

        Asked for by the coverage penalty only.
        """


@dataclass(frozen=True)
class Hypothesis:
    """A translation found.

    Attributes:
        tokens: its ids, without ``BOS_ID`` and ``EOS_ID``.
        log_prob: of all tokens generated, ``EOS_ID`` among them.
        score: log_prob divided by the length penalty, plus the coverage penalty, which is below
            zero; the higher the better.
        truncated: whether it reached its maximum length without ``EOS_ID``.
    """

    tokens: tuple[int, ...]
    log_prob: float
    score: float
    truncated: bool = False


def hypothesis(tokens: list[int], log_prob: float, score: float) -> Hypothesis:
    """The hypothesis of the tokens generated, a closing ``EOS_ID`` among them if there was one."""
    if tokens[-1] == EOS_ID:
        return Hypothesis(tuple(tokens[:-1]), log_prob, score)
    return Hypothesis(tuple(tokens), log_prob, score, truncated=True)


def best_tokens(log_probs_RV: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k most probable tokens of each row and their log-probabilities, best first: (R, k) each.

    They lie in the k blocks of the vocabulary with the highest maxima; those take half the time of
    looking for them in the whole row.
    """
    vocab = log_probs_RV.shape[1]
    whole = vocab - vocab % BLOCK
    if whole < 4 * k * BLOCK:
        best_RK, token_RK = log_probs_RV.topk(k)
        return best_RK, token_RK
    blocks_RNX = log_probs_RV[:, :whole].view(len(log_probs_RV), -1, BLOCK)
    chosen_RK = blocks_RNX.amax(2).topk(k).indices
    inside_RKX = blocks_RNX.gather(1, chosen_RK[:, :, None].expand(-1, -1, BLOCK))
    candidates_RC = torch.cat((inside_RKX.flatten(1), log_probs_RV[:, whole:]), dim=1)
    best_RK, place_RK = candidates_RC.topk(k)
    block_RK = chosen_RK.gather(1, (place_RK // BLOCK).clamp_max(k - 1))
    in_block_RK = block_RK * BLOCK + place_RK % BLOCK
    return best_RK, torch.where(place_RK < k * BLOCK, in_block_RK, place_RK - k * BLOCK + whole)


def max_lengths(source_lengths_B: Tensor, config: DecodeConfig) -> Tensor:
    """How many tokens may be generated for each source sentence."""
    return (source_lengths_B * config.max_length_ratio).long() + config.max_length_extra


def min_lengths(source_lengths_B: Tensor, config: DecodeConfig) -> Tensor:
    """How many tokens must be generated for each source sentence, ``EOS_ID`` among them."""
    return (source_lengths_B * config.min_length_ratio).long()


@overload
def length_penalty(length: int, config: DecodeConfig) -> float: ...
@overload
def length_penalty(length: Tensor, config: DecodeConfig) -> Tensor: ...
def length_penalty(length: int | Tensor, config: DecodeConfig) -> float | Tensor:
    """lp(Y) = ((5 + \\|Y\\|) / 6)^α (Wu et al. 2016, §7, eq. 14)."""
    penalty: float | Tensor = ((5 + length) / 6) ** config.length_penalty
    return penalty


def staying(running_B: Tensor) -> Tensor:
    """The rows that stay in the batch: those running, and some others that make the number round.

    All stay while fewer than ``LEAVE_TOGETHER`` could leave.
    """
    stays = -(-int(running_B.sum()) // LEAVE_TOGETHER) * LEAVE_TOGETHER
    if stays >= len(running_B):
        return torch.arange(len(running_B), device=running_B.device)
    return running_B.int().argsort(descending=True, stable=True)[:stays].sort().values


def no_probability(sentence: int) -> ValueError:
    """The error of a search whose model says nothing."""
    return ValueError(
        f"a model must give some token a probability at every step, but for sentence {sentence} "
        f"of the batch it gave none or NaN: its weights are damaged, load another checkpoint"
    )
