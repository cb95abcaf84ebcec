"""One slice of a training at equal time, in a process of its own, from where the last one stopped.

    python tests/bench/equal_time_slice.py MODEL --storage FOLDER --out FOLDER --until MINUTES

Time is CPU time of this process on one thread, so that a pause, or others' work on the machine,
does not count; nor does validation.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from equal_time_models import MODELS, TRAINING
from training_job import bench_config, bench_data

from jobs.config import Config
from jobs.console import JobConsole
from jobs.context import JobContext
from jobs.train_worker import references
from model.build import build_model
from model.checkpoint import CheckpointFolder
from model.config import TrainConfig
from model.dataset import TokenDataset
from model.job import TrainingJob
from model.training import train
from model.validation import DevSet
from model.workers import Workers
from pipeline import artifacts, stages
from pipeline.stages import token_arrays
from pipeline.storage import Storage
from pipeline.tokenizer import LANGUAGES, Tokenizer


def main() -> None:
    """Train up to a point in time, validate there, and add a line to ``MODEL.jsonl``."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("--storage", required=True, help="with the token arrays")
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--until", required=True, type=float, metavar="MINUTES")
    parser.add_argument("--source", required=True, help="the corpus that was prepared there")
    options = parser.parse_args()
    torch.set_num_threads(1)
    lines = options.out / f"{options.model}.jsonl"
    before = [json.loads(line) for line in lines.read_text().splitlines()] if lines.exists() else []
    if before and before[-1]["minutes"] >= options.until:
        return
    config = bench_config(options.storage, [f"corpus.source={options.source}"]).model_copy(
        update={
            "model": MODELS[options.model],
            "train": TrainConfig.model_validate({**TRAINING, "max_minutes": options.until}),
        }
    )
    job = _job(config, options.out, options.model)
    found = job.folder.load_latest()
    # The loop counts all of its time, validations included.
    minutes = options.until + (validated_s(found.state["history"]) / 60 if found else 0.0)
    state = train(replace(job, config=job.config.model_copy(update={"max_minutes": minutes})))
    scores = state.history[-1]
    assert scores["kind"] == "validation", scores
    line = {
        "model": options.model,
        "minutes": options.until,
        "weights": sum(p.numel() for p in job.model.parameters()),
        "update": state.update,
        "target_tokens": state.target_tokens,
        **{key: scores[key] for key in ("loss", "bleu", "chrf")},
    }
    with lines.open("a") as file:
        file.write(json.dumps(line) + "\n")


def validated_s(history: Sequence[dict[str, Any]]) -> float:
    """Seconds that the validations took so far."""
    return sum(event["took_s"] for event in history if event["kind"] == "validation")


def _job(config: Config, out: Path, name: str) -> TrainingJob:
    data, vocab_sizes = bench_data(config)
    place = JobContext(config, JobConsole())
    made = stages.specs(place.data, place.storage)
    arrays, kept, tokenizer = (
        artifacts.load(place.storage, made[stage].id)
        for stage in ("tensorize", "dedup", "tokenizer")
    )
    split = config.corpus.validation_split
    held_out = TokenDataset([arrays.local(file) for file in token_arrays(arrays, split)])
    english, hindi = (Tokenizer.load(tokenizer.local(f"{x}.model")) for x in LANGUAGES)
    dev = DevSet(held_out, references(kept, split, held_out), hindi, config.train.dev_sentences)
    torch.manual_seed(config.train.seed)
    identity = {
        "architecture": config.model.model_dump_json(),
        "training": json.dumps(TRAINING),
        "token arrays": arrays.id,
    }
    return TrainingJob(
        config=config.train,
        model=build_model(config.model, *vocab_sizes),
        data=data,
        dev=dev,
        tokenizers=(english, hindi),
        folder=CheckpointFolder(Storage(str(out)), f"checkpoints/{name}", identity),
        workers=Workers(),
        report=lambda event: None,
        clock=time.process_time,
    )


if __name__ == "__main__":
    main()
