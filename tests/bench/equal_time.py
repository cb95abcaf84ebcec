"""Quality at equal time: every architecture is trained for as many minutes.

    python tests/bench/equal_time.py [--minutes 60] [--every 5] [--data FOLDER] [--work FOLDER]

A minute is one of CPU time on one thread, so 60 are what two cores give in 30. The models take
turns, a slice of ``--every`` minutes each and one on every core, so that what else the machine
does, and how fast it is just then, meets all of them alike. Stopped and started again the command
goes on where it was; with more ``--minutes`` it goes on from what is there.

reads   a corpus of the IITB layout; without one, pairs are generated from the phrasebook
writes  ``WORK/<model>.jsonl``, a line a slice, and of all of them ``docs/equal-time.md``,
        ``.csv`` and ``.svg``
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from corpora import default_data, generate
from equal_time_models import MODELS
from equal_time_page import write_page
from measure import ANUVAD, say
from training_job import BASE, SETTINGS

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CORES = len(os.sched_getaffinity(0))


def main() -> None:
    """Prepare, train slice by slice, and write the page after each round."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=60.0, help="of one core, for each model")
    parser.add_argument("--every", type=float, default=5.0, help="minutes between validations")
    parser.add_argument("--data", type=Path, default=default_data("bench-balanced"))
    parser.add_argument("--work", type=Path, default=ROOT / ".bench" / "equal-time")
    parser.add_argument("--lanes", type=int, default=CORES, help="models that train side by side")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    corpus = (options.data or generate(options.work / "generated")).resolve()
    storage = options.work.resolve() / "storage"
    places = [f"corpus.source={corpus}", f"storage={storage}"]
    subprocess.run(
        [ANUVAD, "prepare", str(BASE), *SETTINGS, *places],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    marks = [options.every * n for n in range(1, round(options.minutes / options.every) + 1)]
    for mark in marks:
        with ThreadPoolExecutor(options.lanes) as lanes:
            slices = [
                lanes.submit(_slice, name, mark, corpus, storage, options.work) for name in MODELS
            ]
            for done in as_completed(slices):
                if done.exception():
                    lanes.shutdown(cancel_futures=True)
                done.result()
        say(f"{mark:g} of {options.minutes:g} minutes")
        write_page(read_lines(options.work), options.docs)


def _slice(name: str, mark: float, corpus: Path, storage: Path, work: Path) -> None:
    command = [sys.executable, str(HERE / "equal_time_slice.py"), name, "--until", str(mark)]
    command += ["--source", str(corpus), "--storage", str(storage), "--out", str(work)]
    subprocess.run(command, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})


def read_lines(work: Path) -> dict[str, list[dict[str, Any]]]:
    """Model → what each of its slices came to, in order."""
    return {
        name: [json.loads(line) for line in (work / f"{name}.jsonl").read_text().splitlines()]
        for name in MODELS
    }


if __name__ == "__main__":
    main()
