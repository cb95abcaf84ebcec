"""What corpora of 1.7 million, 100 million and 10 billion pairs need: measured, then multiplied.

    python tests/bench/capacity.py [--data FOLDER] [--rates FILE]

``FOLDER`` is a corpus of the IITB layout; without one, pairs are generated from the phrasebook.
Every stage runs in a process of its own, its tasks one after the other, under the settings of
``configs/iitb.yaml``; CPU seconds are counted, so that others on the machine change little.
Training is the bare loop of ``bench_training.py`` on one thread, with those pieces.
``capacity_design.py`` says how the table is computed. ``--rates`` keeps what was measured, and
where that file stands, prints the table without measuring.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
from pathlib import Path
from typing import Any

from capacity_design import Rates, Size, in_bytes, needs
from corpora import default_data, generate
from measure import in_fresh_process, say

PARTS = Path(__file__).resolve().with_name("capacity_parts.py")
TRAINING = PARTS.with_name("training_parts.py")
# The pieces of configs/iitb.yaml, whose token arrays stand.
TRAINING_SETTINGS = ("tokenizer.vocab_size=16000", "train.batch_tokens=4096")
STAGES = ("corpus", "clean", "dedup", "tokenizer", "tensorize")
# clean.shard_rows of configs/iitb.yaml and dedup's own default; then what suits the largest.
SIZES = {
    "1.7 million": Size(1_700_000, 50_000, 500_000),
    "100 million": Size(100_000_000, 50_000, 500_000),
    "10 billion": Size(10_000_000_000, 50_000, 500_000),
    "10 billion, large shards": Size(10_000_000_000, 1_000_000, 10_000_000),
}


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=default_data("bench"))
    parser.add_argument("--rates", type=Path, help="a file that keeps what was measured")
    options = parser.parse_args()
    if options.rates and options.rates.exists():
        rates = Rates(**json.loads(options.rates.read_text()))
    else:
        with tempfile.TemporaryDirectory(prefix="anuvad-bench-") as folder:
            data = (options.data or generate(Path(folder) / "generated")).resolve()
            rates = measure(str(data), str(Path(folder) / "storage"))
        if options.rates:
            options.rates.write_text(json.dumps(dataclasses.asdict(rates), indent=1) + "\n")
    print(f"largest data task: {in_bytes(rates.worker_bytes)} of memory")
    print(f"training: {rates.tokens_a_second:,.0f} target tokens a second of one thread\n")
    print(table({name: needs(rates, size) for name, size in SIZES.items()}))


def measure(data: str, storage: str) -> Rates:
    """All rates, from one pass over the corpus."""
    made: dict[str, dict[str, float]] = {}
    for name in STAGES:
        made[name] = _part("stage", name, data, storage)
        say(f"{name}: {made[name]['cpu_s']:.1f} s of CPU time")
    draw, plan = _part("draw", data, storage), _part("plan", data, storage)
    one_range, line = _part("partition", data, storage), _part("manifest", data, storage)
    say(f"plan: {plan['cpu_s']:.2f} s; draw: {draw['cpu_s']:.2f} s")
    loop: dict[str, Any] = json.loads(
        in_fresh_process(
            TRAINING,
            *("loop", "--storage", storage),
            *("--set", f"corpus.source={data}", *TRAINING_SETTINGS),
        )
    )
    pairs = made["corpus"]["rows"]
    return Rates(
        source_bytes=made["corpus"]["bytes"] / pairs,
        clean_bytes=made["clean"]["bytes"] / pairs,
        kept_bytes=made["dedup"]["bytes"] / pairs,
        array_bytes=made["tensorize"]["bytes"] / pairs,
        clean_s=made["clean"]["cpu_s"] / pairs,
        dedup_s=made["dedup"]["cpu_s"] / pairs,
        draw_s=draw["cpu_s"] / pairs,
        tensorize_s=made["tensorize"]["cpu_s"] / pairs,
        plan_s=plan["cpu_s"] / pairs,
        vocabularies_s=made["tokenizer"]["cpu_s"] - draw["cpu_s"],
        target_tokens=(made["tensorize"]["tokens"] + made["tensorize"]["rows"]) / pairs,
        length_bytes=plan["bytes"] / pairs,
        worker_bytes=max(stage["peak"] for stage in made.values()),
        tokens_a_second=loop["tokens_per_cpu_second"],
        range_file_s=one_range["cpu_s"],
        file_bytes=line["bytes"],
        file_s=line["cpu_s"],
    )


def table(columns: dict[str, dict[str, str]]) -> str:
    """A table of Markdown: a column a size, a row a need."""
    rows = [["pairs", *columns], ["---"] * (1 + len(columns))]
    names = next(iter(columns.values()))
    rows += [[name, *(column[name] for column in columns.values())] for name in names]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _part(*arguments: str) -> dict[str, float]:
    found: dict[str, float] = json.loads(in_fresh_process(PARTS, *arguments))
    return found


if __name__ == "__main__":
    main()
