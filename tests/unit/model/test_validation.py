"""Scores on the development set."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from model.batches import collate
from model.config import DecodeConfig
from model.dataset import TokenDataset
from model.greedy import greedy
from model.translation_model import TranslationModel
from model.validation import DevScores, DevSet, bleu_and_chrf
from model.workers import Workers
from pipeline.errors import TrainingError
from tiny_training import NumberTokenizer, TinyCorpus, tiny_model

TOKENIZER: Any = NumberTokenizer()


def dev_set(corpus: TinyCorpus, max_decoded: int = 100) -> DevSet:
    return DevSet(TokenDataset(corpus.dev), corpus.references, TOKENIZER, max_decoded)


def score(dev: DevSet, model: TranslationModel | None = None) -> DevScores:
    return dev.score(model or tiny_model(), Workers(), "fp32")


def pairs_of(corpus: TinyCorpus) -> tuple[list[Any], list[Any]]:
    shards = [shard.pairs(range(len(shard))) for shard in TokenDataset(corpus.dev).shards]
    return [s for source, _ in shards for s in source], [t for _, target in shards for t in target]


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], list[str]]]:
    """What sacreBLEU was given: hypotheses and references of each validation."""
    calls: list[tuple[list[str], list[str]]] = []

    def note(hypotheses: list[str], references: list[str]) -> tuple[float, float]:
        calls.append((hypotheses, references))
        return 12.0, 34.0

    monkeypatch.setattr("model.validation.bleu_and_chrf", note)
    return calls


def test_the_loss_is_nats_a_target_token_without_dropout(tiny_corpus: TinyCorpus) -> None:
    model = tiny_model().eval()
    sources, targets = pairs_of(tiny_corpus)
    alone = [model(collate([s], [t])) for s, t in zip(sources, targets, strict=True)]
    expected = sum(float(one.nll_sum) for one in alone) / sum(one.tokens for one in alone)
    assert score(dev_set(tiny_corpus), model.train()).loss == pytest.approx(expected, rel=1e-5)


def test_training_goes_on_in_training_mode_with_gradients(tiny_corpus: TinyCorpus) -> None:
    model = tiny_model()
    dev_set(tiny_corpus).score(model, Workers(), "bf16")
    assert model.training
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss_sum = model(collate([[4, 5]], [[6]])).loss_sum
    loss_sum.backward()
    assert all(p.grad is not None for p in model.parameters())


def test_each_translation_meets_its_own_reference(
    tiny_corpus: TinyCorpus, decoded: list[tuple[list[str], list[str]]]
) -> None:
    scores = score(dev_set(tiny_corpus))
    assert (scores.bleu, scores.chrf) == (12.0, 34.0)
    ((hypotheses, references),) = decoded
    assert references == list(tiny_corpus.references)
    model = tiny_model().eval()
    sources, targets = pairs_of(tiny_corpus)
    batch = collate(sources, targets)
    with torch.inference_mode():
        found = greedy(model, batch.source_BS, batch.source_lengths_B, DecodeConfig(beam_size=1))
    assert hypotheses == TOKENIZER.decode([one.tokens for one in found])


@pytest.mark.parametrize(("max_decoded", "expected"), [(1, [0]), (5, [0, 4, 9, 14, 19])])
def test_what_is_decoded_is_spread_over_the_set(
    tiny_corpus: TinyCorpus,
    decoded: list[tuple[list[str], list[str]]],
    max_decoded: int,
    expected: Sequence[int],
) -> None:
    score(dev_set(tiny_corpus, max_decoded))
    assert decoded[0][1] == [tiny_corpus.references[pair] for pair in expected]


def test_workers_share_the_set(
    tiny_corpus: TinyCorpus,
    decoded: list[tuple[list[str], list[str]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each of two ranks sees half; what they add up to is what one sees."""
    monkeypatch.setattr("model.validation._BATCH_TOKENS", 32)
    monkeypatch.setattr("model.validation._DECODED_TOKENS", 32)
    dev = dev_set(tiny_corpus)
    sums: list[list[float]] = []

    class Rank(Workers):
        def sum(self, *values: float) -> list[float]:
            sums.append(list(values))
            return list(values)

    for rank in range(2):
        monkeypatch.setattr(Rank, "gather", lambda self, value: [value])
        dev.score(tiny_model(), Rank(rank, 2), "fp32")
    nll, tokens = (sum(column) for column in zip(*sums, strict=True))
    assert nll / tokens == pytest.approx(score(dev).loss, rel=1e-6)
    halves, whole = [set(references) for _, references in decoded[:2]], decoded[2][1]
    assert len(decoded[0][1]) + len(decoded[1][1]) == len(whole)
    assert halves[0] | halves[1] == set(whole)


def test_a_damaged_model_has_no_scores_and_breaks_nothing(tiny_corpus: TinyCorpus) -> None:
    model = tiny_model()
    with torch.no_grad():
        model.output.bias[5] = math.nan
    scores = score(dev_set(tiny_corpus), model)
    assert all(math.isnan(value) for value in (scores.loss, scores.bleu, scores.chrf))
    assert model.training


def test_references_must_be_as_many_as_pairs(tiny_corpus: TinyCorpus) -> None:
    with pytest.raises(TrainingError, match="each of its 24 pairs, but 3 came"):
        DevSet(TokenDataset(tiny_corpus.dev), ["4", "5", "6"], TOKENIZER, 10)


def test_bleu_and_chrf_are_sacrebleus() -> None:
    text = ["वह रोज़ एक किताब पढ़ती है।", "आज बारिश हो रही है।"]
    bleu, chrf = bleu_and_chrf(text, text)
    assert (bleu, chrf) == (pytest.approx(100.0), pytest.approx(100.0))
    bleu, chrf = bleu_and_chrf([text[1], text[1]], text)
    assert 0 < bleu < 60
    assert 0 < chrf < 80


def test_an_empty_shard_is_no_obstacle(tiny_corpus: TinyCorpus, tmp_path: Path) -> None:
    from tiny_training import write_token_arrays

    empty = write_token_arrays(tmp_path / "empty.arrow", [], [])
    first, last = tiny_corpus.dev
    dev = DevSet(TokenDataset([first, empty, last]), tiny_corpus.references, TOKENIZER, 100)
    assert score(dev) == score(dev_set(tiny_corpus))
