"""The parts of the data pipeline's bench, each in a process of its own: it prints one JSON object.

python tests/bench/pipeline_parts.py stages|bare|ray DATA STORAGE [CPUS]
"""

from __future__ import annotations

import json
import logging
import sys
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import ray
from measure import cpu_seconds
from sentencepiece import SentencePieceProcessor

from jobs.config import load_config
from jobs.console import JobConsole
from jobs.context import JobContext
from pipeline import artifacts
from pipeline.columns import Pairs, TextColumn
from pipeline.filters import build_filters, build_raw_filters, reasons_of
from pipeline.normalize import normalize_column
from pipeline.runner import RayRunner, run_here
from pipeline.stages import DataConfig, clean_shards, prepare, specs
from pipeline.storage import Storage

CONFIG = Path(__file__).resolve().parent.parent.parent / "configs" / "iitb.yaml"


def _stages(data: str, storage: str) -> None:
    """Clean and tensorize once more, task after task in this process."""
    config, place, reporter = _again(data, storage)

    started = cpu_seconds()
    made = prepare(config, place, lambda: run_here, reporter)
    cpu_s = cpu_seconds() - started
    assert [name for name, result in made.items() if not result.skipped] == ["clean", "tensorize"]
    counts = made["tensorize"].artifact.counts
    print(
        json.dumps(
            {
                "cpu_s": cpu_s,
                "pairs": counts["train_pairs"] + counts["train_dropped_too_many_tokens"],
            }
        )
    )


def _ray(data: str, storage: str, cpus: str) -> None:
    """Clean and tensorize once more, on a Ray of so many CPUs."""
    ray.init(
        "local",
        num_cpus=int(cpus),
        object_store_memory=256 << 20,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
    config, place, reporter = _again(data, storage)
    made = prepare(config, place, RayRunner, reporter)
    print(json.dumps({"wall_s": made["clean"].seconds + made["tensorize"].seconds}))
    ray.shutdown()


def _bare(data: str, storage: str) -> None:
    """What a bare loop needs for the same: normalise, filter and encode, and nothing else."""
    config, place = data_config(data), Storage(storage)
    filters = config.clean.filters
    made = specs(config, place)
    kept = artifacts.load(place, made["dedup"].id)
    tokenizer = artifacts.load(place, made["tokenizer"].id)
    shards = [
        pq.read_table(kept.local(f"{shard}.parquet"), columns=["en", "hi"])
        for split in config.splits
        for shard in clean_shards(kept, split)
    ]
    sides = {side: [shard.column(side).to_pylist() for shard in shards] for side in ("en", "hi")}
    processors = [
        SentencePieceProcessor(model_file=str(tokenizer.local(f"{side}.model"))) for side in sides
    ]
    files = [f for s in config.splits for f in sorted(Path(data, "data").glob(f"{s}-*.parquet"))]

    started = cpu_seconds()
    counts: Counter[str] = Counter()
    raw, later = build_raw_filters(filters), build_filters(filters)
    for file in files:
        for batch in pq.ParquetFile(file).iter_batches(16_384):
            translation = batch.column("translation")
            texts = [translation.field("en"), translation.field("hi")]
            for each in (raw, later):
                reasons = reasons_of(Pairs(*map(TextColumn, texts)), each)
                keeps = pa.array(reasons, pa.string()).is_null()
                texts = [text.filter(keeps) for text in texts]
                if each is raw:
                    texts = [normalize_column(t, config.clean.normalize, counts) for t in texts]
    for processor, texts in zip(processors, sides.values(), strict=True):
        for shard in texts:
            processor.encode(shard, num_threads=1)
    cpu_s = cpu_seconds() - started
    pairs = kept.counts[f"{config.corpus.train_split}_kept"]
    print(json.dumps({"cpu_s": cpu_s, "pairs": pairs}))


def _again(data: str, storage: str) -> tuple[DataConfig, Storage, Silent]:
    """The configuration, and a storage from which clean shards and token arrays are gone."""
    config, place = data_config(data), Storage(storage)
    made = specs(config, place)
    for stage in ("clean", "tensorize"):
        place.delete(made[stage].path)
    return config, place, Silent()


def data_config(data: str) -> DataConfig:
    """The data sections of ``configs/iitb.yaml`` for the corpus in the folder ``data``."""
    return JobContext(load_config(str(CONFIG), [f"corpus.source={data}"]), JobConsole()).data


class Silent:
    """A :class:`~pipeline.stages.StageReporter` that says nothing."""

    def stage_started(self, name: str, why: str) -> None:
        """Nothing."""

    def stage_advanced(self, name: str, done: int, total: int) -> None:
        """Nothing."""

    def stage_ended(self, result: object) -> None:
        """Nothing."""


_PARTS = {"stages": _stages, "ray": _ray, "bare": _bare}

if __name__ == "__main__":
    _PARTS[sys.argv[1]](*sys.argv[2:])
