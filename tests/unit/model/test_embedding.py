"""Embeddings and the words dropped from them."""

from __future__ import annotations

import torch

from model.config import ModelConfig
from model.embedding import WordDropout, WordEmbedding
from pipeline.tokenizer import BOS_ID, EOS_ID, PAD_ID

IDS_BT = torch.tensor([[BOS_ID, 7, 8, 7, 9, 7], [7, 8, 8, EOS_ID, PAD_ID, PAD_ID]])


def test_all_copies_of_a_word_in_a_sentence_share_one_fate() -> None:
    torch.manual_seed(0)
    dropout = WordDropout(0.5)
    fates = set()
    for _ in range(60):
        factor_BT = dropout(torch.ones(2, 6, 1), IDS_BT)[..., 0]
        assert len(factor_BT[0, [1, 3, 5]].unique()) == 1
        assert len(factor_BT[1, [1, 2]].unique()) == 1
        fates.add(tuple(factor_BT[:, 1].tolist()))
    # A word of one sentence and one of the other: all four, kept ones doubled.
    assert fates == {(0.0, 0.0), (0.0, 2.0), (2.0, 0.0), (2.0, 2.0)}


def test_the_marks_of_a_sentence_are_never_dropped() -> None:
    for seed in range(20):
        torch.manual_seed(seed)
        factor_BT = WordDropout(0.9)(torch.ones(2, 6, 1), IDS_BT)[..., 0]
        assert factor_BT[0, 0] == factor_BT[1, 3] == 1.0


def test_a_share_p_of_types_is_dropped() -> None:
    torch.manual_seed(1)
    ids_BT = torch.arange(4, 104).expand(300, 100)
    dropped_BT = WordDropout(0.2)(torch.ones(300, 100, 1), ids_BT)[..., 0] == 0
    assert abs(float(dropped_BT.double().mean()) - 0.2) < 4 * (0.2 * 0.8 / 30_000) ** 0.5


def test_the_seed_decides_what_is_dropped_and_outside_training_nothing_is() -> None:
    config = ModelConfig(embedding_size=3, dropout=0.0, word_dropout=0.5)
    embedding = WordEmbedding(config, 10)

    def drawn(seed: int) -> list[list[list[float]]]:
        torch.manual_seed(seed)
        found: list[list[list[float]]] = embedding(IDS_BT).tolist()
        return found

    assert drawn(1) == drawn(1) != drawn(2)
    embedding.eval()
    assert torch.equal(embedding(IDS_BT), embedding.weight[IDS_BT])
