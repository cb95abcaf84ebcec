"""How good the model is on the development set, shared out over the workers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from model.batch_plan import MicroBatch, micro_batches
from model.config import DecodeConfig
from model.dataset import TokenDataset
from model.precision import Precision, autocast
from model.search import greedy
from model.seq2seq import Seq2Seq
from model.workers import Workers
from pipeline.errors import TrainingError
from pipeline.tokenizer import Tokenizer

_BATCH_TOKENS = 8192


@dataclass(frozen=True)
class DevScores:
    """Scores on the development set.

    Attributes:
        loss: nats a target token, without label smoothing.
        bleu: sacreBLEU's BLEU (tokenizer ``intl``) of greedy translations.
        chrf: sacreBLEU's chrF2 of the same.
    """

    loss: float
    bleu: float
    chrf: float

    @property
    def perplexity(self) -> float:
        """e to the loss."""
        return math.exp(min(self.loss, 100.0))


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
        starts = [0]
        for shard in dataset.shards:
            starts.append(starts[-1] + len(shard))
        self._starts = starts
        self._references = references
        every = max(1.0, len(dataset) / max_decoded)
        count = min(max_decoded, len(dataset))
        self._decoded = {int(i * every) for i in range(count)}

    def score(self, model: Seq2Seq, workers: Workers, precision: Precision) -> DevScores:
        """Score ``model``; every worker takes its share and has the same answer."""
        model.eval()
        nll, tokens = 0.0, 0
        outputs: list[tuple[int, str]] = []
        with torch.inference_mode(), autocast(precision, workers.device):
            for micro_batch in self._micro_batches[workers.rank :: workers.world_size]:
                batch = self.dataset.batch(micro_batch).to(workers.device)
                nll += float(model(batch).nll_sum)
                tokens += batch.target_tokens
                outputs += self._translate(model, micro_batch, workers.device)
        model.train()
        nll, total = workers.sum(nll, float(tokens))
        by_pair = dict(pair for share in workers.gather(outputs) for pair in share)
        bleu, chrf = _bleu_and_chrf(
            [by_pair[i] for i in sorted(by_pair)],
            [self._references[i] for i in sorted(by_pair)],
        )
        return DevScores(nll / total, bleu, chrf)

    def _translate(
        self, model: Seq2Seq, micro_batch: MicroBatch, device: torch.device
    ) -> list[tuple[int, str]]:
        pairs = [
            self._starts[shard] + int(row)
            for shard, row in zip(micro_batch.shard, micro_batch.row, strict=True)
        ]
        wanted = [place for place, pair in enumerate(pairs) if pair in self._decoded]
        if not wanted:
            return []
        batch = self.dataset.batch(micro_batch)
        hypotheses = greedy(
            model,
            batch.source_BS[wanted].to(device),
            batch.source_lengths_B[wanted],
            DecodeConfig(beam_size=1),
        )
        texts = self.target.decode([h.tokens for h in hypotheses])
        return [(pairs[place], text) for place, text in zip(wanted, texts, strict=True)]


def _bleu_and_chrf(hypotheses: list[str], references: list[str]) -> tuple[float, float]:
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    bleu = BLEU(tokenize="intl").corpus_score(hypotheses, [references]).score
    return float(bleu), float(CHRF().corpus_score(hypotheses, [references]).score)
