"""A worker killed in every stage and in every pass of it: the same bytes as undisturbed."""

from __future__ import annotations

import random
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

import killing
from jobs.cluster import RaySession
from killing import AT_THE_END, Killing, Silent, assert_same
from local_hub import DATASET, REVISION, LocalHub
from pairs import TRAIN, VALIDATION
from pipeline import corpus
from pipeline.artifacts import Artifact
from pipeline.clean import CleanConfig
from pipeline.corpus import CorpusConfig
from pipeline.dedup import DedupConfig
from pipeline.runner import run_here
from pipeline.stages import DataConfig, prepare
from pipeline.storage import Storage
from pipeline.tensorize import TensorizeConfig
from pipeline.tokenizer import TokenizerConfig

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("tasks_reach_workers")]

ONE_FILE = ["before file 1", AT_THE_END]
FILES = ["before file 1", "before file 2", AT_THE_END]

# Stage → the first task of each of its calls, and when it has to die.
DEATHS = {
    "corpus": {
        "data--local-pairs--train-00000-of-00001.parquet.0-1024": ONE_FILE,
        "data--local-pairs--train-00000-of-00001.parquet": ONE_FILE,
    },
    "clean": {"train-00000-of-00004": FILES},
    "dedup": {
        "evaluation": ONE_FILE,
        "compare-train-00000-of-00004": FILES,
        "by-english-00000-of-00003": FILES,
        "by-hindi-00000-of-00003": ONE_FILE,
        "train-00000-of-00004": FILES,
    },
    "tokenizer": {"en": ONE_FILE, "report": ONE_FILE},
    "tensorize": {"train-00000-of-00004": ONE_FILE},
}


@dataclass(frozen=True)
class Undisturbed:
    """What a run in one process without a fault has made."""

    config: DataConfig
    storage: Storage
    artifacts: dict[str, Artifact]
    hub: str


@pytest.fixture(scope="module")
def tasks_reach_workers(ray_session: RaySession) -> Iterator[None]:
    """Workers can't import a test module, so its functions travel to them whole."""
    import ray.cloudpickle

    modules = (sys.modules[__name__], killing)
    for module in modules:
        ray.cloudpickle.register_pickle_by_value(module)
    yield
    for module in modules:
        ray.cloudpickle.unregister_pickle_by_value(module)


def use_hub(url: str) -> None:
    """Point this process's ``huggingface_hub``, imported or not, at the hub of the test."""
    from huggingface_hub import constants

    constants.ENDPOINT = url
    constants.HUGGINGFACE_CO_URL_TEMPLATE = url + "/{repo_id}/resolve/{revision}/{filename}"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Undisturbed]:
    """Two hundred pairs of few sides on a hub, among them some of validation, and all stages."""
    folder = tmp_path_factory.mktemp("undisturbed")
    rng = random.Random(4)
    # A number would be missing on the other side, and its pair not come as far as dedup.
    plain = [pair for pair in TRAIN if not any(map(str.isdigit, pair[0]))][:12]
    english = [english for english, _ in (*plain, VALIDATION[0])]
    hindi = [hindi for _, hindi in (*plain, VALIDATION[1])]
    pairs = [("", "खाली"), *((rng.choice(english), rng.choice(hindi)) for _ in range(199))]
    config = DataConfig(
        CorpusConfig(source=DATASET, revision=REVISION, part_bytes=1 << 10),
        CleanConfig(shard_rows=50),
        TokenizerConfig(vocab_size=50, byte_fallback=False),
        TensorizeConfig(),
        DedupConfig(max_copies_english=5, max_copies_hindi=4, partition_rows=70),
    )
    with LocalHub() as hub, pytest.MonkeyPatch.context() as patch:
        for split, rows in (("train", pairs), ("validation", list(VALIDATION))):
            file = folder / f"{split}-00000-of-00001.parquet"
            corpus.write_pairs(rows, file)
            hub.files[f"data/{file.name}"] = file.read_bytes()
        from huggingface_hub import constants

        for name in ("ENDPOINT", "HUGGINGFACE_CO_URL_TEMPLATE"):
            patch.setattr(constants, name, getattr(constants, name))
        use_hub(hub.url)
        storage = Storage(str(folder / "storage"))
        results = prepare(config, storage, lambda: run_here, Silent())
        made = {name: result.artifact for name, result in results.items()}
        yield Undisturbed(config, storage, made, hub.url)


@pytest.mark.parametrize("stage", DEATHS)
def test_a_worker_killed_in_each_pass_of_a_stage_changes_no_byte(
    stage: str, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    storage = Storage(str(tmp_path / "storage"))
    for name, artifact in undisturbed.artifacts.items():
        if name == stage:
            break
        shutil.copytree(artifact.uri, storage.uri_of(artifact.path))
    (tmp_path / "deaths").mkdir()
    runner = Killing(tmp_path / "deaths", partial(use_hub, undisturbed.hub))
    results = prepare(undisturbed.config, storage, lambda: runner, Silent(), until=stage)
    assert [name for name, result in results.items() if not result.skipped] == [stage]
    assert runner.seen() == DEATHS[stage]
    assert_same(results[stage].artifact, undisturbed.artifacts[stage])


@pytest.mark.slow
def test_a_worker_killed_while_it_writes_inline_pairs_changes_no_byte(tmp_path: Path) -> None:
    config = DataConfig(
        CorpusConfig(source="inline", pairs=TRAIN),
        CleanConfig(),
        TokenizerConfig(),
        TensorizeConfig(),
    )
    (tmp_path / "deaths").mkdir()
    runner = Killing(tmp_path / "deaths")
    here = prepare(config, Storage(str(tmp_path / "here")), lambda: run_here, Silent(), "corpus")
    made = prepare(config, Storage(str(tmp_path / "made")), lambda: runner, Silent(), "corpus")
    assert runner.seen() == {"generate-inline": FILES}
    assert_same(made["corpus"].artifact, here["corpus"].artifact)
