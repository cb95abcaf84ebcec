"""The training command while MLflow is down: it trains, keeps the model, and is finished later."""

from __future__ import annotations

from pathlib import Path

import pytest

from command_line import SEED, Finished, anuvad
from jobs.registry import Registry
from jobs.tracking import open_mlflow
from mlflow_server import MlflowServer, Proxy

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(1200)]


def train(command: str, storage: Path, uri: str, name: str, *more: str) -> Finished:
    settings = (f"storage={storage}", f"tracking.uri={uri}", f"registry.name={name}")
    return anuvad(command, SEED, *settings, "train.max_updates=40", *more, cwd=storage.parent)


def test_a_training_without_mlflow_keeps_its_model_and_the_same_command_finishes_it(
    mlflow_server: MlflowServer, mlflow_proxy: Proxy, tmp_path: Path
) -> None:
    storage, name = tmp_path / "storage", "down"
    mlflow_proxy.status = 500
    done = train("train", storage, mlflow_proxy.url, name)
    assert (done.code, done.out) == (3, "")
    lines = done.err.splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    (training,) = storage.glob("artifacts/train-*")
    assert len(errors) == 1
    assert (
        f"the trained model is kept in {training}, and the same command registers it, once: "
        in (errors[0])
    )
    assert errors[0].endswith("train.max_updates=40")
    assert done.foreign_lines() == []
    client = open_mlflow(mlflow_server.url).MlflowClient()
    assert client.get_experiment_by_name(name) is None
    before = training.joinpath("manifest.json").stat().st_mtime_ns

    # MLflow is there again, but loses the answer to the version, and is gone again.
    mlflow_proxy.status = None
    mlflow_proxy.dropped = ["POST .*/model-versions/create"]
    mlflow_proxy.status_after_drop = 500
    again = train("train", storage, mlflow_proxy.url, name)
    assert again.code == 3
    assert mlflow_proxy.dropped == []

    mlflow_proxy.status = None
    last = train("train", storage, mlflow_proxy.url, name, "--json")
    assert last.code == 0, last.err
    assert last.json()["version"] == "1"
    assert training.joinpath("manifest.json").stat().st_mtime_ns == before

    assert [v.number for v in Registry(mlflow_server.url).versions(name)] == ["1"]
    experiment = client.get_experiment_by_name(name)
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    for key, steps in (("train/loss", [20, 40]), ("dev/loss", [20, 40])):
        history = client.get_metric_history(run.info.run_id, key)
        assert sorted(metric.step for metric in history) == steps
    assert len(client.search_logged_models([experiment.experiment_id])) == 1
    synced = train("sync", storage, mlflow_proxy.url, name)
    assert (synced.code, synced.out) == (0, "nothing to send: MLflow has all of it\n")


def test_sync_sends_what_is_left_and_says_what_is_not(
    mlflow_server: MlflowServer, mlflow_proxy: Proxy, tmp_path: Path
) -> None:
    storage, name = tmp_path / "storage", "left"
    mlflow_proxy.status = 500
    assert train("train", storage, mlflow_proxy.url, name).code == 3
    left = train("sync", storage, mlflow_proxy.url, name, "--json")
    assert left.code == 3
    (run,) = left.json()["runs"]
    assert run["sent"] == 0
    assert run["left"] > 5
    assert run["why"].startswith("MLflow must open the run, but: ")
    mlflow_proxy.status = None
    done = train("sync", storage, mlflow_proxy.url, name, "--json")
    assert done.code == 0
    assert done.json()["runs"] == [
        {"run_id": run["run_id"], "sent": run["left"], "left": 0, "why": None}
    ]
    assert Registry(mlflow_server.url).versions(name) == []
