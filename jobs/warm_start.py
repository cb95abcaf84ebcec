"""The first weights of a training, taken from a registered version.

reads   the version that ``train.init_from`` names
writes  ``artifacts/start-<hash>/model.safetensors``, for the workers to read
holds   the hash is of the version's content: an alias that has moved is another start, and so
        another training; a start whose model or tokenizers are others is refused
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.config import Config, resolved
from jobs.no_secrets import without_secrets
from jobs.registry import CHALLENGER, CHAMPION
from pipeline import artifacts
from pipeline.artifacts import Artifact, ArtifactSpec, Part, flatten
from pipeline.errors import RegistryError, TrainingError
from pipeline.storage import Storage, sha256_of
from pipeline.tokenizer import LANGUAGES

if TYPE_CHECKING:
    from jobs.context import JobContext
    from jobs.registry import Version

START = "start"
WEIGHTS = "model.safetensors"
_MODEL = "model"


def warm_version(job: JobContext, config: Config | None = None) -> Version | None:
    """The version that ``train.init_from`` names now; None if training starts afresh.

    Args:
        job: the job.
        config: in place of the job's.

    Raises:
        ConfigError: if it is no name of a version.
        RegistryError: if there is no such version; it says what to do.
    """
    uri = (config or job.config).train.init_from
    if uri is None:
        return None
    if uri in (CHAMPION, CHALLENGER):
        uri = f"models:/{job.config.registry.name}@{uri}"
    from jobs.tracking import registry_stands

    try:
        if not registry_stands(job.tracking_uri):
            raise RegistryError(f"there is none yet at {without_secrets(job.tracking_uri)}")
        return job.registry.resolve(uri)
    except RegistryError as error:
        seen = str(error).partition("; `anuvad retrain CONFIG`")[0]
        raise RegistryError(
            f"train.init_from must name a version that is registered, but: {seen}; train a first "
            f"one with train.init_from=null"
        ) from error


def start_spec(version: Version) -> ArtifactSpec:
    """The first weights that a version makes."""
    return ArtifactSpec(START, {"content": version.content}, "", {})


def fetch_start(job: JobContext, version: Version) -> Artifact:
    """The first weights, brought from the registry to the storage unless they stand there.

    Raises:
        RegistryError: if the version's files are not those that were registered.
        TrainingError: see :func:`refuse_other_model`.
    """
    spec = start_spec(version)
    start = artifacts.find(job.storage, spec) or _bring(job, version, spec)
    refuse_other_model(start, job.config, version.uri)
    return start


def _bring(job: JobContext, version: Version, spec: ArtifactSpec) -> Artifact:
    from model.translator import SETTINGS, TranslatorConfig

    with tempfile.TemporaryDirectory(prefix="anuvad-model-") as scratch:
        folder = job.registry.download_verified(version, Path(scratch))
        settings = TranslatorConfig.model_validate_json((folder / SETTINGS).read_bytes())
        model = settings.model.model_dump(mode="json")
        facts = {name: sha256_of(folder / f"{name}.model") for name in LANGUAGES}
        facts[_MODEL] = json.dumps(model, sort_keys=True)
        weights = (folder / WEIGHTS).read_bytes()
        job.storage.write_bytes(f"{spec.path}/{WEIGHTS}", weights)
    entry = artifacts.entry_of(job.storage, spec, WEIGHTS)
    return artifacts.commit(job.storage, spec, [Part((entry,), {})], facts)


def refuse_other_model(start: Artifact, config: Config, uri: str) -> None:
    """Refuse first weights of another architecture or of other sizes.

    Raises:
        TrainingError: naming the first setting that differs, and both values.
    """
    theirs, ours = flatten(json.loads(start.facts[_MODEL])), flatten(resolved(config, _MODEL))
    for key in sorted(theirs.keys() | ours.keys()):
        there, here = theirs.get(key), ours.get(key)
        # What is dropped while it learns changes no weight's meaning.
        if there != here and "dropout" not in key:
            raise TrainingError(
                f"train.init_from must name a model of the same section `model`, but {uri} has "
                f"model.{key}: {_short(there)}, and this configuration {_short(here)}: change it, "
                f"or set train.init_from=null"
            )


def refuse_other_tokenizers_of(start: Artifact, tokenizer: Artifact, uri: str | None) -> None:
    """Refuse first weights whose vocabulary is another: each row would be of another piece.

    Raises:
        TrainingError: naming the file and both hashes.
    """
    for name in LANGUAGES:
        seen = sha256_of(tokenizer.local(f"{name}.model"))
        if seen != start.facts[name]:
            raise TrainingError(
                f"train.init_from must name a model of the same tokenizers, but {name}.model of "
                f"{uri} has the sha256 {start.facts[name]}, and that of {tokenizer.uri} {seen}: "
                f"train without it, with train.init_from=null"
            )


def start_weights(storage: Storage, artifact_id: str) -> dict[str, Any]:
    """The tensors of the first weights by name.

    Raises:
        ArtifactError: if they are not what the manifest says.
    """
    import safetensors.torch

    start = artifacts.load(storage, artifact_id)
    start.verify()
    tensors: dict[str, Any] = safetensors.torch.load_file(start.local(WEIGHTS))
    return tensors


def _short(value: Any) -> str:
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)
