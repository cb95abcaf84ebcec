"""What is said of a training that was interrupted and whose settings have changed since."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jobs.fit import beside_interrupted, plan_training
from jobs.interrupted import MADE_OF, folder_of, nearest_other, note
from pipeline import artifacts
from pipeline.artifacts import ArtifactSpec
from pipeline.storage import Storage


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path / "store"))


def spec_of(**train: Any) -> ArtifactSpec:
    """A training of seed 1 and 500 updates, or as told."""
    settings = {"model": {"hidden_size": 512}, "train": {"seed": 1, "max_updates": 500} | train}
    return ArtifactSpec("train", settings, "c0de", {"tensorize": "tensorize-1"})


def interrupt(storage: Storage, spec: ArtifactSpec, *updates: int) -> None:
    """Leave what a training leaves that was killed after these checkpoints, in the next one."""
    note(storage, spec)
    for update in updates:
        storage.write_bytes(f"{folder_of(spec.id)}/update-{update:08}/manifest.json", b"{}")
    half = f"{folder_of(spec.id)}/update-{max(updates, default=0) + 100:08}"
    storage.write_bytes(f"{half}/model.safetensors", b"half")


def test_it_says_which_settings_differ_from_those_of_the_interrupted_training(
    storage: Storage,
) -> None:
    begun = spec_of()
    interrupt(storage, begun, 1100, 1200)
    changed = spec_of(seed=2, max_updates=900)
    assert beside_interrupted(storage, changed) == (
        f"{begun.id} was interrupted after update 1,200, since then train.max_updates 500 → 900, "
        f"train.seed 1 → 2"
    )
    # It is another training for all that, and nothing of it stands.
    assert plan_training(storage, changed).why == "never run"


def test_of_several_the_most_alike_is_named(storage: Storage) -> None:
    far, near = spec_of(seed=7, max_updates=50), spec_of(seed=7)
    interrupt(storage, far, 40)
    interrupt(storage, near, 20)
    assert nearest_other(storage, spec_of()) == (
        f"{near.id} was interrupted after update 20, since then train.seed 7 → 1"
    )


def test_other_data_and_other_code_are_differences_too(storage: Storage) -> None:
    begun = replace(spec_of(), code="0ther", parents={"tensorize": "tensorize-0"})
    interrupt(storage, begun, 20)
    assert nearest_other(storage, spec_of()) == (
        f"{begun.id} was interrupted after update 20, since then reads a new tensorize, its code "
        f"changed"
    )


def test_the_interrupted_training_itself_goes_on_and_is_compared_with_nothing(
    storage: Storage,
) -> None:
    interrupt(storage, spec_of(), 20)
    interrupt(storage, spec_of(seed=2), 40)
    assert plan_training(storage, spec_of()).why == "was interrupted"
    assert beside_interrupted(storage, spec_of()) is None


def test_a_training_that_stands_is_compared_with_nothing(storage: Storage) -> None:
    interrupt(storage, spec_of(), 20)
    done = spec_of(seed=2)
    artifacts.commit(storage, done, [])
    assert beside_interrupted(storage, done) is None


def test_one_that_stands_was_not_interrupted_whatever_was_left_of_it(storage: Storage) -> None:
    interrupt(storage, spec_of(), 20)
    artifacts.commit(storage, spec_of(), [])
    assert nearest_other(storage, spec_of(seed=2)) is None


def test_one_that_has_no_whole_checkpoint_has_nothing_to_lose(storage: Storage) -> None:
    interrupt(storage, spec_of())
    assert nearest_other(storage, spec_of(seed=2)) is None


def test_one_that_only_began_is_begun_again(storage: Storage) -> None:
    note(storage, spec_of())
    assert plan_training(storage, spec_of()).why == "never run"


@pytest.mark.parametrize("damage", [b"", b"[]", b'{"stage": "train"}'])
def test_a_note_that_can_not_be_read_says_nothing(storage: Storage, damage: bytes) -> None:
    interrupt(storage, spec_of(), 20)
    storage.write_bytes(f"{folder_of(spec_of().id)}/{MADE_OF}", damage)
    assert nearest_other(storage, spec_of(seed=2)) is None


def test_one_that_ends_as_it_is_looked_at_says_nothing(storage: Storage) -> None:
    class Ending(Storage):
        def read_bytes(self, path: str) -> bytes:
            self.delete(folder_of(spec_of().id))
            return super().read_bytes(path)

    interrupt(storage, spec_of(), 20)
    assert nearest_other(Ending(storage.uri), spec_of(seed=2)) is None
