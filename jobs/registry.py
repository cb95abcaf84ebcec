"""MLflow's registry side: versions, aliases and the files of a model.

``challenger`` is what training registered last, ``champion`` what passed the gate.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import re
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from jobs.logged_model import CONTENT_TAG, FOLDER, log_model, lost_files, store_again
from jobs.no_secrets import without_secrets
from jobs.tracking import asked_once, mlflow_errors, open_mlflow
from pipeline.errors import ArtifactError, ConfigError, OutageError, RegistryError

CHAMPION = "champion"
CHALLENGER = "challenger"
TRAINING_TAG = "anuvad.training"
DECODE_TAG = "anuvad.decode"
FILES_TAG = "anuvad.files"
"""The size in bytes of each file of the model folder, as JSON."""

_REGISTER_TRIES = 3

_URI = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[\w.-]+)|/(?P<version>\d+))")


@dataclass(frozen=True)
class Version:
    """One registered version.

    Attributes:
        name: of the registered model.
        number: its version, counted from 1 by MLflow.
        run_id: the MLflow run that made it.
        tags: what anuvad knows of it.
        created: milliseconds since 1970.
    """

    name: str
    number: str
    run_id: str
    tags: Mapping[str, str]
    created: int

    @property
    def uri(self) -> str:
        """``models:/<name>/<number>``."""
        return f"models:/{self.name}/{self.number}"

    @property
    def content(self) -> str:
        """The hash of the model's files."""
        return self.tags.get(CONTENT_TAG, "")


