"""The rows of a search: which sentence each belongs to.

Legend: B sentences, K rows a sentence, which stand together, R = B x K rows.
"""

from __future__ import annotations

import torch
from torch import Tensor


def sentences_of(index_R: Tensor, rows: int, sentences: int) -> Tensor | None:
    """What a memory that the rows of a sentence share becomes when the rows are reordered.

    Args:
        index_R: the rows to come, by their numbers among those there are.
        rows: how many there are.
        sentences: to how many sentences they belong.

    Returns:
        The sentences to select, each once; None where all stay as they are and nothing need be
        copied. With an uneven number of rows a sentence, one for each row.
    """
    sentence_R: Tensor = index_R // (rows // sentences)
    sentence_B: Tensor
    rows_B: Tensor
    sentence_B, rows_B = torch.unique_consecutive(sentence_R, return_counts=True)
    if not torch.all(rows_B == rows_B[0]):
        return sentence_R
    if torch.equal(sentence_B, torch.arange(sentences, device=sentence_B.device)):
        return None
    return sentence_B
