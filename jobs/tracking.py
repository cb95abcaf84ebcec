"""MLflow's tracking side: one run for one training, from the first stage to the verdict."""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jobs.config import Config
from pipeline.errors import AnuvadError, ConfigError, RegistryError
from pipeline.storage import Storage

RUN_TAG = "anuvad.run"
_SQLITE = "sqlite:///"


def tracking_uri(config: Config, storage: Storage) -> str:
    """Where MLflow is: ``tracking.uri``, ``MLFLOW_TRACKING_URI``, or a database in the storage.

    Raises:
        ConfigError: if neither is set and the storage is not a local disk.
    """
    return tracking_uri_at(config.tracking.uri, storage.uri)


def tracking_uri_at(configured: str | None, storage_uri: str) -> str:
    """The same, of a configured URI (or None) and the URI of a storage."""
    uri = configured or os.environ.get("MLFLOW_TRACKING_URI")
    if uri:
        return uri
    root = Storage(storage_uri).local_root
    if root is None:
        raise ConfigError(
            f"tracking.uri or MLFLOW_TRACKING_URI must name an MLflow server, since the storage "
            f"{storage_uri} can't hold its database"
        )
    return f"{_SQLITE}{root / 'mlflow.db'}"


def registry_stands(uri: str) -> bool:
    """Whether there can be anything at ``uri``; MLflow would make an empty database to ask."""
    return not uri.startswith(_SQLITE) or Path(uri.removeprefix(_SQLITE)).exists()


def require_registry(uri: str) -> None:
    """Refuse to look for models where there is no registry yet.

    Raises:
        RegistryError: if ``uri`` is a database that does not exist.
    """
    if not registry_stands(uri):
        raise RegistryError(
            f"there must be a model registry at {uri}, but there is none yet; "
            f"`anuvad retrain CONFIG` makes one, and storage=PATH (for translate, --storage PATH) "
            f"names another place"
        )


def open_mlflow(uri: str) -> Any:
    """The ``mlflow`` module, pointed at ``uri`` and told to be quiet.

    Raises:
        AnuvadError: if the server does not answer.
    """
    for name, value in {
        # The default, seven retries with backoff, takes four minutes to notice a dead server.
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        # Usage data is the user's to send.
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "GIT_PYTHON_REFRESH": "quiet",
    }.items():
        os.environ.setdefault(name, value)
    if uri.startswith(_SQLITE):
        Path(uri.removeprefix(_SQLITE)).parent.mkdir(parents=True, exist_ok=True)
    import mlflow

    for logger in ("mlflow", "alembic"):
        logging.getLogger(logger).setLevel(logging.ERROR)
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    return mlflow


@contextlib.contextmanager
def mlflow_errors(doing: str) -> Iterator[None]:
    """Turn MLflow's exceptions into one sentence: «MLflow must <doing>, but: …»."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        raise AnuvadError(f"MLflow must {doing}, but: {reason_of(error)}") from error
    except Exception as error:
        # Its database answers in the tongue of SQLAlchemy.
        if type(error).__module__.split(".")[0] != "sqlalchemy":
            raise
        raise AnuvadError(f"MLflow's database must {doing}, but: {reason_of(error)}") from error


def reason_of(error: Exception) -> str:
    """What MLflow says, in one line; of a server that is down, no more than that it is."""
    message = " ".join(str(error).split())
    down = re.match(r"API request to (\w+://[^/ ]+)\S* failed with exception", message)
    if down is not None:
        return f"{down[1]} does not answer; start it, or name another with tracking.uri"
    return message[:300]


class TrackedRun:
    """One MLflow run, found again by the id that anuvad gives it, or made.

    Args:
        uri: of the tracking server or database.
        experiment: its name.
        run_id: anuvad's own, a hash of data, settings and code: the same command, also after an
            interruption, has the same run.
        name: what the MLflow page shows.
        storage: holds the artifacts of a database that has no server.
    """

    def __init__(self, uri: str, experiment: str, run_id: str, name: str, storage: Storage) -> None:
        self._mlflow = open_mlflow(uri)
        with mlflow_errors("open the experiment"):
            self.client = self._mlflow.MlflowClient()
            experiment_id = self._experiment(uri, experiment, storage)
            found = self.client.search_runs(
                [experiment_id], f"tags.`{RUN_TAG}` = '{run_id}'", max_results=1
            )
            if found:
                run = found[0]
                self.client.update_run(run.info.run_id, status="RUNNING")
            else:
                run = self.client.create_run(experiment_id, run_name=name, tags={RUN_TAG: run_id})
        self.id: str = run.info.run_id
        self.experiment_id: str = experiment_id

    def _experiment(self, uri: str, name: str, storage: Storage) -> str:
        existing = self.client.get_experiment_by_name(name)
        if existing is not None:
            return str(existing.experiment_id)
        location = None
        if uri.startswith(_SQLITE) and storage.local_root is not None:
            location = (storage.local_root / "mlartifacts").as_uri()
        return str(self.client.create_experiment(name, artifact_location=location))

    def params(self, values: Mapping[str, Any]) -> None:
        """Log parameters; those that stand already are left as they are."""
        from mlflow.entities import Param

        with mlflow_errors("take parameters"):
            standing = self.client.get_run(self.id).data.params
            new = [Param(k, str(v)[:500]) for k, v in values.items() if k not in standing]
            for start in range(0, len(new), 100):
                self.client.log_batch(self.id, params=new[start : start + 100])

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Log metrics at one step."""
        self.points([(key, value, step) for key, value in values.items()])

    def points(self, points: Sequence[tuple[str, float, int]]) -> None:
        """Log metrics, each with its name, its value and its step, in one request."""
        import time

        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        batch = [Metric(key, float(value), now, step) for key, value, step in points]
        with mlflow_errors("take metrics"):
            self.client.log_batch(self.id, metrics=batch)

    def tags(self, values: Mapping[str, str]) -> None:
        """Set tags."""
        from mlflow.entities import RunTag

        with mlflow_errors("take tags"):
            self.client.log_batch(self.id, tags=[RunTag(k, str(v)) for k, v in values.items()])

    def dataset(self, source: str, digest: str, place: str) -> None:
        """Log the corpus as the run's input."""
        from mlflow.entities import Dataset, DatasetInput

        data = Dataset(source, digest.rpartition("-")[2], "anuvad", place)
        with mlflow_errors("take the dataset"):
            self.client.log_inputs(self.id, [DatasetInput(data)])

    def text(self, content: str, name: str) -> None:
        """Store a text file among the run's artifacts."""
        with mlflow_errors(f"store {name}"):
            self.client.log_text(self.id, content, name)

    def file(self, path: Path, folder: str | None = None) -> None:
        """Store a file among the run's artifacts."""
        with mlflow_errors(f"store {path.name}"):
            self.client.log_artifact(self.id, str(path), folder)

    def end(self, status: str = "FINISHED") -> None:
        """Close the run: ``FINISHED``, ``FAILED`` or ``KILLED``."""
        with mlflow_errors("close the run"):
            self.client.set_terminated(self.id, status)
