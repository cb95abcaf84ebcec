"""Beam search as a textbook has it: one sentence at a time, hypotheses in lists.

It calls the same model and keeps the same rules as :func:`model.beam.beam`, so both find the same;
what differs is that every hypothesis is a Python object, the vocabulary is scanned as a whole and
no two sentences share a step.
"""

from __future__ import annotations

import torch
from torch import Tensor

from model.config import DecodeConfig
from model.search import SearchModel, StateT
from pipeline.tokenizer import BOS_ID, EOS_ID, PAD_ID


def textbook_beam(
    model: SearchModel[StateT], source_1S: Tensor, length_1: Tensor, config: DecodeConfig
) -> list[int]:
    """The best translation of one sentence, without ``EOS_ID``."""
    limit = int(length_1[0] * config.max_length_ratio) + config.max_length_extra
    state = model.reorder(model.start(source_1S, length_1), torch.zeros(1, dtype=torch.long))
    alive: list[tuple[list[int], float]] = [([BOS_ID], 0.0)]
    finished: list[tuple[list[int], float]] = []
    for length in range(1, limit + 1):
        log_probs_KV, state = model.step(state, torch.tensor([said[-1] for said, _ in alive]))
        candidates: list[tuple[float, int, int]] = []
        for parent, (_, total) in enumerate(alive):
            log_probs_V = log_probs_KV[parent]
            log_probs_V[[PAD_ID, BOS_ID]] = -torch.inf
            best, tokens = log_probs_V.sort(descending=True)
            candidates += [
                (total + float(best[rank]), parent, int(tokens[rank]))
                for rank in range(config.beam_size)
            ]
        candidates.sort(key=lambda candidate: -candidate[0])
        places = config.beam_size - len(finished)
        grown: list[tuple[list[int], float]] = []
        parents: list[int] = []
        for total, parent, token in candidates[:places]:
            said = [*alive[parent][0], token]
            if token == EOS_ID or length == limit:
                penalty = ((5 + length) / 6) ** config.length_penalty
                finished.append((said, total / penalty))
            else:
                grown.append((said, total))
                parents.append(parent)
        if not grown:
            break
        alive = grown
        state = model.reorder(state, torch.tensor(parents))
    best_said, _ = max(finished, key=lambda one: one[1])
    return [token for token in best_said[1:] if token != EOS_ID]
