"""A node lost in the middle of a stage: its tasks go on elsewhere, and make the same bytes."""

from __future__ import annotations

import pickle
import subprocess
import sys
import time
from pathlib import Path

import pytest

from command_line import REPOSITORY, environment
from killing import Silent, assert_same
from pairs import TRAIN, VALIDATION
from pipeline import artifacts
from pipeline.clean import CleanConfig
from pipeline.corpus import CorpusConfig, write_pairs
from pipeline.runner import run_here
from pipeline.stages import DataConfig, prepare
from pipeline.storage import Storage
from pipeline.tensorize import TensorizeConfig
from pipeline.tokenizer import TokenizerConfig
from ray_cluster import two_nodes

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1200)]

# Ray tasks of this program run on both nodes. Of those that clean, the ones on the doomed node
# never end, and the others wait until it has one: a quick node could run them all by itself.
PREPARE = """
import pickle, sys, time
from dataclasses import replace
from pathlib import Path
import ray
from pipeline.runner import RayRunner
from pipeline.stages import prepare

address, doomed, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
config, storage, reporter = pickle.loads((folder / "work").read_bytes())
ray.init(address, log_to_driver=False)

def clean(task):
    if ray.get_runtime_context().get_node_id() == doomed:
        (folder / "stuck" / task.name).touch()
        time.sleep(3600)
    while not list((folder / "stuck").iterdir()):
        time.sleep(0.05)
    return task()

def run(tasks, on_done):
    if tasks and tasks[0].function.__module__ == "pipeline.stages.clean":
        tasks = [replace(task, function=clean, arguments=(task,)) for task in tasks]
    RayRunner()(tasks, on_done)

prepare(config, storage, lambda: run, reporter)
"""

# A cluster of the test's own, on this machine only. What is killed refuses at once; what is only
# slow, as the machine is busy, must not be taken for it.
ENVIRONMENT = {
    "RAY_AUTH_MODE": "disabled",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "10000",
    "RAY_health_check_failure_threshold": "3",
}


@pytest.fixture
def quick_to_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray as it starts in this process misses a killed node after three seconds, not eighteen."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def config(tmp_path: Path) -> DataConfig:
    """Twenty training pairs in ten shards."""
    data = tmp_path / "corpus" / "data"
    data.mkdir(parents=True)
    write_pairs(TRAIN, data / "train-00000-of-00001.parquet")
    write_pairs(VALIDATION, data / "validation-00000-of-00001.parquet")
    return DataConfig(
        CorpusConfig(source=str(tmp_path / "corpus")),
        CleanConfig(shard_rows=2),
        TokenizerConfig(vocab_size=70, byte_fallback=False),
        TensorizeConfig(),
    )


def test_a_node_that_is_lost_in_the_middle_of_a_stage_changes_no_byte(
    config: DataConfig, quick_to_notice: None, tmp_path: Path
) -> None:
    expected = prepare(config, Storage(str(tmp_path / "here")), lambda: run_here, Silent())
    storage = Storage(str(tmp_path / "storage"))
    (tmp_path / "stuck").mkdir()
    (tmp_path / "work").write_bytes(pickle.dumps((config, storage, Silent())))
    with two_nodes() as (cluster, node):
        driver = subprocess.Popen(
            [sys.executable, "-c", PREPARE, cluster.address, node.node_id, str(tmp_path)],
            env=environment(**ENVIRONMENT, PYTHONPATH=f"{REPOSITORY}:{REPOSITORY / 'tests'}"),
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            clean = tmp_path / "storage" / expected["clean"].artifact.path
            # The other node has done all that it is given; what is left is stuck on this one.
            while (
                not list((tmp_path / "stuck").iterdir())
                or len(list(clean.glob("parts/*.json"))) < 3
            ):
                assert driver.poll() is None, driver.communicate()[1]
                time.sleep(0.05)
            assert not (clean / "manifest.json").exists()
            cluster.remove_node(node, allow_graceful=False)
            said = driver.communicate()[1]
            assert driver.returncode == 0, said
        finally:
            if driver.poll() is None:
                driver.kill()
                driver.communicate()
    for result in expected.values():
        assert_same(artifacts.load(storage, result.artifact.id), result.artifact)
