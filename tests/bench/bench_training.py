"""The training: its speed and its memory, beside their goals and beside what the machine can do.

    python tests/bench/bench_training.py [--data FOLDER] [--only NAME …]

``FOLDER`` is a corpus of the IITB layout; without one, pairs are generated from the phrasebook.
8,000 pieces a side (1,000 of the phrasebook's), embedding 512, a bidirectional encoder of 512 a
direction, a decoder of 512. Rounds alternate and medians of their ratios are shown, as nothing else
says anything on a machine that others use too. Tokens are real target tokens, each sentence's end
included. What is measured:

    peak        useful FLOP/s of the bare loop against a product of 2048 × 2048 matrices, one thread
    workers     the whole `anuvad train`, two workers of one thread against twice one worker
    loop        the whole `anuvad train` with dropout, reports and checkpoints, but no validation,
                against the bare loop without dropout
    batches     tokens a second of the bare loop on all cores, by the size of a micro-batch
    padding     of all positions in an epoch's batch plan, with the settings that are the default;
                beside `bench-balanced` lies `bench`, whose lengths are as they come: of that one
    memory      the training worker of `anuvad train`, and the same with four times the data
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from corpora import PHRASEBOOK_PIECES, PIECES, default_data, four_times, generate
from goals import Figure, print_figures
from measure import ANUVAD, Run, in_fresh_process, say, watch
from training_job import BASE, SETTINGS

from model.config import TrainConfig

PARTS = Path(__file__).resolve().with_name("training_parts.py")
ROUNDS = 3
NAMES = ("peak", "workers", "loop", "batches", "padding", "memory")
CORES = len(os.sched_getaffinity(0))
# Half a minute in which kernels and caches get warm and the last of Ray's own processes starts, and
# a minute of updates after it.
WARMUP_UPDATES = 12
UPDATES = 36
MODERATE = ("train.batch_tokens=4096", "train.micro_batches=2")
# What a worker's memory is measured over: long enough to meet the longest pairs.
MEMORY_UPDATES = 60
_MIB = 1 << 20


@dataclass(frozen=True)
class Bench:
    """A corpus that is prepared, and what training on it comes to.

    Attributes:
        corpus: the corpus in the layout of the IITB's.
        storage: where it is prepared.
        pieces: of each side's vocabulary.
    """

    corpus: Path
    storage: Path
    pieces: int = PIECES

    def loop(self, *overrides: str, threads: int = 1) -> dict[str, float]:
        """What the bare loop comes to."""
        return self._part("loop", "--set", *self.places(), *overrides, threads=threads)

    def peak(self, threads: int = 1) -> dict[str, float]:
        """GFLOP/s of the largest products, by precision."""
        return self._part("peak", threads=threads)

    def padding(self, *overrides: str) -> dict[str, float]:
        """The share of padding of one epoch, by side."""
        return self._part("padding", "--set", *self.places(), *overrides, threads=1)

    def train(self, *overrides: str, updates: int = UPDATES) -> tuple[float, Run]:
        """Tokens a second of the whole command after its warm-up, and what was seen of it."""
        command = [
            ANUVAD,
            "train",
            str(BASE),
            *SETTINGS,
            *self.places(),
            f"train.max_updates={updates}",
            f"train.log_every={WARMUP_UPDATES}",
            f"train.validate_every={updates + 1}",
            f"train.checkpoint_every={updates // 2}",
            "train.dev_sentences=16",
            *overrides,
            "--json",
        ]
        run = watch(command)
        training = json.loads(run.output)["training"]
        folder = self.storage / "artifacts" / training
        lines = (folder / "history.jsonl").read_text().splitlines()
        events = [event for event in map(json.loads, lines) if event["kind"] == "train"]
        first, last = events[0], events[-1]
        tokens = last["target_tokens"] - first["target_tokens"]
        # The next one is to train again.
        shutil.rmtree(folder)
        return tokens / (last["seconds"] - first["seconds"]), run

    def prepare(self) -> None:
        """Make the token arrays."""
        watch([ANUVAD, "prepare", str(BASE), *SETTINGS, *self.places()])

    def places(self) -> list[str]:
        """What a configuration has to say of them."""
        return [
            f"corpus.source={self.corpus}",
            f"storage={self.storage}",
            f"tokenizer.vocab_size={self.pieces}",
        ]

    def _part(self, name: str, *arguments: str, threads: int) -> dict[str, float]:
        output = in_fresh_process(PARTS, name, "--threads", str(threads), *arguments)
        found: dict[str, float] = json.loads(output)
        return found


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=default_data("bench-balanced"))
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="anuvad-bench-") as folder:
        scratch = Path(folder)
        corpus = (options.data or generate(scratch / "generated")).resolve()
        bench = Bench(corpus, scratch / "storage", PIECES if options.data else PHRASEBOOK_PIECES)
        if {*options.only} - {"padding"}:
            say("preparing the corpus")
            bench.prepare()
        figures = []
        if "peak" in options.only:
            figures += _against_peak(bench)
        if "batches" in options.only:
            figures += _batches(bench)
        if {"workers", "loop"} & {*options.only}:
            figures += _whole_command(bench, options.only)
        if "padding" in options.only:
            figures += _padding(_unbalanced(bench, scratch))
        if "memory" in options.only:
            figures += _memory(bench, scratch)
    print_figures(f"the training on {options.data or 'generated pairs'}", figures)
    sys.exit(not all(figure.reached for figure in figures))


def _unbalanced(bench: Bench, scratch: Path) -> Bench:
    """The corpus whose padding is asked for, prepared; ``bench`` itself where that is not there."""
    balanced, found = default_data("bench-balanced"), default_data("bench")
    if found is None or balanced is None or bench.corpus != balanced.resolve():
        bench.prepare()
        return bench
    say("preparing the corpus whose lengths are not balanced")
    other = Bench(found.resolve(), scratch / "storage-unbalanced", bench.pieces)
    other.prepare()
    return other


def _against_peak(bench: Bench) -> list[Figure]:
    shares: dict[str, list[float]] = {"fp32": [], "bf16": []}
    figures = []
    for number in range(ROUNDS):
        for precision, found in shares.items():
            loop = bench.loop(f"train.precision={precision}")
            peak = bench.peak()[precision]
            found.append(loop["gflops"] / peak)
            say(
                f"round {number + 1}, {precision}: {loop['tokens_per_second']:,.0f} tokens/s, "
                f"{loop['gflops']:.0f} of {peak:.0f} GFLOP/s, padding {loop['padding']:.1%}"
            )
    for precision, goal in (("fp32", 0.60), ("bf16", 0.25)):
        share = statistics.median(shares[precision])
        figures.append(
            Figure(
                f"useful FLOP/s ÷ GEMM peak, {precision}, one thread",
                f"{share:.0%}",
                f"≥ {goal:.0%}",
                share >= goal,
            )
        )
    return figures


def _batches(bench: Bench) -> list[Figure]:
    found: dict[int, list[float]] = {2048: [], 4096: [], 8192: []}
    for _ in range(ROUNDS):
        for size, rates in found.items():
            loop = bench.loop(f"train.batch_tokens={size}", threads=CORES)
            rates.append(loop["tokens_per_second"])
    medians = {size: statistics.median(rates) for size, rates in found.items()}
    for size, rate in medians.items():
        say(f"{CORES} threads, micro-batches of {size:,} tokens: {rate:,.0f} target tokens/s")
    gain = medians[8192] / medians[2048]
    what = f"8,192 ÷ 2,048 tokens a micro-batch, {CORES} threads"
    return [Figure(what, f"{gain:.2f} ×", "≥ 1 ×", gain >= 1)]


def _whole_command(bench: Bench, only: list[str]) -> list[Figure]:
    figures = []
    whole, scaled = [], []
    for number in range(ROUNDS):
        one, _ = bench.train(*MODERATE, "compute.num_workers=1")
        said = f"round {number + 1}: one worker {one:,.0f} target tokens/s"
        if "loop" in only:
            bare = bench.loop(*MODERATE, "model.dropout=0")["tokens_per_second"]
            whole.append(one / bare)
            said += f", bare loop {bare:,.0f}"
        if "workers" in only:
            two, _ = bench.train(*MODERATE, "compute.num_workers=2")
            scaled.append(two / (2 * one))
            said += f", two workers {two:,.0f}"
        say(said)
    if scaled:
        ratio = statistics.median(scaled)
        what = "two workers of one thread ÷ twice one worker"
        figures.append(Figure(what, f"{ratio:.2f}", "≥ 0.80", ratio >= 0.80))
    if whole:
        ratio = statistics.median(whole)
        what = "whole `anuvad train` ÷ bare loop"
        figures.append(Figure(what, f"{ratio:.2f}", "≥ 0.93", ratio >= 0.93))
    return figures


def _padding(bench: Bench) -> list[Figure]:
    train = TrainConfig()
    sizes = (
        f"train.batch_tokens={train.batch_tokens}",
        f"train.micro_batches={train.micro_batches}",
    )
    found = bench.padding(*sizes)
    say(
        f"padding of an epoch of {found['pairs']:,.0f} pairs in {found['micro_batches']:,.0f} "
        f"micro-batches of {train.batch_tokens:,} tokens: source {found['source']:.1%}, "
        f"target {found['target']:.1%}"
    )
    share = found["both"]
    what = f"padding of all positions of an epoch of {bench.corpus.name}"
    return [Figure(what, f"{share:.1%}", "≤ 8%", share <= 0.08)]


def _memory(bench: Bench, scratch: Path) -> list[Figure]:
    say("preparing four times the data")
    larger = Bench(
        four_times(bench.corpus, scratch / "four"), scratch / "storage-four", bench.pieces
    )
    larger.prepare()
    peaks = []
    for data in (bench, larger):
        _, run = data.train(*MODERATE, "compute.num_workers=1", updates=MEMORY_UPDATES)
        peaks.append(training_peak(run))
        say(f"training worker on {data.corpus}: {peaks[-1] / _MIB:,.0f} MiB")
    mib, growth = peaks[0] / _MIB, peaks[1] / peaks[0]
    return [
        Figure("memory of a worker", f"{mib:.0f} MiB", "≤ 2,048 MiB", mib <= 2048),
        Figure("4 × data, memory", f"{growth:.2f} ×", "≤ 1.05 ×", growth <= 1.05),
    ]


def training_peak(run: Run) -> int:
    """Bytes of the largest training worker."""
    peaks: dict[str, Any] = {n: p for n, p in run.peaks.items() if "RayTrainWorker" in n}
    assert peaks, f"no training worker among {sorted(run.peaks)}"
    return max(peaks.values())


if __name__ == "__main__":
    main()
