"""The gradient of one update: exact, on any number of workers and in any memory."""

from __future__ import annotations

import contextlib
import logging
import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from model.bad_batch import name_pair
from model.batch_plan import Update
from model.dataset import TokenDataset
from model.job import TrainingJob, TrainingState
from model.loss_scale import LossScale
from model.parts import Part, PartLoss, halves, is_out_of_memory, parts_that_fit
from model.precision import autocast, resolve_precision
from model.workers import Workers
from pipeline.errors import TrainingError

logger = logging.getLogger(__name__)


class _TooLargeError(Exception):
    """A part did not fit; what it left in the gradients is of no use."""

    def __init__(self, part: Part) -> None:
        super().__init__(part)
        self.part = part


def wrap(model: nn.Module, workers: Workers) -> nn.Module:
    """The model, so that its gradients are exchanged between the workers."""
    if workers.world_size == 1:
        return model
    devices = [workers.device] if workers.device.type == "cuda" else None
    # What buffers there are never change, and a rank that repeats a forward is alone with it.
    return DistributedDataParallel(
        model, device_ids=devices, gradient_as_bucket_view=True, forward_sync_buffers=False
    )


class Gradients:
    """Forward and backward of this rank's share, and the sum of the gradients over all ranks.

    DDP averages over W ranks, so each loss is W times its sum divided by the tokens of the whole
    update: what comes out is the gradient of the mean over the update's tokens, exactly, however
    the micro-batches are shared out.

    Ranks exchange gradients in the last backward of an update, while it still runs. One that breaks
    off there would leave the others waiting. So what is larger than all that has fitted so far goes
    through without an exchange, and a sentence pair of weight 0 follows it for that.

    Args:
        job: model, data and place.
        state: knows the size that is too large, and is told.
        ddp: the model, as :func:`wrap` made it.
        loss_scale: that of fp16.
    """

    def __init__(
        self, job: TrainingJob, state: TrainingState, ddp: nn.Module, loss_scale: LossScale
    ) -> None:
        self._job = job
        self._state = state
        self._ddp = ddp
        self._loss_scale = loss_scale
        self._precision = resolve_precision(job.config.precision, job.workers.device)
        self._most_tokens = self._most_sentences = 0

    def add(self, update: Update, number: int) -> list[PartLoss]:
        """Add the gradient of ``update`` to the weights' ``grad``, which must be None.

        Args:
            update: what to go through.
            number: updates done before it.

        Raises:
            TrainingError: if there is no memory for a single sentence pair; it names the pair.
        """
        data = self._job.data.of_epoch(update.epoch)
        workers = self._job.workers
        share = [Part(m, i, 0, w) for i, m, w in update.of_rank(workers.rank, workers.world_size)]
        while True:
            too_large = self._state.too_large
            parts = [p for part in share for p in parts_that_fit(part, data, too_large)]
            try:
                return self._go_through(parts, data, update, number)
            except _TooLargeError as error:
                failed = error.part
            # Here, where the exception holds on to no tensor any more.
            self._learn_what_is_too_large(failed, data)
            self._job.model.zero_grad(set_to_none=True)

    def _go_through(
        self, parts: list[Part], data: TokenDataset, update: Update, number: int
    ) -> list[PartLoss]:
        exchanges = isinstance(self._ddp, DistributedDataParallel)
        with_last = exchanges and self._has_fitted(parts[-1])
        losses = []
        for part in parts:
            with self._exchange_if(with_last and part is parts[-1]):
                losses.append(PartLoss(part, self._through(part, data, update, number)))
        if exchanges and not with_last:
            with self._exchange_if(True):
                self._through(_first_pair(parts[0], data), data, update, number)
        for part in parts:
            self._most_tokens = max(self._most_tokens, part.pairs.padded_tokens)
            self._most_sentences = max(self._most_sentences, len(part.pairs.row))
        return losses

    def _has_fitted(self, part: Part) -> bool:
        """Whether as many tokens and as many sentences have gone through here before."""
        return (
            part.pairs.padded_tokens <= self._most_tokens
            and len(part.pairs.row) <= self._most_sentences
        )

    def _through(self, part: Part, data: TokenDataset, update: Update, number: int) -> Tensor:
        """Forward and backward of a part, and its negative log-likelihood."""
        config, workers = self._job.config, self._job.workers
        scale = workers.world_size / update.target_tokens
        seed_dropout(workers.device, config.seed, number, part.index, part.start)
        # None with one worker, who has nobody to wait for.
        exchanges = getattr(self._ddp, "require_backward_grad_sync", None)
        try:
            batch = data.batch(part.pairs).to(workers.device)
            with autocast(self._precision, workers.device):
                sums = self._ddp(batch, config.label_smoothing)
            if exchanges is not False:
                workers.at_exchange(number + 1)
            loss = sums.loss_sum * (part.weight * scale)
            # What is infinitely improbable has a gradient that is a number: p - q is at p = 0 too.
            loss = loss * torch.where(sums.loss_sum.detach().isfinite(), 1.0, math.nan)
            self._loss_scale.scale(loss).backward()  # type: ignore[no-untyped-call]
        except RuntimeError as error:
            if not is_out_of_memory(error) or exchanges:
                raise
        else:
            nll: Tensor = sums.nll_sum
            return nll
        raise _TooLargeError(part)

    def _learn_what_is_too_large(self, part: Part, data: TokenDataset) -> None:
        workers, size = self._job.workers, part.pairs.padded_tokens
        if len(part.pairs.row) == 1:
            source, target = (len(side[0]) for side in data.ids(part.pairs))
            raise TrainingError(
                f"a sentence pair must fit the memory of worker {workers.rank}, but "
                f"{name_pair(data, part.pairs, 0)}, {source} source and {target} target tokens, "
                f"does not; lower tensorize.max_source_tokens and max_target_tokens, or take a "
                f"smaller model"
            )
        self._state.too_large = min(size, self._state.too_large or size)
        if workers.device.type == "cuda":
            torch.cuda.empty_cache()
        logger.warning(
            "a micro-batch of %d sentences, %d tokens with padding, did not fit the memory of "
            "worker %d: such ones are cut in halves from now on, and train the same; a "
            "train.batch_tokens below %d would be faster",
            len(part.pairs.row),
            size,
            workers.rank,
            self._job.config.batch_tokens,
        )

    def _exchange_if(self, wanted: bool) -> contextlib.AbstractContextManager[None]:
        """Exchange gradients in this backward, or leave them where they are (``no_sync``)."""
        if wanted or not isinstance(self._ddp, DistributedDataParallel):
            return contextlib.nullcontext()
        return self._ddp.no_sync()


def _first_pair(part: Part, data: TokenDataset) -> Part:
    """The first pair of a part, with weight 0."""
    while len(part.pairs.row) > 1:
        part, _ = halves(part, data)
    return Part(part.pairs, part.index, part.start, 0.0)


def seed_dropout(device: torch.device, seed: int, number: int, index: int, start: int = 0) -> None:
    """Make dropout a function of the position, so that no generator's state has to be kept.

    The same micro-batch then has the same dropout on whichever rank it falls, and each part of one
    that was cut has its own.
    """
    # torch's generator of the CPU looks at 32 bits of its seed, so they must depend on them all.
    position = (seed, number, index, start) if start else (seed, number, index)
    mixed = np.random.SeedSequence(position).generate_state(1)
    # torch.manual_seed formats a stack for each kind of GPU that is not there: a millisecond.
    if device.type == "cuda":
        torch.cuda.manual_seed(int(mixed[0]))
    else:
        torch.default_generator.manual_seed(int(mixed[0]))
