"""How good the model is on the development set, shared out over the workers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch

from model.batch_plan import MicroBatch, PairIds, micro_batches
from model.config import DecodeConfig
from model.dataset import TokenDataset
from model.greedy import greedy
from model.precision import Precision, autocast
from model.translation_model import TranslationModel
from model.workers import Workers
from pipeline.errors import TrainingError
from pipeline.tokenizer import Tokenizer

_BATCH_TOKENS = 8192
# Smaller, so that there is one for every worker.
_DECODED_TOKENS = 2048


@dataclass(frozen=True)
class DevScores:
    """Scores on the development set.

    Attributes:
        loss: nats a target token, without label smoothing.
        bleu: sacreBLEU's BLEU (tokenizer ``intl``) of greedy translations; NaN if the loss is no
            number, as nothing can be translated then.
        chrf: sacreBLEU's chrF2 of the same.
    """

    loss: float
    bleu: float
    chrf: float


class DevSet:
    """The development set: token arrays for the loss, text for what is decoded.

    Args:
        dataset: the token arrays.
        references: the target text of each pair, in the order of the arrays.
        target: turns decoded ids into text.
        max_decoded: sentences that are translated at each validation, spread evenly over the set.
    """

    def __init__(
        self,
        dataset: TokenDataset,
        references: Sequence[str],
        target: Tokenizer,
        max_decoded: int,
    ) -> None:
        if len(references) != len(dataset):
            raise TrainingError(
                f"the development set must have a reference for each of its {len(dataset)} pairs, "
                f"but {len(references)} came; run `anuvad prepare` again"
            )
        self.dataset = dataset
        self.target = target
        self._micro_batches = micro_batches(
            dataset.source_lengths,
            dataset.target_lengths,
            range(len(dataset.shards)),
            _BATCH_TOKENS,
        )
        self._references = references
        every = max(1.0, len(dataset) / max_decoded)
        pairs = np.unique(np.int64(np.arange(min(max_decoded, len(dataset))) * every))
        self._decoded = _micro_batches_of(pairs, dataset)

    def score(self, model: TranslationModel, workers: Workers, precision: Precision) -> DevScores:
        """Score ``model``; every worker takes its share and has the same answer."""
        model.eval()
        with torch.inference_mode(), autocast(precision, workers.device):
            loss = self._loss(model, workers)
            scores = math.nan, math.nan
            if math.isfinite(loss):
                scores = self._bleu_and_chrf(model, workers)
        model.train()
        return DevScores(loss, *scores)

    def _loss(self, model: TranslationModel, workers: Workers) -> float:
        nll, tokens = 0.0, 0
        for micro_batch in self._micro_batches[workers.rank :: workers.world_size]:
            batch = self.dataset.batch(micro_batch).to(workers.device)
            nll += float(model(batch).nll_sum)
            tokens += batch.target_tokens
        nll, total = workers.sum(nll, float(tokens))
        return nll / total

    def _bleu_and_chrf(self, model: TranslationModel, workers: Workers) -> tuple[float, float]:
        ours: list[tuple[int, str]] = []
        for pairs, micro_batch in self._decoded[workers.rank :: workers.world_size]:
            batch = self.dataset.batch(micro_batch).to(workers.device)
            found = greedy(
                model, batch.source_BS, batch.source_lengths_B, DecodeConfig(beam_size=1)
            )
            texts = self.target.decode([hypothesis.tokens for hypothesis in found])
            ours += zip(pairs.tolist(), texts, strict=True)
        everyones = sorted(pair for share in workers.gather(ours) for pair in share)
        return bleu_and_chrf(
            [text for _, text in everyones], [self._references[pair] for pair, _ in everyones]
        )


def _micro_batches_of(pairs: PairIds, dataset: TokenDataset) -> list[tuple[PairIds, MicroBatch]]:
    """Micro-batches of some pairs, given by their place in the whole set, and the pairs of each."""
    starts = np.cumsum([0, *map(len, dataset.shards)])
    rows = [pairs[(pairs >= start) & (pairs < stop)] - start for start, stop in pairwise(starts)]
    cut = micro_batches(
        [lengths[row] for lengths, row in zip(dataset.source_lengths, rows, strict=True)],
        [lengths[row] for lengths, row in zip(dataset.target_lengths, rows, strict=True)],
        range(len(rows)),
        _DECODED_TOKENS,
    )
    found = []
    for chosen in cut:
        # The cut counts rows among the chosen ones; the arrays count them all.
        row = np.array([rows[s][r] for s, r in zip(chosen.shard, chosen.row, strict=True)])
        found.append((starts[chosen.shard] + row, replace(chosen, row=row)))
    return found


def bleu_and_chrf(hypotheses: list[str], references: list[str]) -> tuple[float, float]:
    """sacreBLEU's BLEU, tokenizer ``intl``, and chrF2 of a corpus."""
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    bleu = BLEU(tokenize="intl").corpus_score(hypotheses, [references]).score
    return float(bleu), float(CHRF().corpus_score(hypotheses, [references]).score)
