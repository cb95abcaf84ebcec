"""One retraining is one MLflow run, whatever happens to its workers and to its command."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from jobs import ray_train
from jobs.cluster import RaySession
from jobs.config import Config
from jobs.console import JobConsole
from jobs.context import JobContext
from jobs.registry import Registry, Version
from jobs.tracking import open_mlflow
from jobs.train import REGISTERED_TAG, Trained, train
from pipeline.errors import TrainingError
from training_on_ray import TINY, Fault, with_fault

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    # Ray warns of its own settings when it is imported, MLflow of its own code and of signatures.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*An input example was not provided"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType"),
]


def start(storage: Path, compute: dict[str, Any], fault: Fault | None = None) -> Trained:
    """The training command in this process, with ``fault`` in its workers."""
    sections = TINY | {"storage": str(storage), "compute": compute}
    sections |= {"evaluation": {"tests": ["train"]}, "gate": {"test": "train"}}
    job = JobContext(Config.model_validate(sections), JobConsole())
    with pytest.MonkeyPatch.context() as patch:
        if fault is not None:
            patch.setattr(ray_train, "work", with_fault(fault))
        return train(job, ["anuvad", "train", "tiny.yaml"])


def test_killed_workers_a_failed_command_and_other_numbers_of_workers_are_one_run(
    ray_session: RaySession, tmp_path: Path
) -> None:
    storage, mark = tmp_path / "storage", tmp_path / "killed"

    def fault(rank: int, update: int) -> None:
        if (rank, update) == (1, 12) and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if (rank, update) == (0, 24):
            raise ValueError("row 7 holds no number")

    two = {"num_workers": 2, "max_failures": 3, "timeout_s": 120}
    with pytest.raises(TrainingError, match="failed twice there in the same way"):
        start(storage, two, fault)
    mlflow = open_mlflow(f"sqlite:///{storage}/mlflow.db")
    client = mlflow.MlflowClient()
    (failed,) = mlflow.search_runs(search_all_experiments=True, output_format="list")
    assert failed.info.status == "FAILED"

    trained = start(storage, {"num_workers": 1})
    assert trained.was_new
    assert not start(storage, {"num_workers": 1}).was_new
    (run,) = mlflow.search_runs(search_all_experiments=True, output_format="list")
    assert run.info.run_id == failed.info.run_id == trained.version.run_id
    assert run.info.status == "FINISHED"
    history = client.get_metric_history(run.info.run_id, "train/loss")
    assert [m.step for m in sorted(history, key=lambda m: m.step)] == [5, 10, 15, 20, 25, 30]
    by_tokens = client.get_metric_history(run.info.run_id, "by_tokens/dev/loss")
    assert len(by_tokens) == 2
    for process in ("driver", "worker-0", "worker-1"):
        assert run.data.metrics[f"system/{process}/rss_mb"] > 10
    assert run.data.tags["anuvad.command"] == "anuvad train tiny.yaml"
    assert run.data.tags.keys() >= {"anuvad.licence", "anuvad.git_revision"}
    stored = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert stored >= {"config.yaml", "lineage.json"}


def test_a_command_that_is_interrupted_as_it_ends_leaves_a_run_that_is_finished_and_one_version(
    ray_session: RaySession, tmp_path: Path
) -> None:
    storage = tmp_path / "storage"
    for when in ("before", "after"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Registry, "set_tags", interrupted_as_it_is_registered(when))
            with pytest.raises(KeyboardInterrupt):
                start(storage, {"num_workers": 1})
        assert status(storage) == "FINISHED"
    trained = start(storage, {"num_workers": 1})
    assert (trained.was_new, trained.version.number) == (False, "1")
    assert status(storage) == "FINISHED"


def interrupted_as_it_is_registered(when: str) -> Any:
    """:meth:`Registry.set_tags`, interrupted before or after it says that a version is whole."""
    really = Registry.set_tags

    def set_tags(self: Registry, version: Version, tags: Mapping[str, str]) -> None:
        is_last = any(tag.startswith(REGISTERED_TAG) for tag in tags)
        if is_last and when == "before":
            raise KeyboardInterrupt
        really(self, version, tags)
        if is_last:
            raise KeyboardInterrupt

    return set_tags


def status(storage: Path) -> str:
    """Of the one run there."""
    mlflow = open_mlflow(f"sqlite:///{storage}/mlflow.db")
    (run,) = mlflow.search_runs(search_all_experiments=True, output_format="list")
    return str(run.info.status)
