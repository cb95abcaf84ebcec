"""MLflow's tracking side: where it is, what its errors mean, and one run as it takes it.

What a training has to say goes through a journal, see :mod:`jobs.tracked_run`; here it is sent.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from jobs.config import Config
from jobs.journal import Record
from jobs.no_secrets import without_secrets
from pipeline.errors import AnuvadError, ConfigError, OutageError, RegistryError
from pipeline.storage import Storage

RUN_TAG = "anuvad.run"
# That MLflow takes in one request.
MAX_METRICS = 1000
SQLITE = "sqlite:///"
_URI_VARIABLE = "MLFLOW_TRACKING_URI"
# Its database answers in the tongue of SQLAlchemy, its artifacts in that of requests, or of boto3
# where they lie in S3 without a server between.
_TONGUES = {"mlflow", "sqlalchemy", "requests", "urllib3", "boto3", "botocore"}
# The environment is one for all threads.
_ENVIRONMENT = threading.Lock()


def tracking_uri(config: Config, storage: Storage) -> str:
    """Where MLflow is: ``tracking.uri``, ``MLFLOW_TRACKING_URI``, or a database in the storage.

    The environment's may hold a password, which :func:`~jobs.no_secrets.without_secrets` hides from
    whatever is printed.

    Raises:
        ConfigError: if neither is set and the storage is not a local disk, or one whose path no
            database can have.
    """
    return tracking_uri_at(config.tracking.uri, storage.uri)


def tracking_uri_at(configured: str | None, storage_uri: str) -> str:
    """The same, of a configured URI (or None) and the URI of a storage."""
    uri = configured or os.environ.get(_URI_VARIABLE)
    if uri:
        return uri
    root = Storage(storage_uri).local_root
    if root is None:
        raise ConfigError(
            f"tracking.uri or MLFLOW_TRACKING_URI must name an MLflow server, since the storage "
            f"{storage_uri} can't hold its database"
        )
    if any(mark in str(root) for mark in "?%"):
        # They mean something in a URI, so the database would lie elsewhere.
        raise ConfigError(
            f"storage must be a folder without ? and % in its path, where MLflow's database is to "
            f"lie, but is {root}: rename it, or name an MLflow server with tracking.uri"
        )
    return f"{SQLITE}{root / 'mlflow.db'}"


def registry_stands(uri: str) -> bool:
    """Whether there can be anything at ``uri``; MLflow would make an empty database to ask."""
    return not uri.startswith(SQLITE) or Path(uri.removeprefix(SQLITE)).exists()


def require_registry(uri: str) -> None:
    """Refuse to look for models where there is no registry yet.

    Raises:
        RegistryError: if ``uri`` is a database that does not exist.
    """
    if not registry_stands(uri):
        raise RegistryError(
            f"there must be a model registry at {without_secrets(uri)}, but there is none yet; "
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
    if uri.startswith(SQLITE):
        Path(uri.removeprefix(SQLITE)).parent.mkdir(parents=True, exist_ok=True)
    import mlflow

    for logger in ("mlflow", "alembic"):
        logging.getLogger(logger).setLevel(logging.ERROR)
    with _environment_kept():
        mlflow.set_tracking_uri(uri)
        mlflow.set_registry_uri(uri)
    return mlflow


@contextlib.contextmanager
def _environment_kept() -> Iterator[None]:
    """Undo what MLflow writes to the environment for its own child processes.

    There it would be an answer of the user's to the question of :func:`tracking_uri_at`, for every
    other storage that this process opens.
    """
    with _ENVIRONMENT:
        before = os.environ.get(_URI_VARIABLE)
        try:
            yield
        finally:
            if before is None:
                os.environ.pop(_URI_VARIABLE, None)
            else:
                os.environ[_URI_VARIABLE] = before


@contextlib.contextmanager
def mlflow_errors(doing: str) -> Iterator[None]:
    """Turn MLflow's exceptions into one sentence: «MLflow must <doing>, but: …».

    Raises:
        OutageError: if it may take the same later: it is down or slow, its database is locked, or
            it wants another password.
        AnuvadError: if it never will.
    """
    try:
        yield
    except AnuvadError:
        raise
    except Exception as error:
        if type(error).__module__.split(".")[0] not in _TONGUES:
            raise
        kind = OutageError if _may_pass(error) else AnuvadError
        raise kind(f"MLflow must {doing}, but: {reason_of(error)}") from error


def _may_pass(error: Exception) -> bool:
    """Whether the same request may be taken later."""
    # What boto3 says of a file that it could not send says less than what it heard itself.
    heard = error.__context__ if type(error).__module__ == "boto3.exceptions" else error
    response = getattr(heard, "response", None)
    if isinstance(response, dict):
        status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 503))
    elif response is not None:
        status = int(response.status_code)
    elif hasattr(error, "get_http_status_code"):
        status = int(error.get_http_status_code())
    else:
        status = 503
    return status >= 500 or status in (401, 403, 408, 429)


def reason_of(error: Exception) -> str:
    """What MLflow says, in one line; of a server that is down, no more than that it is."""
    message = without_secrets(" ".join(str(error).split()))
    down = re.match(r"API request to (\w+://[^/ ]+)\S* failed with (timeout )?exception", message)
    if down is not None:
        how = f"did not answer within {_timeout_s()} s" if down[2] else "does not answer"
        return f"{down[1]} {how}; start it, or name another with tracking.uri"
    return message[:300]


def _timeout_s() -> str:
    return os.environ.get("MLFLOW_HTTP_REQUEST_TIMEOUT", "120")


_once_lock = threading.Lock()
_once_depth = 0
_once_before: str | None = None


@contextlib.contextmanager
def asked_once() -> Iterator[None]:
    """Within the block MLflow's client sends each request once.

    It would repeat one whose answer was lost, and so make a second run or version.
    """
    # It reads the environment at each request, and nothing else.
    global _once_depth, _once_before
    name = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
    with _once_lock:
        if _once_depth == 0:
            _once_before = os.environ.get(name)
            os.environ[name] = "0"
        _once_depth += 1
    try:
        yield
    finally:
        with _once_lock:
            _once_depth -= 1
            if _once_depth == 0:
                if _once_before is None:
                    del os.environ[name]
                else:
                    os.environ[name] = _once_before


class MlflowRun:
    """One MLflow run, found again by the id that anuvad gives it, or made.

    Args:
        uri: of the tracking server or database.
        run_id: anuvad's own, a hash of data, settings and code: the same command, also after an
            interruption, has the same run.
        opened: the record that opens it, with ``experiment`` and ``name``.
        storage: holds the artifacts of a database that has no server.
        before_making: is called where there is none, before it is made.

    Attributes:
        id: MLflow's own.
    """

    def __init__(
        self,
        uri: str,
        run_id: str,
        opened: Record,
        storage: Storage,
        before_making: Callable[[], None],
    ) -> None:
        self._storage = storage
        with mlflow_errors("open the run"), asked_once():
            self._client = open_mlflow(uri).MlflowClient()
            experiment_id = self._experiment(uri, opened.what["experiment"])
            found = self._client.search_runs(
                [experiment_id],
                f"tags.`{RUN_TAG}` = '{run_id}'",
                order_by=["attributes.start_time ASC"],
                max_results=1,
            )
            if found:
                run = found[0]
            else:
                before_making()
                run = self._client.create_run(
                    experiment_id,
                    start_time=opened.at,
                    run_name=opened.what["name"],
                    tags={RUN_TAG: run_id},
                )
        self.id: str = run.info.run_id

    def _experiment(self, uri: str, name: str) -> str:
        existing = self._client.get_experiment_by_name(name)
        if existing is not None:
            if existing.lifecycle_stage != "active":
                # Its name is taken until it is gone for good.
                raise RegistryError(
                    f"the experiment {name} at {without_secrets(uri)} must stand, but was deleted; "
                    f"`mlflow experiments restore -x {existing.experiment_id}` brings it back, or "
                    f"tracking.experiment names another"
                )
            return str(existing.experiment_id)
        location = None
        if uri.startswith(SQLITE) and self._storage.local_root is not None:
            location = (self._storage.local_root / "mlartifacts").as_uri()
        return str(self._client.create_experiment(name, artifact_location=location))

    def take(self, records: Sequence[Record]) -> None:
        """Send records of one kind; more than one of ``metrics`` only. Twice is as good as once.

        Raises:
            OutageError: if MLflow may take them later.
            AnuvadError: if it refuses them.
        """
        first = records[0]
        doing = {"open": "open", "end": "close", "text": "store"}.get(first.kind, "take")
        what = {"open": "the run", "end": "the run", "text": first.what.get("name")}
        with mlflow_errors(f"{doing} {what.get(first.kind, first.kind)}"), asked_once():
            if first.kind == "metrics":
                self._metrics(records)
            else:
                getattr(self, f"_{first.kind}")(first)

    def _open(self, record: Record) -> None:
        self._client.update_run(self.id, status="RUNNING")

    def _params(self, record: Record) -> None:
        from mlflow.entities import Param

        # One that stands can't be changed.
        standing = self._client.get_run(self.id).data.params
        values = record.what["values"]
        new = [Param(key, value[:500]) for key, value in values.items() if key not in standing]
        for start in range(0, len(new), 100):
            self._client.log_batch(self.id, params=new[start : start + 100])

    def _metrics(self, records: Sequence[Record]) -> None:
        from mlflow.entities import Metric

        # MLflow keeps one of two that agree in name, value, step and time.
        batch = [
            Metric(key, value, record.at, step)
            for record in records
            for key, value, step in record.what["points"]
        ]
        for start in range(0, len(batch), MAX_METRICS):
            self._client.log_batch(self.id, metrics=batch[start : start + MAX_METRICS])

    def _tags(self, record: Record) -> None:
        from mlflow.entities import RunTag

        tags = [RunTag(key, value) for key, value in record.what["values"].items()]
        self._client.log_batch(self.id, tags=tags)

    def _dataset(self, record: Record) -> None:
        from mlflow.entities import Dataset, DatasetInput

        what = record.what
        data = Dataset(what["source"], what["digest"], "anuvad", what["place"])
        self._client.log_inputs(self.id, [DatasetInput(data)])

    def _text(self, record: Record) -> None:
        self._client.log_text(self.id, record.what["content"], record.what["name"])

    def _end(self, record: Record) -> None:
        self._client.set_terminated(self.id, record.what["status"], record.at)
