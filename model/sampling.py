"""Sampling: translations drawn as the model finds them probable.

Legend: B sentences still in the batch, V vocabulary, T steps.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from model.config import DecodeConfig
from model.greedy import follow
from model.search import Hypothesis, SearchModel, StateT, max_lengths


def sample(
    model: SearchModel[StateT],
    source_BS: Tensor,
    source_lengths_B: Tensor,
    config: DecodeConfig,
    numbers: Sequence[tuple[int, int]],
) -> list[Hypothesis]:
    """A translation drawn for each sentence, in the order given.

    The next token is drawn from softmax(log p / ``temperature``), cut to its ``top_k`` most
    probable tokens (Fan et al. 2018, §4.2) and then to the fewest that hold ``top_p`` of the
    probability (Holtzman et al. 2020, §3.1). ``log_prob`` is the model's own, of what was drawn.

    Args:
        model: of the translations.
        source_BS: padded on the right.
        source_lengths_B: of each.
        config: the settings above and the ``seed``.
        numbers: of each sentence the number of its line in all that is translated, and its own in
            that line, both from 0. What is drawn for it depends on these and the seed, and not on
            the batch that it stands in.
    """
    steps = int(max_lengths(source_lengths_B, config).max())
    uniform_BT = torch.from_numpy(
        np.stack([np.random.default_rng([config.seed, *n]).random(steps) for n in numbers])
    ).to(source_BS.device)

    def choose(log_probs_BV: Tensor, sentence_B: Tensor, step: int) -> Tensor:
        return drawn(log_probs_BV, uniform_BT[sentence_B, step], config)

    return follow(model, source_BS, source_lengths_B, config, choose)


def drawn(log_probs_BV: Tensor, uniform_B: Tensor, config: DecodeConfig) -> Tensor:
    """The token of each row at which the probabilities, most probable first, add up to its share.

    Args:
        log_probs_BV: natural.
        uniform_B: at least 0, below 1.
        config: ``temperature``, ``top_k`` and ``top_p``.
    """
    reach = config.top_k or log_probs_BV.shape[1]
    scores_BV = log_probs_BV.double() / config.temperature
    best_BX, token_BX = scores_BV.topk(min(reach, scores_BV.shape[1]))
    probability_BX = torch.softmax(best_BX, dim=1)
    # What comes before a token must not yet be enough.
    before_BX = probability_BX.cumsum(1) - probability_BX
    probability_BX = probability_BX.masked_fill(before_BX >= config.top_p, 0.0)
    up_to_BX = probability_BX.cumsum(1)
    chosen_B1 = torch.searchsorted(up_to_BX, uniform_B[:, None] * up_to_BX[:, -1:], right=True)
    # Rounding may leave the share at the very end of the sum, behind the last token.
    last_B1 = (probability_BX > 0).sum(1, keepdim=True) - 1
    return token_BX.gather(1, torch.minimum(chosen_B1, last_B1))[:, 0]
