"""A training that starts from the weights of a registered version, as a user goes through it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from command_line import SEED, Finished, anuvad
from command_line import run as command

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(1200)]

CHAMPION = "train.init_from=models:/seed@champion"


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A storage in which version 1 is the champion."""
    storage = tmp_path_factory.mktemp("warm") / "storage"
    done = run("retrain", storage)
    assert done.code == 0, done.err
    return storage


def run(name: str, storage: Path, *settings: str) -> Finished:
    """A command on configs/seed.yaml."""
    return anuvad(name, SEED, f"storage={storage}", *settings, cwd=storage.parent)


def plan_of_training(storage: Path, *settings: str) -> dict[str, Any]:
    """What ``plan`` says of the training."""
    stages = run("plan", storage, *settings, "--json").json()["stages"]
    found: dict[str, Any] = next(s for s in stages if s["name"] == "train")
    return found


def test_without_a_champion_it_is_refused_and_says_what_to_do(tmp_path: Path) -> None:
    done = run("train", tmp_path / "storage", CHAMPION)
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        f"error: train.init_from must name a version that is registered, but: there is none yet "
        f"at sqlite:///{tmp_path}/storage/mlflow.db; train a first one with "
        f"train.init_from=null\n"
    )


def test_a_version_that_there_is_not_is_refused_with_those_there_are(storage: Path) -> None:
    done = run("train", storage, "train.init_from=models:/seed/7")
    assert done.code == 1
    assert "but seed has versions: 1" in done.err
    assert done.err.endswith("; train a first one with train.init_from=null\n")


def test_another_model_is_refused_before_anything_runs(storage: Path) -> None:
    done = run("train", storage, CHAMPION, "model.hidden_size=128")
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert done.err == (
        "error: train.init_from must name a model of the same section `model`, but "
        "models:/seed/1 has model.hidden_size: 256, and this configuration 128: change it, or set "
        "train.init_from=null\n"
    )


def test_other_tokenizers_are_refused_naming_both_hashes(storage: Path) -> None:
    done = run("train", storage, CHAMPION, "tokenizer.model_type=bpe")
    assert done.code == 1
    last = done.err.splitlines()[-1]
    assert last.startswith(
        "error: train.init_from must name a model of the same tokenizers, but en.model of "
        "models:/seed@champion has the sha256 "
    )


def test_a_training_that_starts_from_the_champion_begins_where_that_ended(storage: Path) -> None:
    short = ("train.max_updates=20", "train.log_every=5")
    planned = plan_of_training(storage, CHAMPION, *short)
    assert planned["state"] == "run"
    assert planned["why"].endswith("; starts from version 1 of seed")
    done = run("train", storage, CHAMPION, *short, "--json")
    assert done.code == 0, done.err
    assert done.foreign_lines() == []
    assert "train      starts from the weights of version 1 of seed\n" in done.err
    training = storage / "artifacts" / done.json()["training"]
    first = json.loads((training / "history.jsonl").read_text().splitlines()[0])
    # The champion knows the six sentences by heart; random weights are at the logarithm of 29.
    assert first["loss"] < 0.5
    written = [json.loads(p.read_text()) for p in storage.glob("mlartifacts/**/lineage.json")]
    # The run of a training that was refused has a lineage too.
    [lineage] = [found for found in written if found["training"] == training.name]
    assert lineage["warm_start"]["version"] == "models:/seed/1"
    # By number it is the same training; without it it is another.
    assert plan_of_training(storage, "train.init_from=models:/seed/1", *short)["state"] == "done"
    assert plan_of_training(storage, *short)["state"] == "run"
    # A champion that has moved is another start.
    move = (
        "import sys, mlflow\n"
        "client = mlflow.MlflowClient(sys.argv[1], sys.argv[1])\n"
        "client.set_registered_model_alias('seed', 'champion', '2')\n"
    )
    uri = f"sqlite:///{storage}/mlflow.db"
    moved = command([sys.executable, "-c", move, uri], storage.parent)
    assert moved.code == 0, moved.err
    assert plan_of_training(storage, CHAMPION, *short) == {
        "name": "train",
        "state": "run",
        "why": "reads a new start; starts from version 2 of seed",
    }
