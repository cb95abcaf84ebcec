"""The folder that is registered, made of what lies in the storage, and once more if MLflow lost it.

reads   the artifacts of a training and of what it read: ``train-<hash>``, ``tokenizer-<hash>``, …
writes  a model folder, see :mod:`model.translator`, which is gone after its block
holds   a training and its settings of the search make the same folder byte for byte, whatever the
        configuration is by now
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from jobs.context import JobContext
from jobs.registry import CHALLENGER, CHAMPION, DECODE_TAG, TRAINING_TAG, Version
from jobs.train_worker import WEIGHTS
from pipeline import artifacts
from pipeline.artifacts import Artifact
from pipeline.errors import AnuvadError, ArtifactError, OutageError
from pipeline.storage import Storage
from pipeline.tokenizer import LANGUAGES


@contextlib.contextmanager
def model_folder(training: Artifact, decode: str) -> Iterator[Path]:
    """The model folder of a training while the block runs.

    Args:
        training: its artifact, whose parents lie in the same storage.
        decode: the settings of the search, as JSON.

    Raises:
        ArtifactError: if one of them is gone, or not what its manifest says.
    """
    # It imports torch, which `python -m jobs.train --help` must not wait for.
    from model.config import DecodeConfig
    from model.translator import TranslatorConfig, save_folder

    parents = {
        name: artifacts.load(training.storage, training.spec.parents[name])
        for name in ("dedup", "tokenizer", "tensorize")
    }
    clean = artifacts.load(training.storage, parents["dedup"].spec.parents["clean"])
    tokenizer = parents["tokenizer"]
    # The model's own manifest will vouch for these bytes, so they must be what was trained.
    training.verify()
    tokenizer.verify()
    settings = training.spec.settings
    with tempfile.TemporaryDirectory(prefix="anuvad-") as scratch:
        folder = Path(scratch) / "translator"
        save_folder(
            folder,
            TranslatorConfig.model_validate(
                {
                    "model": settings["model"],
                    "normalize": clean.spec.settings["normalize"],
                    "decode": DecodeConfig.model_validate_json(decode),
                    "max_source_tokens": parents["tensorize"].spec.settings["max_source_tokens"],
                    "precision": settings["train"]["precision"],
                }
            ),
            training.local(WEIGHTS).read_bytes(),
            {name: tokenizer.local(f"{name}.model").read_bytes() for name in LANGUAGES},
        )
        yield folder


def restore(job: JobContext, version: Version, training: Artifact | None = None) -> None:
    """Store again what MLflow's artifact store has lost of a version; it warns that it did.

    Where MLflow does not say what it has lost, or its disk is away, that is a warning too: nobody
    may need these files now.

    Args:
        job: whose storage has the training's artifact.
        version: that may have lost files.
        training: that made the version; found by its tag if None.

    Raises:
        ArtifactError: if files are lost for good, as what they are made of is gone or another.
    """

    @contextlib.contextmanager
    def made() -> Iterator[Path]:
        found = training or _training_of(job.storage, version)
        decode = version.tags.get(DECODE_TAG) or job.config.decode.model_dump_json()
        with model_folder(found, decode) as folder:
            yield folder

    try:
        job.registry.restore(version, made)
    except OutageError as error:
        job.console.warn(f"{error}; whether files of {version.uri} are lost is asked next time")


def restore_named(job: JobContext) -> None:
    """:func:`restore` of the champion and of the challenger, which translating goes by.

    Of one that can't be, there is a warning: a retraining may well do without it.
    """
    from jobs.tracking import registry_stands

    if not registry_stands(job.tracking_uri):
        return
    name, seen = job.config.registry.name, set[str]()
    for alias in (CHAMPION, CHALLENGER):
        try:
            version = job.registry.by_alias(name, alias)
            if version is not None and version.number not in seen:
                seen.add(version.number)
                restore(job, version)
        except AnuvadError as error:
            job.console.warn(str(error))
            if isinstance(error, OutageError):
                # It is not asked twice, as each time takes it many seconds to say nothing.
                return


def _training_of(storage: Storage, version: Version) -> Artifact:
    """The training artifact that a version was made of.

    Raises:
        ArtifactError: if it is not in the storage.
    """
    name = version.tags.get(TRAINING_TAG)
    if name is None:
        raise ArtifactError(f"{version.uri} has no tag {TRAINING_TAG} that names its training")
    return artifacts.load(storage, name)
