"""Say which sentences a gradient that is no number came from."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

from model.batch_plan import MicroBatch, Update
from model.dataset import TokenDataset
from model.job import TrainingJob
from model.parts import PartLoss

_PAIRS_SHOWN = 2
_CHARACTERS_SHOWN = 80


def name_pair(data: TokenDataset, micro_batch: MicroBatch, place: int) -> str:
    """Where a pair of a micro-batch comes from: ``row 17 of train-00000-of-00004.arrow``."""
    shard = data.shards[micro_batch.shard[place]]
    return f"row {shard.rows[micro_batch.row[place]]} of {shard.path.name}"


def describe_worst(job: TrainingJob, update: Update, losses: Sequence[PartLoss]) -> str:
    """The micro-batch of an update with the worst loss over all workers, and its first pairs.

    Worst is a loss that is no number, else the highest a token. Every rank has to ask, and has the
    same answer.
    """
    ours = [(_badness(one), one.part.index, one) for one in losses if one.part.weight]
    badness, index, worst = max(ours, key=lambda item: item[:2], default=(None, 0, None))
    # A rank that only kept step has none.
    found = [] if worst is None else [(badness, index, _describe(job, update, worst))]
    return max(one for share in job.workers.gather(found) for one in share)[2]


def _badness(loss: PartLoss) -> tuple[bool, float]:
    nll = float(loss.nll)
    return (False, nll / loss.part.pairs.target_tokens) if math.isfinite(nll) else (True, 0.0)


def _describe(job: TrainingJob, update: Update, loss: PartLoss) -> str:
    data, pairs = job.data.of_epoch(update.epoch), loss.part.pairs
    sources, targets = (
        tokenizer.decode([ids.tolist() for ids in side[:_PAIRS_SHOWN]])
        for tokenizer, side in zip(job.tokenizers, data.ids(pairs), strict=True)
    )
    shown = ", ".join(
        f"{name_pair(data, pairs, place)}: {_short(source)} → {_short(target)}"
        for place, (source, target) in enumerate(zip(sources, targets, strict=True))
    )
    return (
        f"the worst micro-batch, of {len(pairs.row)} pairs and "
        f"{float(loss.nll) / pairs.target_tokens:.2f} nats a token, begins with {shown}"
    )


def _short(sentence: str) -> str:
    return f"“{textwrap.shorten(sentence, _CHARACTERS_SHOWN, placeholder=' …')}”"
