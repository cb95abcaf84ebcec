"""Beam search in which given terms must be said: dynamic beam allocation (Post and Vilar 2018).

Legend: B sentences still in the batch, K beam, R = B x K rows, V vocabulary.

A hypothesis knows how many tokens of its terms it has said; those that have said as many are a
bank. At every step each bank has a share in the beam, so that hypotheses which put a term late do
not fall to those that have none yet, nor the other way round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.tokenizer import EOS_ID

Term = tuple[int, ...]


@dataclass(frozen=True)
class Progress:
    """What of its terms a hypothesis has said.

    Attributes:
        left: the terms not yet begun.
        begun: the term that is being said; empty if none is.
        said: tokens said of it.
        closed: whether the last token was the last of a term.
    """

    left: tuple[Term, ...]
    begun: Term = ()
    said: int = 0
    closed: bool = False

    @property
    def missing(self) -> int:
        """Tokens of the terms that are not yet said."""
        return sum(map(len, self.left)) + len(self.begun) - self.said

    def wanted(self) -> set[int]:
        """The next tokens that bring it further."""
        prefix = self.begun[: self.said]
        return {term[self.said] for term in self._open() if term[: self.said] == prefix}

    def after(self, token: int) -> Progress:
        """The progress once ``token`` is said.

        A term that is broken off is left to say again, unless what was said of it begins another.
        """
        for prefix in ((*self.begun[: self.said], token), (token,)):
            for term in self._open():
                if term[: len(prefix)] == prefix:
                    return self._with(term, len(prefix))
        return Progress(self._open())

    def _open(self) -> tuple[Term, ...]:
        return (self.begun, *self.left) if self.begun else self.left

    def _with(self, term: Term, said: int) -> Progress:
        others = list(self._open())
        others.remove(term)
        if said == len(term):
            return Progress(tuple(others), closed=True)
        return Progress(tuple(others), term, said)


class Constraints:
    """The terms of every sentence of a batch, and how far its K hypotheses are with them.

    Terms are said in the order that the model likes best. Behind one a word does not go on, so it
    stands as a word of its own. Where the room left is just what the terms need, nothing else is
    said: whatever the search returns has them all.

    Args:
        terms: of each sentence, without ``EOS_ID``; together no longer than its translation may be.
        continues_V: the tokens that go on with a word rather than begin one or punctuate.
        limit_B: how long each translation may be.
    """

    def __init__(
        self, terms: Sequence[Sequence[Term]], continues_V: Tensor, limit_B: Tensor
    ) -> None:
        self.continues_V = continues_V
        self.limits = limit_B.tolist()
        self.progress = [[Progress(tuple(own))] for own in terms]

    def extend(
        self, log_prob_BK: Tensor, log_probs_RV: Tensor, sentence_B: Tensor, length: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The K next hypotheses of every sentence, the most complete bank's best first.

        Args:
            log_prob_BK: of the hypotheses so far; -inf where there is none.
            log_probs_RV: of their next tokens.
            sentence_B: which sentences of the batch these are.
            length: of the hypotheses to come.

        Returns:
            Log-probabilities, the hypotheses extended and the tokens, each (B, K).
        """
        B, K = log_prob_BK.shape
        log_probs_BKV = log_probs_RV.view(B, K, -1)
        for row, sentence in enumerate(sentence_B.tolist()):
            for place, before in enumerate(self.progress[sentence]):
                if before.closed:
                    log_probs_BKV[row, place].masked_fill_(self.continues_V, -torch.inf)
        # Of K + 1 tokens one may be EOS, which may have to wait.
        reach = min(K + 1, log_probs_RV.shape[1])
        best_BKX = log_probs_BKV.topk(reach).indices.tolist()
        found_BK3 = torch.zeros((B, K, 3), dtype=torch.float64)
        found_BK3[..., 0] = -torch.inf
        for row, sentence in enumerate(sentence_B.tolist()):
            chosen = self._chosen(
                sentence, log_prob_BK[row], log_probs_BKV[row], best_BKX[row], length
            )
            self.progress[sentence] = [after for *_, after in chosen]
            for place, choice in enumerate(chosen):
                found_BK3[row, place] = torch.tensor(choice[:3])
        score_BK, parent_BK, token_BK = found_BK3.to(log_prob_BK.device).unbind(-1)
        return score_BK.to(log_prob_BK.dtype), parent_BK.long(), token_BK.long()

    def _chosen(
        self,
        sentence: int,
        log_prob_K: Tensor,
        log_probs_KV: Tensor,
        best_KX: list[list[int]],
        length: int,
    ) -> list[tuple[float, int, int, Progress]]:
        banks: dict[int, list[tuple[float, int, int, Progress]]] = {}
        room = self.limits[sentence] - length
        alive = [parent for parent, x in enumerate(log_prob_K.tolist()) if x > -torch.inf]
        for parent in alive:
            before = self.progress[sentence][parent]
            tokens = sorted({*best_KX[parent], *before.wanted()})
            scores = (log_prob_K[parent] + log_probs_KV[parent, tokens]).tolist()
            for token, score in zip(tokens, scores, strict=True):
                after = before.after(token)
                too_early = token == EOS_ID and before.missing > 0
                if too_early or after.missing > room or score == -torch.inf:
                    continue
                banks.setdefault(after.missing, []).append((score, parent, token, after))
        return _shared_out(
            [sorted(banks[m], key=lambda c: -c[0]) for m in sorted(banks)], len(log_prob_K)
        )


def _shared_out(
    banks: list[list[tuple[float, int, int, Progress]]], places: int
) -> list[tuple[float, int, int, Progress]]:
    """The best of each bank in turn, the second best, and so on, until all places are taken."""
    chosen: list[tuple[float, int, int, Progress]] = []
    for rank in range(places):
        chosen += [bank[rank] for bank in banks if rank < len(bank)]
    return chosen[:places]
