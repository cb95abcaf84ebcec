"""A configuration on disk whose corpus is large enough to be interrupted."""

from __future__ import annotations

import random
from pathlib import Path

import yaml

from pairs import TRAIN, VALIDATION
from pipeline.corpus import write_pairs


def write_data_job(folder: Path, name: str, pairs: int, shard_rows: int, storage: Path) -> Path:
    """Write a corpus of so many training pairs and a configuration of it; the latter's path.

    Args:
        folder: where both go.
        name: the registered name, and the configuration's.
        pairs: training pairs, each of three that were drawn, so that few are equal.
        shard_rows: rows that a task cleans.
        storage: where its artifacts go.
    """
    rng = random.Random(7)
    plain = [pair for pair in TRAIN if not any(map(str.isdigit, pair[0]))]
    written = []
    for _ in range(pairs):
        drawn = rng.sample(plain, 3)
        written.append((" ".join(en for en, _ in drawn), " ".join(hi for _, hi in drawn)))
    data = folder / "pairs" / "data"
    data.mkdir(parents=True)
    write_pairs(written, data / "train-00000-of-00001.parquet")
    write_pairs(VALIDATION, data / "validation-00000-of-00001.parquet")
    path = folder / f"{name}.yaml"
    settings = {
        "corpus": {"source": str(folder / "pairs")},
        "clean": {"shard_rows": shard_rows},
        "tokenizer": {"vocab_size": 55, "byte_fallback": False},
        "registry": {"name": name},
        "storage": str(storage),
    }
    path.write_text(yaml.safe_dump(settings))
    return path
