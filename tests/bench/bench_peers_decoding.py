"""Beam search beside JoeyNMT 2.3.0 and Eole 0.6.4: the same pieces, sizes and threads, in turns.

    python tests/bench/bench_peers_decoding.py [--data FOLDER] [--sentences 100] [--rounds N]

Each translates the same sentences of the validation split, as ids of the same pieces, with beam 5
and 60 steps a sentence, so that weights have no say in the time, and none needs training: a
one-layer LSTM with embedding 512, a bidirectional encoder and a decoder of 512 (Eole's encoder has
256 a direction, its only choice), 8,000 pieces a side. Both peers feed their attention in and run
in fp32, each with the better of two batch sizes; ours is bf16 with its default batches. To stop by
themselves the peers would have to be trained alike first, which takes JoeyNMT hours on CPUs.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench_decoding import FORCED, SPLIT, first_pairs, trained
from bench_peers import corpus_or_generated, write_bench_pieces
from bench_training import Bench
from corpora import PHRASEBOOK_PIECES, PIECES, default_data
from goals import Figure, print_figures
from measure import in_fresh_process, say
from peer_environments import BENCH, PeerError, measure_peer, python_of
from rounds import Goal, ratio_figure, take_rounds

PARTS = Path(__file__).with_name("decoding_parts.py")
CORES = len(os.sched_getaffinity(0))
BATCHES = (16, 50)
BEAM = 5
_TEXT, _IDS = BENCH / "sentences.txt", BENCH / "sentences.ids"


@dataclass(frozen=True)
class Searches:
    """Ours and the peers', on the same sentences; each tells sentences a second.

    Attributes:
        pieces: folder of :func:`peer_pieces.write_pieces`.
        model: our model folder.
    """

    pieces: Path
    model: Path

    def write_sentences(self, sentences: Sequence[str]) -> None:
        """Write what is translated: as text for ours, as ids of pieces for the peers."""
        from pipeline.tokenizer import Tokenizer

        _TEXT.write_text("".join(f"{line}\n" for line in sentences), encoding="utf-8")
        rows = Tokenizer.load(self.model / "en.model").encode(list(sentences))
        _IDS.write_text("".join(f"{' '.join(map(str, row))}\n" for row in rows), encoding="ascii")

    def peer(self, python: Path, script: str, batch_sentences: int, threads: int) -> float:
        """A peer's search, in its own environment."""
        arguments = [
            f"--pieces={self.pieces}",
            f"--sentences={_IDS}",
            f"--batch-sentences={batch_sentences}",
            f"--beam-size={BEAM}",
            f"--steps={FORCED}",
        ]
        rate: float = measure_peer(python, script, arguments, threads)["sentences_per_second"]
        return rate

    def ours(self, threads: int) -> float:
        """Ours in bf16."""
        arguments = [
            f"--model={self.model}",
            f"--sentences={_TEXT}",
            "--precision=bf16",
            f"--threads={threads}",
            f"--forced={FORCED}",
        ]
        rate: float = json.loads(in_fresh_process(PARTS, "decode", *arguments))[
            "sentences_per_second"
        ]
        return rate


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=default_data("bench-balanced"))
    parser.add_argument("--sentences", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, nargs="+", default=sorted({1, CORES}))
    options = parser.parse_args()
    try:
        figures = measure(options)
    except PeerError as error:
        sys.exit(f"error: {error}")
    print_figures(f"beam search beside its peers on {options.data or 'generated pairs'}", figures)
    sys.exit(not all(figure.reached for figure in figures))


def measure(options: argparse.Namespace) -> list[Figure]:
    """All figures.

    Raises:
        PeerError: if there is no such corpus, or no such peer.
    """
    corpus = corpus_or_generated(options.data)
    joeynmt, eole = python_of("joeynmt"), python_of("eole")
    pieces = PIECES if options.data else PHRASEBOOK_PIECES
    bench = Bench(corpus, BENCH / "data", pieces)
    say("preparing the corpus")
    bench.prepare()
    searches = Searches(write_bench_pieces(bench), trained(bench.corpus, bench.storage, updates=1))
    searches.write_sentences(*first_pairs(bench.corpus, SPLIT, options.sentences)[:1])
    figures = []
    for threads in options.threads:
        figures += _in_turns(searches, joeynmt, eole, threads, options.rounds)
    return figures


def _in_turns(
    searches: Searches, joeynmt: Path, eole: Path, threads: int, rounds: int
) -> list[Figure]:
    rates = take_rounds(
        {
            "JoeyNMT": {
                f"{n} a batch": lambda n=n: searches.peer(joeynmt, "joeynmt_decode.py", n, threads)
                for n in BATCHES
            },
            "Eole": {
                f"{n} a batch": lambda n=n: searches.peer(eole, "eole_decode.py", n, threads)
                for n in BATCHES
            },
            "ours, bf16": {"": lambda: searches.ours(threads)},
        },
        rounds,
        say,
        "sentences/s",
    )
    what = f"{threads} thread(s), beam {BEAM}, {FORCED} steps, bf16"
    ours = rates["ours, bf16"]
    return [
        ratio_figure(f"{what} ÷ JoeyNMT", ours, rates["JoeyNMT"], Goal(10, 18)),
        ratio_figure(f"{what} ÷ Eole", ours, rates["Eole"], Goal(3.5, 6)),
    ]


if __name__ == "__main__":
    main()
