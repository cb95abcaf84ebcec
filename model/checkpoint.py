"""Save, verify and load what a resumed training needs.

writes  ``update-00000500/``: ``model.safetensors``, ``optimizer.safetensors``, ``state.json``,
        where weights are averaged ``average.safetensors`` and, last, ``manifest.json`` with the
        sha256 of each
holds   a folder with a manifest is whole; one whose bytes differ from it is never loaded

Nothing here is pickled: tensors are safetensors, all else is JSON.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from model.tensor_file import write_tensors
from pipeline.errors import ArtifactError, TrainingError
from pipeline.storage import Storage, sha256_of

logger = logging.getLogger(__name__)

FORMAT_VERSION = 1
MODEL = "model.safetensors"
OPTIMIZER = "optimizer.safetensors"
AVERAGE = "average.safetensors"
STATE = "state.json"
MANIFEST = "manifest.json"
_NAME = re.compile(r"update-(\d{8,})")


@dataclass(frozen=True)
class Checkpoint:
    """A training that can go on: weights, optimizer tensors and JSON state.

    Attributes:
        model: the weights that are trained.
        optimizer: see :func:`optimizer_tensors`.
        state: all else, as JSON has it.
        average: the averaged weights; None where there are none.
    """

    model: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    state: dict[str, Any]
    average: dict[str, Tensor] | None = None

    @property
    def published(self) -> dict[str, Tensor]:
        """The weights that were validated: the averaged ones where there are any."""
        return self.model if self.average is None else self.average


class CheckpointFolder:
    """The checkpoints of one training, in a folder of a storage.

    Args:
        storage: where.
        path: the folder inside it.
        identity: what a checkpoint must have been made from to be resumed here, such as the id of
            the tokenizer; the first value that differs is named in the refusal.
        before_write: called before anything is written or deleted; it raises where this process
            may not, as another has taken over.
    """

    def __init__(
        self,
        storage: Storage,
        path: str,
        identity: Mapping[str, str],
        before_write: Callable[[], None] = lambda: None,
    ) -> None:
        self.storage = storage
        self.path = path
        self.identity = dict(identity)
        self._before_write = before_write

    def save(self, update: int, checkpoint: Checkpoint) -> None:
        """Write the checkpoint of ``update``; it counts once its manifest stands.

        Those of this update and of later ones are deleted first: a training that comes here had to
        pass over them, as they were damaged.
        """
        self._before_write()
        for other in self._started():
            if other >= update:
                self._delete(other)
        state = {
            "format_version": FORMAT_VERSION,
            "identity": self.identity,
            "state": checkpoint.state,
        }
        folder, hashes = self._folder(update), {}
        tensors = {
            MODEL: checkpoint.model,
            OPTIMIZER: checkpoint.optimizer,
            AVERAGE: checkpoint.average,
        }
        for name, content in tensors.items():
            if content is not None:
                with self.storage.writing(f"{folder}/{name}") as path:
                    hashes[name] = write_tensors(path, content)
        # Without an indent json runs in C, and a long training has thousands of reports.
        data = json.dumps(state).encode()
        self.storage.write_bytes(f"{folder}/{STATE}", data)
        hashes[STATE] = hashlib.sha256(data).hexdigest()
        self.storage.write_bytes(f"{folder}/{MANIFEST}", json.dumps(hashes, indent=1).encode())

    def updates(self) -> list[int]:
        """The updates that have a whole checkpoint, ascending."""
        return [u for u in self._started() if self.storage.exists(f"{self._folder(u)}/{MANIFEST}")]

    def load(self, update: int) -> Checkpoint:
        """The checkpoint of ``update``.

        Raises:
            ArtifactError: if a file is missing or its bytes are not what the manifest says.
            TrainingError: if it was made from something else than this training, or by another
                version of this code.
        """
        files = self._verified(update)
        state = json.loads(files[STATE].read_bytes())
        if state["format_version"] != FORMAT_VERSION:
            raise TrainingError(
                f"a checkpoint must have format version {FORMAT_VERSION} to be resumed, but "
                f"{self.storage.uri_of(self._folder(update))} has {state['format_version']}: "
                f"delete {self.storage.uri_of(self.path)} to start anew"
            )
        for key, ours in self.identity.items():
            theirs = state["identity"].get(key)
            if theirs != ours:
                raise TrainingError(
                    f"a checkpoint can only be resumed with the {key} that it was made with: "
                    f"{self.storage.uri_of(self._folder(update))} has {theirs}, this run {ours}"
                )
        return Checkpoint(
            model=safetensors.torch.load_file(files[MODEL]),
            optimizer=safetensors.torch.load_file(files[OPTIMIZER]),
            state=state["state"],
            average=safetensors.torch.load_file(files[AVERAGE]) if AVERAGE in files else None,
        )

    def weights(self, update: int) -> dict[str, Tensor]:
        """The weights of the checkpoint of ``update``, without all else.

        Raises:
            ArtifactError: if the file is missing or its bytes are not what the manifest says.
        """
        return safetensors.torch.load_file(self._verified(update, {MODEL})[MODEL])

    def published(self, update: int) -> Path:
        """The file of the weights of ``update`` that were validated, its bytes as written.

        Raises:
            ArtifactError: if a file is missing or its bytes are not what the manifest says.
        """
        files = self._verified(update)
        return files.get(AVERAGE, files[MODEL])

    def load_latest(self) -> Checkpoint | None:
        """The newest checkpoint that is intact; None if there is none.

        A damaged one is passed over with a warning that names it.
        """
        for update in reversed(self.updates()):
            try:
                return self.load(update)
            except ArtifactError as error:
                logger.warning("%s; going back to the checkpoint before", error)
        return None

    def prune(self, keep: Collection[int]) -> None:
        """Delete all checkpoints but those of the updates ``keep``, half-written ones too."""
        self._before_write()
        for update in self._started():
            if update not in keep:
                self._delete(update)

    def _started(self) -> list[int]:
        """The updates that have a folder, whole or not, ascending."""
        names = filter(None, map(_NAME.fullmatch, self.storage.list(self.path)))
        return sorted(int(match[1]) for match in names)

    def _delete(self, update: int) -> None:
        # The manifest goes first: what is left half-deleted must not look whole.
        self.storage.delete(f"{self._folder(update)}/{MANIFEST}")
        self.storage.delete(self._folder(update))

    def _folder(self, update: int) -> str:
        return f"{self.path}/update-{update:08}"

    def _verified(self, update: int, wanted: Collection[str] | None = None) -> dict[str, Path]:
        """Local files of a checkpoint by name, ``wanted`` or all, whose bytes are as written."""
        folder = self._folder(update)
        try:
            hashes = json.loads(self.storage.read_bytes(f"{folder}/{MANIFEST}"))
            if not isinstance(hashes, dict):
                raise ValueError("it is no object")
            if set(hashes) - {AVERAGE} != {MODEL, OPTIMIZER, STATE}:
                raise ValueError("it lists other files")
        except ValueError as error:
            raise ArtifactError(
                f"{self.storage.uri_of(folder)}/{MANIFEST} must list a checkpoint's files, "
                f"but: {error}"
            ) from error
        names = hashes if wanted is None else wanted
        files = {name: self.storage.local(f"{folder}/{name}") for name in names}
        for name, path in files.items():
            seen = sha256_of(path)
            if seen != hashes[name]:
                raise ArtifactError(
                    f"{self.storage.uri_of(folder)}/{name} must have sha256 {hashes[name]}, "
                    f"but has {seen}"
                )
        return files


def optimizer_tensors(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimizer's state as tensors named ``<parameter>/<state>``: ``bridge.weight/exp_avg``."""
    tensors = {}
    for name, parameter in model.named_parameters():
        for key, value in optimizer.state.get(parameter, {}).items():
            tensors[f"{name}/{key}"] = torch.as_tensor(value).detach()
    return tensors


def restore_optimizer(
    model: nn.Module, optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]
) -> None:
    """Put :func:`optimizer_tensors` back, each beside its parameter."""
    for name, parameter in model.named_parameters():
        prefix = f"{name}/"
        state = {
            key.removeprefix(prefix): value.to(parameter.device).clone()
            for key, value in tensors.items()
            if key.startswith(prefix)
        }
        if state:
            optimizer.state[parameter] = state
