"""Training beside JoeyNMT 2.3.0 and Eole 0.6.4: the same pieces, sizes and threads, in turns.

    python tests/bench/bench_peers.py [--data FOLDER] [--only NAME …] [--rounds N] [--seconds N]

``FOLDER`` is a corpus of the IITB layout; without one, pairs are generated from the phrasebook. The
peers are installed into environments of their own below ``.bench/``, which needs PyPI once. Each
trains with its own loop, batches and Adam, a one-layer LSTM with embedding 512, a bidirectional
encoder and a decoder of 512, dropout 0.2 and label smoothing 0.1, and stores and validates nothing
while it is measured. Ours is the bare loop of ``training_parts.py``; ``bench_training.py`` says how
near to it the whole of ``anuvad train`` comes.

What is counted are target tokens a second: entries of the target that are no padding, each
sentence's end included and its begin not, from the end of one optimizer step to the end of another,
so batching, forward, backward, clipping and optimizer are all in it. What is measured:

    one-thread   2,048 tokens a micro-batch; ours bf16, encoder of 512 a direction, as JoeyNMT's is;
                 Eole's, with input feeding, has 256, its only choice
    both-cores   each peer with the better of 2,048 and 4,096 tokens, ours with 8,192
    equal-sizes  one thread, 2,048 tokens, all encoders of 256 a direction, no input feeding:
                 fp32 against fp32, bf16 against bf16
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench_training import Bench
from corpora import PHRASEBOOK_PIECES, PIECES, default_data, generate
from goals import Figure, print_figures
from measure import say
from peer_environments import BENCH, PeerError, measure_peer, python_of
from peer_pieces import write_pieces
from rounds import Goal, ratio_figure, take_rounds
from training_job import bench_config, bench_data

NAMES = ("one-thread", "both-cores", "equal-sizes")
CORES = len(os.sched_getaffinity(0))
_FEEDING = ("--precision", "fp32", "--attention", "mlp", "--input-feeding")
_UNROLLED = ("--attention", "general", "--precision")


@dataclass(frozen=True)
class Peers:
    """The peers' trainers.

    Attributes:
        pieces: folder of :func:`peer_pieces.write_pieces`.
        seconds: that each is measured, after a third of it to warm up.
        joeynmt: interpreter of its environment.
        eole: of Eole's.
    """

    pieces: Path
    seconds: float
    joeynmt: Path
    eole: Path

    def train_joeynmt(self, batch_tokens: int, threads: int) -> float:
        """Target tokens a second of JoeyNMT, fp32, which is all that it has on CPUs."""
        return self._train(self.joeynmt, "joeynmt_train.py", batch_tokens, threads)

    def train_eole(self, batch_tokens: int, threads: int, *switches: str) -> float:
        """Target tokens a second of Eole."""
        return self._train(self.eole, "eole_train.py", batch_tokens, threads, *switches)

    def _train(
        self, python: Path, script: str, batch_tokens: int, threads: int, *switches: str
    ) -> float:
        arguments = [
            f"--pieces={self.pieces}",
            f"--batch-tokens={batch_tokens}",
            f"--warmup-s={self.seconds / 3}",
            f"--seconds={self.seconds}",
            *switches,
        ]
        rate: float = measure_peer(python, script, arguments, threads)["tokens_per_second"]
        return rate


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=default_data("bench-balanced"))
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    try:
        figures = measure(options)
    except PeerError as error:
        sys.exit(f"error: {error}")
    print_figures(f"training beside its peers on {options.data or 'generated pairs'}", figures)
    sys.exit(not all(figure.reached for figure in figures))


def measure(options: argparse.Namespace) -> list[Figure]:
    """All figures that are asked for.

    Raises:
        PeerError: if there is no such corpus, or no such peer.
    """
    corpus = corpus_or_generated(options.data)
    joeynmt, eole = python_of("joeynmt"), python_of("eole")
    pieces = PIECES if options.data else PHRASEBOOK_PIECES
    ours = Bench(corpus, BENCH / "data", pieces)
    say("preparing the corpus")
    ours.prepare()
    peers = Peers(write_bench_pieces(ours), options.seconds, joeynmt, eole)
    parts: dict[str, Callable[[], list[Figure]]] = {
        "one-thread": lambda: _one_thread(ours, peers, options.rounds),
        "both-cores": lambda: _both_cores(ours, peers, options.rounds),
        "equal-sizes": lambda: _equal_sizes(ours, peers, options.rounds),
    }
    return [figure for name in NAMES if name in options.only for figure in parts[name]()]


def corpus_or_generated(data: Path | None) -> Path:
    """``data``, or pairs that are generated once.

    Raises:
        PeerError: if ``data`` is no corpus.
    """
    if data is not None and not (data / "data").is_dir():
        raise PeerError(
            f"--data must be a corpus with a folder data/ of parquet files, not {data}; "
            f"leave it out to generate one"
        )
    if data is not None:
        return data.resolve()
    generated = BENCH / "generated"
    return generated if generated.is_dir() else generate(generated)


def write_bench_pieces(ours: Bench) -> Path:
    """The prepared pairs as the peers read them; the folder."""
    folder = BENCH / "pieces"
    config = bench_config(str(ours.storage), ours.places())
    data, vocab_sizes = bench_data(config)
    # JoeyNMT does not start without a development set; it is not read.
    write_pieces(folder, {"train": data.shards, "dev": data.shards[-1:]}, vocab_sizes)
    return folder


def _one_thread(ours: Bench, peers: Peers, rounds: int) -> list[Figure]:
    rates = take_rounds(
        {
            "JoeyNMT": {"": lambda: peers.train_joeynmt(2048, 1)},
            "Eole, input feeding": {"": lambda: peers.train_eole(2048, 1, *_FEEDING)},
            "ours, bf16": {"": lambda: _train(ours, "bf16", 2048, 1)},
        },
        rounds,
        say,
    )
    return _against(rates, "one thread, bf16", Goal(15, 25), Goal(4, 5.5))


def _both_cores(ours: Bench, peers: Peers, rounds: int) -> list[Figure]:
    sizes = (2048, 4096)
    rates = take_rounds(
        {
            "JoeyNMT": {f"{n:,}": lambda n=n: peers.train_joeynmt(n, CORES) for n in sizes},
            "Eole, input feeding": {
                f"{n:,}": lambda n=n: peers.train_eole(n, CORES, *_FEEDING) for n in sizes
            },
            "ours, bf16": {"8,192": lambda: _train(ours, "bf16", 8192, CORES)},
        },
        rounds,
        say,
    )
    return _against(rates, f"{CORES} threads, best batch, bf16", Goal(20, 32), Goal(5, 7))


def _against(rates: dict[str, list[float]], what: str, joeynmt: Goal, eole: Goal) -> list[Figure]:
    ours = rates["ours, bf16"]
    return [
        ratio_figure(f"{what} ÷ JoeyNMT", ours, rates["JoeyNMT"], joeynmt),
        ratio_figure(f"{what} ÷ Eole, feeding", ours, rates["Eole, input feeding"], eole),
    ]


def _equal_sizes(ours: Bench, peers: Peers, rounds: int) -> list[Figure]:
    encoder = "model.encoder_hidden_size=256"
    rates = take_rounds(
        {
            name: {"": measure}
            for precision in ("fp32", "bf16")
            for name, measure in (
                (
                    f"Eole, no feeding, {precision}",
                    lambda p=precision: peers.train_eole(2048, 1, *_UNROLLED, p),
                ),
                (f"ours, {precision}", lambda p=precision: _train(ours, p, 2048, 1, encoder)),
            )
        },
        rounds,
        say,
    )
    return [
        ratio_figure(
            f"equal sizes, {precision} ÷ Eole without feeding",
            rates[f"ours, {precision}"],
            rates[f"Eole, no feeding, {precision}"],
            goal,
        )
        for precision, goal in (("fp32", Goal(1.1, 1.35)), ("bf16", Goal(1.5, 2.2)))
    ]


def _train(ours: Bench, precision: str, batch_tokens: int, threads: int, *overrides: str) -> float:
    settings = (f"train.precision={precision}", f"train.batch_tokens={batch_tokens}", *overrides)
    return ours.loop(*settings, threads=threads)["tokens_per_second"]


if __name__ == "__main__":
    main()