class Registry:
    """The models of one tracking server or database.

    Args:
        uri: of the server or the database.
        warn: is told what is left out since a person has deleted the run it belongs to.
    """

    def __init__(self, uri: str, warn: Callable[[str], None] | None = None) -> None:
        self.uri = uri
        self._warn = warn or (lambda text: None)
        self._stands: dict[str, bool] = {}
        self._whole: set[str] = set()
        self._mlflow = open_mlflow(uri)
        with mlflow_errors("answer"):
            self._client = self._mlflow.MlflowClient()

    def register(
        self, name: str, folder: Path, content: str, run_id: str, tags: Mapping[str, str]
    ) -> Version:
        """Make a version of the model folder; the one that stands, if it was made before.

        Of that one what has been lost since is stored again.

        Args:
            name: of the registered model.
            folder: see :mod:`model.translator`.
            content: the folder's hash, by which a version is found again.
            run_id: the MLflow run that the version belongs to.
            tags: written on the version as it is made.

        Raises:
            OutageError: if MLflow does not answer; the next call makes no second version, even if
                MLflow has done what it was asked and only its answer was lost.
        """
        for attempt in Retrying(
            stop=stop_after_attempt(_REGISTER_TRIES),
            wait=wait_exponential(min=1, max=10),
            retry=retry_if_exception_type(OutageError),
            reraise=True,
        ):
            with attempt:
                version = self._register(name, folder, content, run_id, tags)
        return version

    def _register(
        self, name: str, folder: Path, content: str, run_id: str, tags: Mapping[str, str]
    ) -> Version:
        """:meth:`register`, tried once; what a try has made whose answer was lost is found."""
        standing = [v for v in self.versions(name) if v.content == content]
        if standing:
            self.restore(standing[0], lambda: contextlib.nullcontext(folder))
            return standing[0]
        sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
        with mlflow_errors(f"register {name}"):
            model_id = log_model(self._client, folder, content, run_id)
            with asked_once():
                if not self._exists(name):
                    self._client.create_registered_model(name)
                made = self._client.create_model_version(
                    name,
                    source=f"models:/{model_id}",
                    run_id=run_id,
                    tags={**tags, CONTENT_TAG: content, FILES_TAG: json.dumps(sizes)},
                    # A server asks for both.
                    model_id=model_id,
                )
            return _version(made)

    def restore(self, version: Version, made: Callable[[], AbstractContextManager[Path]]) -> None:
        """Store the version's files once more, if MLflow's artifact store has lost any of them.

        Args:
            version: that may have lost files.
            made: its model folder, as it was registered; asked for only where one is lost.

        Raises:
            ArtifactError: if the folder can't be made or is another; it says what is lost.
        """
        if version.uri in self._whole:
            return
        with mlflow_errors(f"list the files of {version.uri}"):
            lost = lost_files(version.uri, json.loads(version.tags.get(FILES_TAG, "{}")))
        if not lost:
            self._whole.add(version.uri)
            return
        few = ", ".join(lost[:2])
        gone = f"{few} and {len(lost) - 2} more files" if len(lost) > 2 else few
        try:
            with made() as folder:
                self._store_again(version, folder)
        except ArtifactError as error:
            why = str(error).partition("; run the command that makes it")[0]
            raise ArtifactError(
                f"MLflow must have all files of {version.uri}, but has lost {gone}, which can't be "
                f"stored again, as {why}; bring them back from a backup, or make another version "
                f"with `anuvad retrain CONFIG --force`"
            ) from error
        self._warn(f"MLflow had lost {gone} of {version.uri}; they are stored again")

    def _store_again(self, version: Version, folder: Path) -> None:
        from model.translator import content_hash

        seen = content_hash(folder)
        if seen != version.content:
            raise ArtifactError(
                f"those of the storage are others: their hash is {seen}, not {version.content}"
            )
        with mlflow_errors(f"store the files of {version.uri} again"):
            made = self._client.get_model_version(version.name, version.number)
            store_again(self._client, folder, made.source.rpartition("/")[2])

    def _exists(self, name: str) -> bool:
        return bool(self._client.search_registered_models(f"name = '{name}'"))

    def versions(self, name: str) -> list[Version]:
        """All versions of a model, the newest first."""
        with mlflow_errors(f"list the versions of {name}"):
            found = [_version(v) for v in self._client.search_model_versions(f"name = '{name}'")]
        return sorted(found, key=lambda v: -int(v.number))

    def by_alias(self, name: str, alias: str) -> Version | None:
        """The version that an alias points at; None if there is no such alias or model."""
        from mlflow.exceptions import MlflowException

        with mlflow_errors(f"say which version is {name}@{alias}"):
            try:
                return _version(self._client.get_model_version_by_alias(name, alias))
            except MlflowException as error:
                if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                    return None
                raise

    def runs(self, experiment: str, limit: int = 10) -> list[dict[str, str]]:
        """The newest runs of an experiment: their ids, names, states and starts."""
        with mlflow_errors("list runs"):
            found = self._client.get_experiment_by_name(experiment)
            if found is None:
                return []
            runs = self._client.search_runs(
                [found.experiment_id], order_by=["attributes.start_time DESC"], max_results=limit
            )
        return [
            {
                "run_id": run.info.run_id,
                "name": run.info.run_name,
                "status": run.info.status,
                "started": datetime.datetime.fromtimestamp(
                    run.info.start_time / 1000, datetime.UTC
                ).isoformat(timespec="seconds"),
            }
            for run in runs
        ]

    def resolve(self, uri: str) -> Version:
        """The version that ``models:/<name>@<alias>`` or ``models:/<name>/<number>`` names.

        Raises:
            ConfigError: if the URI looks like neither.
            RegistryError: if there is no such version; it says which there are.
        """
        match = _URI.fullmatch(uri)
        if match is None:
            raise ConfigError(
                f"a model must be named models:/NAME@ALIAS or models:/NAME/VERSION, not {uri!r}"
            )
        name = match["name"]
        if match["alias"]:
            found = self.by_alias(name, match["alias"])
        else:
            found = next((v for v in self.versions(name) if v.number == match["version"]), None)
        if found is None:
            numbers = ", ".join(v.number for v in reversed(self.versions(name)))
            there = f"{name} has versions: {numbers}" if numbers else f"there is no model {name}"
            raise RegistryError(
                f"{uri} must be in the registry at {without_secrets(self.uri)}, but {there}; "
                f"`anuvad retrain CONFIG` makes one"
            )
        return found

    def set_alias(self, version: Version, alias: str) -> None:
        """Point ``alias`` at the version."""
        with mlflow_errors(f"move the alias {alias}"):
            self._client.set_registered_model_alias(version.name, alias, version.number)

    def set_tags(self, version: Version, tags: Mapping[str, str]) -> None:
        """Write tags on the version."""
        with mlflow_errors("tag the version"):
            for key, value in tags.items():
                self._client.set_model_version_tag(version.name, version.number, key, value)

    def log_metrics(self, version: Version, values: Mapping[str, float]) -> None:
        """Log metrics on the run that made the version, if it stands."""
        if not self._run_stands(version):
            return
        with mlflow_errors("take metrics"):
            for key, value in values.items():
                self._client.log_metric(version.run_id, key, value)

    def log_file(self, version: Version, path: Path, folder: str) -> None:
        """Store a file among the artifacts of the run that made the version, if it stands."""
        if not self._run_stands(version):
            return
        with mlflow_errors(f"store {path.name}"):
            self._client.log_artifact(version.run_id, str(path), folder)

    def run_tag(self, version: Version, key: str) -> str | None:
        """A tag of the run that made the version; None where there is no such tag or run."""
        if not self._run_stands(version):
            return None
        with mlflow_errors(f"say the tag {key}"):
            tags: Mapping[str, str] = self._client.get_run(version.run_id).data.tags
        return tags.get(key)

    def run_text(self, version: Version, name: str) -> str | None:
        """A text file of the run that made the version; None where there is no such file or run."""
        if not self._run_stands(version):
            return None
        with mlflow_errors(f"hand over {name}"):
            if name not in [file.path for file in self._client.list_artifacts(version.run_id)]:
                return None
            with tempfile.TemporaryDirectory(prefix="anuvad-") as scratch:
                path = self._client.download_artifacts(version.run_id, name, scratch)
                return Path(path).read_text(encoding="utf-8")

    def write_card(self, version: Version, card: str) -> None:
        """Store a model card with the version: in its run, and as its description."""
        from jobs.model_card import CARD, description_of

        with mlflow_errors(f"store {CARD}"):
            if self._run_stands(version):
                self._client.log_text(version.run_id, card, CARD)
            self._client.update_model_version(version.name, version.number, description_of(card))

    def _run_stands(self, version: Version) -> bool:
        """Whether the run that made the version was not deleted; a version outlives it."""
        from mlflow.exceptions import MlflowException

        if version.run_id not in self._stands:
            stands = True
            with mlflow_errors(f"say whether the run of {version.uri} stands"):
                try:
                    run = self._client.get_run(version.run_id)
                    stands = run.info.lifecycle_stage == "active"
                except MlflowException as error:
                    if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                        raise
                    stands = False
            if not stands:
                self._warn(
                    f"the MLflow run of {version.uri}, {version.run_id}, was deleted: its metrics "
                    f"and files go without it, its tags and what is in the storage stay"
                )
            self._stands[version.run_id] = stands
        return self._stands[version.run_id]

    def download(self, version: Version, scratch: Path) -> Path:
        """The model folder of the version, copied below the folder ``scratch``."""
        with mlflow_errors(f"hand over {version.uri}"):
            path = self._mlflow.artifacts.download_artifacts(
                artifact_uri=version.uri, dst_path=str(scratch)
            )
        return Path(path) / FOLDER

    def download_verified(self, version: Version, scratch: Path) -> Path:
        """:meth:`download`, with the files compared with what was registered.

        Raises:
            RegistryError: if they are others, naming both hashes, or are not there.
        """
        from model.translator import MANIFEST, content_hash

        folder = self.download(version, scratch)
        _require_there(version, folder, MANIFEST)
        seen = content_hash(folder)
        if seen != version.content:
            raise RegistryError(
                f"the files of {version.uri} must be those that were registered, with the hash "
                f"{version.content}, but have {seen}"
            )
        for name in json.loads((folder / MANIFEST).read_bytes()):
            _require_there(version, folder, name)
        return folder


def _require_there(version: Version, folder: Path, name: str) -> None:
    if not (folder / name).is_file():
        raise RegistryError(
            f"MLflow must have the files of {version.uri}, but has lost {FOLDER}/{name} at least; "
            f"`anuvad retrain CONFIG` stores again those of the champion, of the challenger and of "
            f"the version that CONFIG makes"
        )


def _version(found: Any) -> Version:
    return Version(
        name=found.name,
        number=str(found.version),
        run_id=found.run_id,
        tags=dict(found.tags),
        created=int(found.creation_timestamp),
    )
