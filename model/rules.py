"""Which tokens may come next, whatever is searched for and however.

Legend: R rows, V vocabulary, P tokens said so far, n the length of an n-gram.
"""

from __future__ import annotations

import torch
from torch import Tensor

from model.config import DecodeConfig
from model.search import min_lengths
from pipeline.tokenizer import BOS_ID, EOS_ID, PAD_ID


class Rules:
    """Forbids tokens by making them impossible, and follows the rows as the search moves them.

    * ``PAD_ID`` and ``BOS_ID`` are never said.
    * ``EOS_ID`` is not said before the minimum length.
    * With ``no_repeat_ngram: n`` no n tokens in a row are said twice (Paulus et al. 2018, §2.5,
      who block trigrams). This looks at all that was said, at every step: R x P comparisons beside
      the R x V numbers of the step.

    A row that has nothing else left to say may end before its minimum length.

    Args:
        source_lengths_R: of each row's sentence.
        config: the settings above.
    """

    def __init__(self, source_lengths_R: Tensor, config: DecodeConfig) -> None:
        self.n = config.no_repeat_ngram
        self.minimum_R = min_lengths(source_lengths_R, config)
        # Python's, so that no step asks a device.
        self.highest_minimum = int(self.minimum_R.max())
        self.said_RP = torch.empty(
            (len(source_lengths_R), 0), dtype=torch.long, device=source_lengths_R.device
        )
        self.length = 1

    def forbid(self, log_probs_RV: Tensor) -> None:
        """Make impossible, in place, what may not be the next token."""
        log_probs_RV[:, PAD_ID] = -torch.inf
        log_probs_RV[:, BOS_ID] = -torch.inf
        end_R = log_probs_RV[:, EOS_ID].clone()
        too_short = self.length < self.highest_minimum
        if too_short:
            log_probs_RV[self.length < self.minimum_R, EOS_ID] = -torch.inf
        if self.n:
            self._forbid_repeated(log_probs_RV)
        if self.n and too_short:
            stuck_R = log_probs_RV.amax(dim=1) == -torch.inf
            log_probs_RV[stuck_R, EOS_ID] = end_R[stuck_R]

    def _forbid_repeated(self, log_probs_RV: Tensor) -> None:
        before = self.n - 1
        starts = self.said_RP.shape[1] - before
        if starts <= 0:
            return
        # An n-gram ends at every token from the n-th on; is what precedes it what was said last?
        same_RP = torch.ones_like(self.said_RP[:, before:], dtype=torch.bool)
        for back in range(1, before + 1):
            same_RP &= self.said_RP[:, before - back : -back] == self.said_RP[:, -back, None]
        row_M, place_M = same_RP.nonzero(as_tuple=True)
        log_probs_RV[row_M, self.said_RP[row_M, before + place_M]] = -torch.inf

    def follow(self, index_R: Tensor, token_R: Tensor) -> None:
        """The rows at ``index_R`` go on, each with its token."""
        self.length += 1
        if self.length <= self.highest_minimum:
            self.minimum_R = self.minimum_R[index_R]
        if self.n:
            self.said_RP = torch.cat((self.said_RP[index_R], token_R[:, None]), dim=1)
