"""A training that is killed at any moment: the same command goes on, and learns the same."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from command_line import SEED, Finished, anuvad
from training_command import SETTINGS, Command, undisturbed_weights, weights

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(1800)]


def to_a_worker(command: Command) -> None:
    os.kill(command.processes("ray::RayTrainWorker")[0], signal.SIGKILL)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The sha256 of the weights that are learnt where nothing happens."""
    return undisturbed_weights(tmp_path_factory)


def told(storage: Path, command: str, *settings: str) -> Finished:
    """A command on this storage that must succeed."""
    done = anuvad(
        command, SEED, f"storage={storage}", *SETTINGS, *settings, "--json", cwd=storage.parent
    )
    assert done.code == 0, done.err
    assert done.foreign_lines() == []
    return done


def went_on_after(said: str) -> int:
    """The update after which a line says that it goes on."""
    return int(said.split()[-1].replace(",", ""))


GOES_ON = "train      goes on after update"


def end_while_it_saves(
    storage: Path, before: int, end: Callable[[int], None], code: int, said: str | None
) -> tuple[int, list[str]]:
    """Start ``retrain``, or go on after ``before`` or later, and end it in a checkpoint.

    Returns:
        An update that it has saved, and its last lines.
    """
    with Command(storage, job="retrain") as command:
        # What stands from before is no checkpoint of this start.
        start = went_on_after(command.wait_for_line(GOES_ON)) if before else 0
        assert start >= before
        command.wait_for(start + 10)
        command.wait_for_half_a_checkpoint()
        end(command.id)
        ended, lines = command.end()
        assert ended == code
        assert Finished(code, "", "".join(lines)).foreign_lines() == []
        if said is not None:
            assert lines[-1] == f"{said}; the same command goes on where it stopped\n"
            command.wait_for_its_processes()
            assert not list((storage / "ray").glob("*"))
            runs = told(storage, "status").json()["runs"]
            assert [run["status"] for run in runs] == ["KILLED"]
    return start + 10, lines


def test_a_retraining_that_is_ended_again_and_again_goes_on_to_the_same_weights_in_one_run(
    tmp_path: Path, undisturbed: str
) -> None:
    storage = tmp_path / "storage"
    saved, _ = end_while_it_saves(
        storage, 0, lambda id: os.kill(id, signal.SIGTERM), 75, "terminated"
    )
    # A terminal sends it to all that the command has started.
    saved, lines = end_while_it_saves(
        storage, saved, lambda id: os.killpg(id, signal.SIGINT), 130, "interrupted"
    )
    assert all(line.startswith(("train      update", "interrupted;")) for line in lines)
    train = {"name": "train", "state": "run", "why": "was interrupted"}
    assert told(storage, "plan").json()["stages"][5] == train
    assert re.search(
        r"train-[0-9a-f]{12} was interrupted after update \d+, since then "
        r"train\.label_smoothing 0\.\d+ → 0\.2$",
        told(storage, "plan", "train.label_smoothing=0.2").json()["stages"][5]["why"],
    )
    saved, _ = end_while_it_saves(storage, saved, lambda id: os.kill(id, signal.SIGKILL), -9, None)
    saved, _ = end_while_it_saves(
        storage, saved, lambda id: os.killpg(id, signal.SIGKILL), -9, None
    )

    done = told(storage, "retrain")
    [went_on] = [line for line in done.err.splitlines() if line.startswith(GOES_ON)]
    assert went_on_after(went_on) >= saved
    found = done.json()
    assert (found["version"], found["promoted"], found["new"]) == ("1", True, True)
    assert weights(storage) == undisturbed
    assert [run["status"] for run in told(storage, "status").json()["runs"]] == ["FINISHED"]
    assert not list(storage.glob("checkpoints/*"))
    assert not list((storage / "ray").glob("*"))


RARELY = ("compute.num_workers=2", "train.micro_batches=2", "train.max_updates=2000")
RARELY += ("train.validate_every=1000", "train.checkpoint_every=1000", "train.log_every=10")
# On a busy machine half a minute may be over before a checkpoint stands.
RARELY += ("compute.grace_s=300",)


def test_a_sigterm_saves_where_it_stands_and_a_second_one_ends_it_at_once(tmp_path: Path) -> None:
    with Command(tmp_path / "storage", RARELY) as command:
        command.wait_for_line("train      update")
        os.kill(command.id, signal.SIGTERM)
        code, lines = command.end()
        assert code == 75
        assert lines[-1] == "terminated; the same command goes on where it stopped\n"
        # None was due yet.
        [(update, is_whole)] = command.checkpoints()
        assert (is_whole, 0 < update < 1000) == (True, True)
        command.wait_for_its_processes()
        assert not list((command.storage / "ray").glob("*"))

    with Command(tmp_path / "storage", RARELY) as command:
        assert command.wait_for_line("train      goes on").split()[-1] == f"{update:,}"
        command.wait_for_line("train      update")
        # Its workers stand still, so that it waits for its grace period to end.
        for worker in command.processes("ray::RayTrainWorker"):
            os.kill(worker, signal.SIGSTOP)
        # Two that come before the first is taken are one, so: until it has ended.
        while command.lives():
            os.kill(command.id, signal.SIGTERM)
            time.sleep(0.2)
        code, _ = command.end()
        assert code == 75
        command.wait_for_its_processes()


def test_a_worker_that_is_killed_as_it_writes_costs_no_more_than_a_warning(
    tmp_path: Path, undisturbed: str
) -> None:
    with Command(tmp_path / "storage") as command:
        command.wait_for(30)
        command.wait_for_half_a_checkpoint()
        to_a_worker(command)
        code, lines = command.end()
    assert code == 0, lines
    [warning] = [line for line in lines if line.startswith("warning")]
    assert "died, last heard of at update" in warning
    assert "starting the workers anew, 1 of at most 3 times" in warning
    assert weights(tmp_path / "storage") == undisturbed
