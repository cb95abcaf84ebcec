"""Trainings that were begun and have no end yet: what they are made of, and what of them stands.

reads   ``checkpoints/train-<hash>/``, the checkpoints of such a training
writes  there ``made_of.json``, the training's specification, before its workers start
holds   a training goes on only as what it was begun as, so another setting is another training:
        the note tells a person, who may have meant the one that was interrupted, what differs
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

from pipeline import artifacts
from pipeline.artifacts import ArtifactSpec, differences, in_words
from pipeline.errors import ArtifactError
from pipeline.storage import Storage

CHECKPOINTS = "checkpoints"
MADE_OF = "made_of.json"
_UPDATE = "update-"


def folder_of(training_id: str) -> str:
    """The folder of a training's checkpoints, in a storage."""
    return f"{CHECKPOINTS}/{training_id}"


def note(storage: Storage, spec: ArtifactSpec) -> None:
    """Record what the training is made of beside where its checkpoints will be."""
    data = json.dumps(asdict(spec), indent=1, sort_keys=True, ensure_ascii=False)
    storage.write_bytes(f"{folder_of(spec.id)}/{MADE_OF}", data.encode())


def was_interrupted(storage: Storage, training_id: str) -> bool:
    """Whether it has come as far as a checkpoint, half-written ones among them."""
    return any(name.startswith(_UPDATE) for name in storage.list(folder_of(training_id)))


def nearest_other(storage: Storage, spec: ArtifactSpec) -> str | None:
    """The interrupted training most like ``spec`` that is not it, and what differs, in words.

    Example: ``train-5d1f09c2b7aa was interrupted after update 1,500, since then train.seed 1 → 2``.
    None where no other has a whole checkpoint.
    """
    found = [
        (differences(old, spec), old.id, update)
        for old, update in _begun(storage)
        if old.id != spec.id
    ]
    if not found:
        return None
    lines, training_id, update = min(found, key=lambda each: (len(each[0]), each))
    since = in_words(lines, ", ")
    return f"{training_id} was interrupted after update {update:,}, since then {since}"


def _begun(storage: Storage) -> Iterator[tuple[ArtifactSpec, int]]:
    """Unfinished trainings with a whole checkpoint and a note, and the update of the newest one."""
    for name in storage.list(CHECKPOINTS):
        updates = _whole(storage, folder_of(name))
        path = f"{folder_of(name)}/{MADE_OF}"
        if not updates or storage.size(path) is None:
            continue
        try:
            data = json.loads(storage.read_bytes(path))
            spec = ArtifactSpec(data["stage"], data["settings"], data["code"], data["parents"])
        except (ArtifactError, ValueError, KeyError, TypeError):
            # What can't be read, or went with the end of its training just now, explains nothing,
            # and nothing but words depends on it.
            continue
        if artifacts.find(storage, spec) is None:
            yield spec, max(updates)


def _whole(storage: Storage, folder: str) -> list[int]:
    names = [name for name in storage.list(folder) if name.startswith(_UPDATE)]
    return [
        int(name.removeprefix(_UPDATE))
        for name in names
        if storage.exists(f"{folder}/{name}/manifest.json")
    ]
