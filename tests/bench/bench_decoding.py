"""What translating comes to: speed and BLEU by precision, and the time to a single answer.

    python tests/bench/bench_decoding.py [--data FOLDER] [--model FOLDER] [--sentences 200]

A model of 8,000 pieces a side, embedding and widths of 512, translates the same sentences with beam
5 in fp32, bf16 and int8, and by a textbook's beam search in fp32, in turns; with 60 forced steps,
and to where it stops by itself. BLEU is sacreBLEU's on the same references, so its differences are
what a precision costs. Without ``--model`` one is trained for ``--updates`` updates first, which is
enough to stop by itself and not to translate well.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import sacrebleu
from corpora import default_data, generate
from goals import Figure, print_figures
from measure import ANUVAD, forget_files, in_fresh_process, say, watch
from training_job import BASE, SETTINGS

PARTS = Path(__file__).with_name("decoding_parts.py")
ROUNDS = 3
FORCED = 60
SPLIT = "validation"
# A textbook's search gets fewer: it takes as long for these.
TEXTBOOK_SHARE = 10
KINDS = ("textbook", "fp32", "bf16", "int8")


@dataclass
class Found:
    """What the rounds of one kind of search came to."""

    sentences: list[float] = field(default_factory=list)
    tokens: list[float] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=default_data("bench-balanced"))
    parser.add_argument("--model", type=Path, help="a model folder; one is trained without it")
    parser.add_argument("--updates", type=int, default=400)
    parser.add_argument("--sentences", type=int, default=200)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="anuvad-bench-") as folder:
        scratch = Path(folder)
        corpus = (options.data or generate(scratch / "generated")).resolve()
        model = options.model or trained(corpus, scratch / "storage", options.updates)
        sources, references = first_pairs(corpus, SPLIT, options.sentences)
        figures: list[Figure] = []
        for forced in (FORCED, None):
            figures += _speed(model, sources, references, scratch, forced, options.threads)
        figures += _single(model)
    print_figures(f"decoding, beam 5, {options.threads} thread(s)", figures)
    sys.exit(not all(figure.reached for figure in figures))


def trained(corpus: Path, storage: Path, updates: int) -> Path:
    """The model folder of a model trained for so many updates, whose data it prepares first."""
    say(f"training for {updates} updates")
    command = [
        ANUVAD,
        "train",
        str(BASE),
        *SETTINGS,
        f"corpus.source={corpus}",
        f"storage={storage}",
        "train.batch_tokens=4096",
        "train.micro_batches=1",
        f"train.max_updates={updates}",
        f"train.validate_every={updates}",
        f"train.checkpoint_every={updates}",
        "train.dev_sentences=16",
        "--json",
    ]
    watch(command)
    manifests = (storage / "mlartifacts").rglob("translator/manifest.json")
    return max(manifests, key=lambda path: path.stat().st_mtime).parent


def first_pairs(corpus: Path, split: str, count: int) -> tuple[list[str], list[str]]:
    """The first pairs of a split, each side on one line."""
    file = min((corpus / "data").glob(f"{split}-*.parquet"))
    pairs = pq.read_table(file).column("translation").to_pylist()[:count]
    one_line = [[" ".join(pair[side].split()) for pair in pairs] for side in ("en", "hi")]
    return one_line[0], one_line[1]


def _speed(
    model: Path,
    sources: Sequence[str],
    references: Sequence[str],
    scratch: Path,
    forced: int | None,
    threads: int,
) -> list[Figure]:
    stop = f"{forced} forced steps" if forced else "natural stop"
    found = {kind: Found() for kind in KINDS}
    for number in range(ROUNDS):
        for kind, so_far in found.items():
            part = _decode(model, sources, scratch, kind, forced, threads)
            so_far.sentences.append(part["sentences_per_second"])
            so_far.tokens.append(part["tokens_per_second"])
            so_far.texts = part["texts"]
            say(
                f"{stop}, round {number + 1}, {kind}: {so_far.sentences[-1]:.1f} sentences/s, "
                f"{so_far.tokens[-1]:,.0f} target tokens/s"
            )
    rates = {kind: statistics.median(one.sentences) for kind, one in found.items()}
    for kind in KINDS[1:]:
        line = f"{kind}, {stop}: {rates[kind]:.1f} sentences/s"
        if not forced:
            bleu = sacrebleu.corpus_bleu(found[kind].texts, [list(references)], tokenize="intl")
            exact = sacrebleu.corpus_bleu(found["fp32"].texts, [list(references)], tokenize="intl")
            line += f", BLEU {bleu.score:.2f} ({bleu.score - exact.score:+.2f} against fp32)"
        say(line)
    goals = (("fp32", "textbook", 3.0), ("bf16", "fp32", 1.5), ("int8", "fp32", 1.5))
    return [
        Figure(
            f"{fast} ÷ {slow}, sentences/s, {stop}",
            f"{rates[fast]:.1f} ÷ {rates[slow]:.1f} = {rates[fast] / rates[slow]:.2f} ×",
            f"≥ {goal:.1f} ×",
            rates[fast] / rates[slow] >= goal,
        )
        for fast, slow, goal in goals
    ]


def _decode(
    model: Path,
    sources: Sequence[str],
    scratch: Path,
    kind: str,
    forced: int | None,
    threads: int,
) -> dict[str, Any]:
    textbook = kind == "textbook"
    some = sources[:: TEXTBOOK_SHARE if textbook else 1]
    file = scratch / "sources.txt"
    file.write_text("".join(f"{line}\n" for line in some), encoding="utf-8")
    arguments = ["--model", str(model), "--sentences", str(file), "--threads", str(threads)]
    arguments += ["--textbook"] if textbook else ["--precision", kind]
    arguments += ["--forced", str(forced)] if forced else []
    part: dict[str, Any] = json.loads(in_fresh_process(PARTS, "decode", *arguments))
    return part


def _single(model: Path) -> list[Figure]:
    """From the command to its answer, with files that were read before, and with none."""
    parts = json.loads(in_fresh_process(PARTS, "imports", "--model", str(model)))
    say(", ".join(f"{name} {spent:.2f} s" for name, spent in parts.items()))
    warm, cold = [], []
    for _ in range(ROUNDS):
        warm.append(_answer_s(model))
        forget_files([Path(sys.prefix), model])
        cold.append(_answer_s(model))
    say(f"with nothing in the page cache: {statistics.median(cold):.1f} s")
    median = statistics.median(warm)
    what = '`anuvad translate "one sentence"` to its answer'
    return [Figure(what, f"{median:.1f} s", "≤ 4 s", median <= 4.0)]


def _answer_s(model: Path) -> float:
    started = time.perf_counter()
    watch([ANUVAD, "translate", "The house is big.", "--model", str(model)])
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
