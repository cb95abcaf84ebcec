"""The data pipeline: its speed and its memory, beside their goals and beside bare libraries.

    python tests/bench/bench_pipeline.py [--data FOLDER] [--only NAME …]

``FOLDER`` is a corpus of the IITB layout with some 400,000 pairs; without one, as many are
generated from the phrasebook. Rounds alternate and medians of their ratios are shown, as nothing
else says anything on a machine that others use too. What is measured:

    overhead    CPU time of clean and tensorize against a bare loop over the same rows: the same
                normalisation and filters, and SentencePieceProcessor.encode, one thread each
    scaling     wall time of clean and tensorize on a Ray of one CPU against one of two
    prepare     wall time of all stages after Ray is up, and the memory of the largest process
    four times  the same memory with four times the data, each copy salted with a word
    unchanged   wall time of the same command again
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

from corpora import default_data, four_times, generate
from goals import Figure, print_figures
from measure import ANUVAD, Run, in_fresh_process, say, watch

PARTS = Path(__file__).resolve().with_name("pipeline_parts.py")
REPOSITORY = PARTS.parent.parent.parent
ROUNDS = 3
NAMES = ("overhead", "scaling", "prepare", "four-times", "unchanged")
_MIB = 1 << 20


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=default_data("bench"))
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="anuvad-bench-") as scratch:
        figures = measure(options.data, Path(scratch), options.only)
    print_figures(f"the data pipeline on {options.data or 'generated pairs'}", figures)
    sys.exit(not all(figure.reached for figure in figures))


def measure(data: Path | None, scratch: Path, only: list[str]) -> list[Figure]:
    """All figures that are asked for."""
    data = data or generate(scratch / "generated")
    storage = scratch / "storage"
    say("preparing the corpus")
    first = _prepare(data, storage)
    found: list[Figure] = []
    if "prepare" in only:
        seconds = sum(stage["seconds"] for stage in json.loads(first.output)["stages"])
        found.append(Figure("prepare, Ray being up", f"{seconds:.0f} s", "≤ 90 s", seconds <= 90))
        found.append(_memory("largest process", first, 700))
    if "unchanged" in only:
        found.append(_unchanged(data, storage))
    if "overhead" in only:
        found.append(_overhead(data, storage))
    if "scaling" in only:
        found.append(_scaling(data, storage))
    if "four-times" in only:
        say("preparing four times the data")
        larger = _prepare(four_times(data, scratch / "four-times"), scratch / "storage-of-four")
        growth = larger.peak[1] / first.peak[1]
        found.append(_memory("largest process, 4 × data", larger, 700))
        found.append(Figure("4 × data, memory", f"{growth:.2f} ×", "≤ 1.10 ×", growth <= 1.10))
    return found


def _command(data: Path, storage: Path) -> list[str]:
    config = REPOSITORY / "configs" / "iitb.yaml"
    return [
        ANUVAD,
        "prepare",
        str(config),
        f"corpus.source={data}",
        f"storage={storage}",
        "--json",
    ]


def _prepare(data: Path, storage: Path) -> Run:
    return watch(_command(data, storage))


def _memory(what: str, run: Run, goal_mib: int) -> Figure:
    name, size = run.peak
    mib = size / _MIB
    return Figure(what, f"{mib:.0f} MiB ({name})", f"≤ {goal_mib} MiB", mib <= goal_mib)


def _unchanged(data: Path, storage: Path) -> Figure:
    runs = [_prepare(data, storage) for _ in range(ROUNDS)]
    seconds = statistics.median(run.wall_s for run in runs)
    started_ray = any("raylet" in run.peaks for run in runs)
    seen = f"{seconds:.1f} s, Ray {'was started' if started_ray else 'not started'}"
    return Figure("unchanged prepare", seen, "≤ 3 s, without Ray", seconds <= 3 and not started_ray)


def _overhead(data: Path, storage: Path) -> Figure:
    ratios = []
    for number in range(ROUNDS):
        ours, bare = (
            json.loads(in_fresh_process(PARTS, part, str(data), str(storage)))
            for part in ("stages", "bare")
        )
        assert ours["pairs"] == bare["pairs"], f"not the same work: {ours} and {bare}"
        ratios.append(ours["cpu_s"] / bare["cpu_s"])
        say(f"round {number + 1}: {ours['cpu_s']:.1f} s, bare {bare['cpu_s']:.1f} s of CPU time")
    ratio = statistics.median(ratios)
    return Figure(
        "clean + tensorize, CPU against a bare loop", f"{ratio:.2f} ×", "≤ 1.5 ×", ratio <= 1.5
    )


def _scaling(data: Path, storage: Path) -> Figure:
    ratios = []
    for number in range(ROUNDS):
        one, two = (
            json.loads(in_fresh_process(PARTS, "ray", str(data), str(storage), cpus))
            for cpus in ("1", "2")
        )
        ratios.append(one["wall_s"] / two["wall_s"])
        say(f"round {number + 1}: one CPU {one['wall_s']:.1f} s, two {two['wall_s']:.1f} s")
    ratio = statistics.median(ratios)
    return Figure(
        "clean + tensorize, 2 workers against 1", f"{ratio:.2f} ×", "≥ 1.7 ×", ratio >= 1.7
    )


if __name__ == "__main__":
    main()
