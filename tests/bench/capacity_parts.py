"""The parts of the capacity bench, each in a process of its own: it prints one JSON object.

    python tests/bench/capacity_parts.py stage NAME DATA STORAGE
    python tests/bench/capacity_parts.py draw|plan|partition|manifest DATA STORAGE

``stage`` runs one stage, its tasks one after the other in this process. ``draw``
reads what both vocabularies are drawn from. ``plan`` is an epoch's
batch plan, as each training worker makes it; ``partition`` reads one range of hashes of many
shards; ``manifest`` loads an artifact of many files, as each command does first.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from measure import cpu_seconds
from pipeline_parts import Silent, data_config

from model.batch_plan import PlanSettings, plan_epoch
from model.dataset import TokenDataset
from pipeline import artifacts, dedup
from pipeline.artifacts import MANIFEST, ArtifactSpec, FileEntry, Part
from pipeline.runner import run_here
from pipeline.stages import clean_shards, prepare, specs, token_arrays
from pipeline.storage import Storage
from pipeline.tokenizer import LANGUAGES, drawn_sentences

_PEAK_UNIT = 1024
_ROWS = ("train_rows", "train_kept", "train_pairs")
_FILES = 2000
_EPOCHS = 5


def stage(name: str, data: str, storage: str) -> dict[str, float]:
    """What one stage takes, and what it leaves."""
    config, place = data_config(data), Storage(storage)
    started = cpu_seconds()
    made = prepare(config, place, lambda: run_here, Silent(), until=name)
    spent = cpu_seconds() - started
    artifact = made[name].artifact
    rows = next((artifact.counts[k] for k in _ROWS if k in artifact.counts), 0)
    return {
        "cpu_s": spent,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _PEAK_UNIT,
        "bytes": sum(f.size for f in artifact.files if "train" in f.name),
        "rows": rows,
        "tokens": artifact.counts.get("train_target_tokens", 0),
    }


def draw(data: str, storage: str) -> dict[str, float]:
    """CPU time of reading the kept rows twice, once for each vocabulary's draw."""
    config, place = data_config(data), Storage(storage)
    kept = artifacts.load(place, specs(config, place)["dedup"].id)
    train, tokenizer = config.corpus.train_split, config.tokenizer
    shards = [kept.local(f"{shard}.parquet") for shard in clean_shards(kept, train)]
    rows = kept.counts[f"{train}_kept"]
    started = cpu_seconds()
    for side in LANGUAGES:
        for _ in drawn_sentences(shards, (side,), rows, tokenizer.max_sentences, tokenizer.seed):
            pass
    return {"cpu_s": cpu_seconds() - started}


def plan(data: str, storage: str) -> dict[str, float]:
    """CPU time of one epoch's plan, and the bytes of what it is made of."""
    config, place = data_config(data), Storage(storage)
    arrays = artifacts.load(place, specs(config, place)["tensorize"].id)
    names = token_arrays(arrays, config.corpus.train_split)
    dataset = TokenDataset([arrays.local(name) for name in names])
    lengths = dataset.source_lengths, dataset.target_lengths
    settings = PlanSettings(8192, 4, 8, 1)
    started = cpu_seconds()
    for epoch in range(_EPOCHS):
        for _ in plan_epoch(*lengths, settings, epoch):
            pass
    return {
        "cpu_s": (cpu_seconds() - started) / _EPOCHS,
        "bytes": sum(shard.nbytes for side in lengths for shard in side),
        "rows": len(dataset),
    }


def partition(data: str, storage: str) -> dict[str, float]:
    """CPU time to take one range of hashes out of one shard's file, out of many."""
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory(dir=storage) as folder:
        paths = []
        for number in range(_FILES):
            paths.append(Path(folder) / f"{number}.npy")
            np.save(paths[-1], np.sort(rng.integers(0, 1 << 63, (3, 1000), np.uint64)))
        started = cpu_seconds()
        dedup.read_partition(paths, 1, 4)
        return {"cpu_s": (cpu_seconds() - started) / _FILES}


def manifest(data: str, storage: str) -> dict[str, float]:
    """CPU time and bytes of one file's line in an artifact's manifest, out of many."""
    with tempfile.TemporaryDirectory(dir=storage) as folder:
        place = Storage(folder)
        spec = ArtifactSpec("clean", {}, "0", {})
        names = [f"train-{n:05}-of-{_FILES:05}.parquet" for n in range(_FILES)]
        for name in names:
            place.write_bytes(f"{spec.path}/{name}", b"row")
        entry = FileEntry("", 3, "0" * 64)
        parts = [Part((replace(entry, name=name),), {"train_kept": 1}) for name in names]
        artifacts.commit(place, spec, parts)
        size = place.size(f"{spec.path}/{MANIFEST}")
        assert size is not None
        started = cpu_seconds()
        artifacts.load(place, spec.id)
        return {"cpu_s": (cpu_seconds() - started) / _FILES, "bytes": size / _FILES}


_PARTS: dict[str, Callable[..., dict[str, float]]] = {
    "stage": stage,
    "draw": draw,
    "plan": plan,
    "partition": partition,
    "manifest": manifest,
}

if __name__ == "__main__":
    print(json.dumps(_PARTS[sys.argv[1]](*sys.argv[2:])))
