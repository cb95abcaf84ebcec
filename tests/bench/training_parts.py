"""The parts of the training's bench, each in a process of its own: it prints one JSON object.

    python tests/bench/training_parts.py peak --threads 1
    python tests/bench/training_parts.py loop --storage FOLDER --set train.batch_tokens=2048 …
    python tests/bench/training_parts.py padding --storage FOLDER --set train.batch_tokens=4096 …

``peak`` is what the machine multiplies at most: matrices of 2048 × 2048 in fp32 and in bf16.
``loop`` is training without anything around it: batch plan, batches, forward, backward, clipping
and optimizer, over the token arrays that ``bench_training.py`` prepared in the storage.
``padding`` is the share of padding in the batch plan of one whole epoch, by side and together.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator

import numpy as np
import torch
from measure import cpu_seconds
from torch import nn
from training_job import bench_config, bench_data, useful_flops

from jobs.config import Config
from model.batch_plan import Update, plan_epoch
from model.build import build_model
from model.dataset import TokenDataset
from model.optimizer import build_optimizer
from model.precision import autocast, resolve_precision
from model.training import plan_settings

_PEAK_SIZE = 2048
_CPU = torch.device("cpu")


def main() -> None:
    """Parse, measure one part, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("part", choices=("peak", "loop", "padding"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--storage", help="with the token arrays")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", dest="overrides")
    parser.add_argument("--warmup-s", type=float, default=8.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.part == "peak":
        print(json.dumps(_peak()))
    elif options.part == "padding":
        print(json.dumps(_padding(options)))
    else:
        print(json.dumps(_loop(options)))


def _peak() -> dict[str, float]:
    """GFLOP/s of the largest products, by precision."""
    found = {}
    for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        a, b = (torch.randn(_PEAK_SIZE, _PEAK_SIZE, dtype=dtype) for _ in range(2))
        seconds = []
        for _ in range(30):
            started = time.perf_counter()
            a @ b
            seconds.append(time.perf_counter() - started)
        found[name] = 2 * _PEAK_SIZE**3 / min(seconds) / 1e9
    return found


def _padding(options: argparse.Namespace) -> dict[str, float]:
    """Padding ÷ positions of the first epoch, and how many micro-batches that is."""
    config = bench_config(options.storage, options.overrides)
    data, _ = bench_data(config)
    # The end of each sentence is a token too.
    sides = {
        side: [np.asarray(lengths, np.int64) + 1 for lengths in shards]
        for side, shards in (("source", data.source_lengths), ("target", data.target_lengths))
    }
    padded = dict.fromkeys(sides, 0)
    real = dict.fromkeys(sides, 0)
    count = 0
    plan = plan_epoch(data.source_lengths, data.target_lengths, plan_settings(config.train), 0)
    for update in plan:
        for micro_batch in update.micro_batches:
            count += 1
            for side, shards in sides.items():
                places = zip(micro_batch.shard, micro_batch.row, strict=True)
                lengths = np.array([shards[shard][row] for shard, row in places])
                padded[side] += len(lengths) * int(lengths.max())
                real[side] += int(lengths.sum())
    shares = {side: 1 - real[side] / padded[side] for side in sides}
    return shares | {
        "both": 1 - sum(real.values()) / sum(padded.values()),
        "micro_batches": count,
        "pairs": len(data),
    }


def _loop(options: argparse.Namespace) -> dict[str, float]:
    """Tokens and useful FLOP a second of the bare loop, once kernels and caches are warm."""
    config = bench_config(options.storage, options.overrides)
    data, vocab_sizes = bench_data(config)
    torch.manual_seed(config.train.seed)
    model = build_model(config.model, *vocab_sizes).train()
    optimizer = build_optimizer(model, config.train)
    precision = resolve_precision(config.train.precision, _CPU)
    updates = _endless(data, config)
    tokens = flops = 0.0
    padded = real = 0
    started = time.perf_counter()
    measured_from: float | None = None
    cpu_from = 0.0
    while True:
        now = time.perf_counter()
        if measured_from is None and now - started >= options.warmup_s:
            measured_from, cpu_from = now, cpu_seconds()
            tokens, flops, padded, real = 0.0, 0.0, 0, 0
        elif measured_from is not None and now - measured_from >= options.seconds:
            break
        update = next(updates)
        optimizer.zero_grad(set_to_none=True)
        for micro_batch in update.micro_batches:
            batch = data.batch(micro_batch)
            with autocast(precision, _CPU):
                sums = model(batch, config.train.label_smoothing)
            (sums.loss_sum / update.target_tokens).backward()
            flops += useful_flops(config.model, vocab_sizes[1], batch)
            padded += micro_batch.padded_tokens
            real += micro_batch.real_tokens
        nn.utils.clip_grad_norm_(model.parameters(), config.train.clip_norm)
        optimizer.step()
        tokens += update.target_tokens
    elapsed = time.perf_counter() - measured_from
    return {
        "tokens_per_second": tokens / elapsed,
        "tokens_per_cpu_second": tokens / (cpu_seconds() - cpu_from),
        "gflops": flops / elapsed / 1e9,
        "padding": 1 - real / padded,
    }


def _endless(data: TokenDataset, config: Config) -> Iterator[Update]:
    epoch = 0
    while True:
        yield from plan_epoch(
            data.source_lengths, data.target_lengths, plan_settings(config.train), epoch
        )
        epoch += 1


if __name__ == "__main__":
    main()
