"""Copies and leakage on Ray: the same bytes as in one process."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from killing import Silent
from pairs import TRAIN, VALIDATION
from pipeline import corpus
from pipeline.artifacts import Artifact
from pipeline.clean import CleanConfig
from pipeline.corpus import CorpusConfig
from pipeline.dedup import DedupConfig
from pipeline.runner import RayRunner, Runner, run_here
from pipeline.stages import DataConfig, prepare
from pipeline.storage import Storage
from pipeline.tensorize import TensorizeConfig
from pipeline.tokenizer import TokenizerConfig

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("ray_session")]


@pytest.fixture
def config(tmp_path: Path) -> DataConfig:
    """Two hundred pairs of few sides, among them some of validation."""
    data = tmp_path / "corpus" / "data"
    data.mkdir(parents=True)
    rng = random.Random(4)
    # A number would be missing on the other side, and its pair not come this far.
    plain = [pair for pair in TRAIN if not any(map(str.isdigit, pair[0]))][:12]
    english = [english for english, _ in (*plain, VALIDATION[0])]
    hindi = [hindi for _, hindi in (*plain, VALIDATION[1])]
    pairs = [(rng.choice(english), rng.choice(hindi)) for _ in range(200)]
    corpus.write_pairs(pairs, data / "train-00000-of-00001.parquet")
    corpus.write_pairs(VALIDATION, data / "validation-00000-of-00001.parquet")
    return DataConfig(
        CorpusConfig(source=str(tmp_path / "corpus")),
        CleanConfig(shard_rows=50),
        TokenizerConfig(),
        TensorizeConfig(),
        DedupConfig(max_copies_english=5, max_copies_hindi=4, partition_rows=70),
    )


def dedup_of(config: DataConfig, folder: Path, runner: Runner) -> Artifact:
    """The artifact of the stage, made in this folder."""
    storage = Storage(str(folder))
    # The stages before it are other tests' business.
    prepare(config, storage, lambda: run_here, Silent(), until="clean")
    return prepare(config, storage, lambda: runner, Silent(), until="dedup")["dedup"].artifact


def test_dedup_on_ray_makes_the_same_bytes_as_in_one_process(
    config: DataConfig, tmp_path: Path
) -> None:
    here = dedup_of(config, tmp_path / "here", run_here)
    on_ray = dedup_of(config, tmp_path / "ray", RayRunner())
    assert replace(on_ray, storage=here.storage) == here
    on_ray.verify()
    assert {key for key, n in here.counts.items() if key.startswith("train_dropped_") and n} == {
        "train_dropped_leaks_english",
        "train_dropped_leaks_hindi",
        "train_dropped_duplicate_pair",
        "train_dropped_too_many_copies_english",
        "train_dropped_too_many_copies_hindi",
    }
