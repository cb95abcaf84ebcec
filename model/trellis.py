"""All hypotheses of a beam search as one table of who extended whom with what.

Legend: B sentences still in the batch, K beam, T steps, C hypotheses that are complete.
"""

from __future__ import annotations

import torch
from torch import Tensor

from model.search import Hypothesis, hypothesis, no_probability


class Trellis:
    """Tokens and parents of every step, read back once at the end.

    A step writes B x K numbers however long the hypotheses are.

    Args:
        sentences: in the batch at its start.
        steps: there may be.
        beam_size: K.
        device: of the search.
    """

    def __init__(self, sentences: int, steps: int, beam_size: int, device: torch.device) -> None:
        self.length = 0
        self.parents_TBK = torch.zeros(
            (steps, sentences, beam_size), dtype=torch.long, device=device
        )
        self.tokens_TBK = torch.zeros_like(self.parents_TBK)
        # Of every sentence: last step, place in it, log-probability, score.
        self.closed: list[list[tuple[int, int, float, float]]] = [[] for _ in range(sentences)]

    def grow(self, sentence_B: Tensor, parent_BK: Tensor, token_BK: Tensor) -> None:
        """Note the step in which each hypothesis follows its parent with its token."""
        self.parents_TBK[self.length, sentence_B] = parent_BK
        self.tokens_TBK[self.length, sentence_B] = token_BK
        self.length += 1

    def close(
        self, sentence_B: Tensor, closed_BK: Tensor, log_prob_BK: Tensor, score_BK: Tensor
    ) -> None:
        """Note the hypotheses of the last step that are complete."""
        row_C, place_C = closed_BK.nonzero(as_tuple=True)
        for sentence, place, log_prob, score in zip(
            sentence_B[row_C].tolist(),
            place_C.tolist(),
            log_prob_BK[row_C, place_C].tolist(),
            score_BK[row_C, place_C].tolist(),
            strict=True,
        ):
            self.closed[sentence].append((self.length - 1, place, log_prob, score))

    def hypotheses(self, n_best: int) -> list[list[Hypothesis]]:
        """The n best of every sentence, best first; of equals, the one closed first."""
        parents, tokens = self.parents_TBK.tolist(), self.tokens_TBK.tolist()
        best: list[list[Hypothesis]] = []
        for sentence, closed in enumerate(self.closed):
            if not closed:
                raise no_probability(sentence)
            found: list[Hypothesis] = []
            for last, end, log_prob, score in sorted(closed, key=lambda c: -c[3])[:n_best]:
                place, backwards = end, []
                for step in range(last, -1, -1):
                    backwards.append(tokens[step][sentence][place])
                    place = parents[step][sentence][place]
                found.append(hypothesis(backwards[::-1], log_prob, score))
            best.append(found)
        return best
