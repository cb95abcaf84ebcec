"""Where MLflow is, and what is said when it is not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from command_line import SEED
from jobs.cli import _mlflow_command
from jobs.config import load_config
from jobs.console import JobConsole
from jobs.context import JobContext
from jobs.doctor import doctor
from jobs.journal import Journal
from jobs.status import status
from jobs.sync import sync
from jobs.tracked_run import TrackedRun
from jobs.tracking import (
    asked_once,
    mlflow_errors,
    open_mlflow,
    reason_of,
    registry_stands,
    require_registry,
    tracking_uri_at,
)
from pipeline.errors import AnuvadError, ConfigError, OutageError, RegistryError
from pipeline.storage import Storage
from ports import own_port


@pytest.mark.parametrize(
    ("configured", "environment", "uri"),
    [
        ("http://configured", "http://environment", "http://configured"),
        (None, "http://environment", "http://environment"),
        (None, None, "sqlite:////data/mlflow.db"),
    ],
)
def test_the_configuration_goes_before_the_environment_and_that_before_the_storage(
    monkeypatch: pytest.MonkeyPatch, configured: str | None, environment: str | None, uri: str
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    if environment:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", environment)
    assert tracking_uri_at(configured, "/data") == uri


def test_an_object_store_can_not_hold_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(ConfigError, match=r"tracking\.uri or MLFLOW_TRACKING_URI must name"):
        tracking_uri_at(None, "mock://bucket")


def test_a_folder_that_would_cut_off_the_database_s_uri_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert tracking_uri_at(None, "/data/हिन्दी #1") == "sqlite:////data/हिन्दी #1/mlflow.db"
    for folder in ("/data/why?", "/data/a%20b"):
        with pytest.raises(ConfigError, match=r"without \? and % in its path"):
            tracking_uri_at(None, folder)
    assert tracking_uri_at("http://server", "/data/why?") == "http://server"


@pytest.mark.parametrize("environment", [None, "http://environment"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's, of its own code
def test_to_open_one_storage_s_mlflow_does_not_make_it_that_of_the_next_storage(
    monkeypatch: pytest.MonkeyPatch, environment: str | None, tmp_path: Path
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    if environment:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", environment)
    opened = f"sqlite:///{tmp_path}/mlflow.db"
    assert open_mlflow(opened).get_tracking_uri() == opened
    assert tracking_uri_at(None, "/data") == (environment or "sqlite:////data/mlflow.db")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's, of its own code
def test_a_password_in_the_environment_s_address_is_used_and_not_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    # Nobody listens there.
    address, shown = "http://anu:vad12345@127.0.0.1:1", "http://anu:***@127.0.0.1:1"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with JobContext(load_config(str(SEED), [f"storage={tmp_path}"]), JobConsole()) as job:
        assert job.tracking_uri == address
        with pytest.raises(OutageError) as down:
            status(job)
        (found,) = [finding for finding in doctor(job) if finding.what == "MLflow"]
    assert f"{shown} does not answer" in str(down.value)
    assert (found.seen, found.good) == (shown, False)
    assert _mlflow_command(address) == shown
    assert "vad12345" not in "".join([str(down.value), str(found), *capfd.readouterr()])


def test_a_database_stands_once_its_file_does_and_a_server_may_always(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    assert not registry_stands(uri)
    with pytest.raises(RegistryError, match="but there is none yet"):
        require_registry(uri)
    (tmp_path / "mlflow.db").touch()
    require_registry(uri)
    require_registry("http://127.0.0.1:9")


def test_of_a_server_that_is_down_no_more_is_said_than_that() -> None:
    error = Exception(
        "API request to http://127.0.0.1:9/api/2.0/mlflow/runs/search failed with exception "
        "HTTPConnectionPool(host='127.0.0.1', port=9): Max retries exceeded with url: …"
    )
    assert reason_of(error) == (
        "http://127.0.0.1:9 does not answer; start it, or name another with tracking.uri"
    )


def test_of_a_server_that_is_slow_it_is_said_how_long_was_waited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    error = Exception(
        "API request to http://127.0.0.1:9/api/2.0/mlflow/runs/search failed with timeout "
        "exception HTTPConnectionPool(host='127.0.0.1', port=9): Read timed out. …"
    )
    assert reason_of(error) == (
        "http://127.0.0.1:9 did not answer within 30 s; start it, or name another with tracking.uri"
    )


@pytest.mark.integration
@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("INTERNAL_ERROR", OutageError),
        ("TEMPORARILY_UNAVAILABLE", OutageError),
        ("REQUEST_LIMIT_EXCEEDED", OutageError),
        ("UNAUTHENTICATED", OutageError),
        ("PERMISSION_DENIED", OutageError),
        ("INVALID_PARAMETER_VALUE", AnuvadError),
        ("RESOURCE_DOES_NOT_EXIST", AnuvadError),
    ],
)
def test_what_may_be_taken_later_is_told_from_what_is_refused(
    code: str, kind: type[AnuvadError]
) -> None:
    from mlflow.exceptions import RestException

    with (
        pytest.raises(AnuvadError, match=f"MLflow must take metrics, but: {code}: क्यों") as caught,
        mlflow_errors("take metrics"),
    ):
        raise RestException({"error_code": code, "message": "क्यों"})
    assert type(caught.value) is kind


def s3(tmp_path: Path, endpoint: str) -> Any:
    """Sends a file to a bucket, as MLflow's client does."""
    boto3 = pytest.importorskip("boto3")
    from botocore.config import Config

    (tmp_path / "MLmodel").write_text("नमस्ते", "utf-8")
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="one",
        aws_secret_access_key="two",
        config=Config(retries={"max_attempts": 0, "mode": "standard"}),
    )
    return lambda: client.upload_file(str(tmp_path / "MLmodel"), "models", "MLmodel")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # boto3's, of its own code
def test_artifacts_in_an_object_store_that_does_not_answer_are_an_outage(tmp_path: Path) -> None:
    send = s3(tmp_path, f"http://127.0.0.1:{own_port()}")
    said = r"^MLflow must store MLmodel, but: Could not connect to the endpoint URL: "
    with pytest.raises(OutageError, match=said), mlflow_errors("store MLmodel"):
        send()


@pytest.mark.parametrize(
    ("status", "kind"), [(503, OutageError), (403, OutageError), (404, AnuvadError)]
)
def test_what_an_object_store_refuses_goes_by_its_status(
    status: int, kind: type[AnuvadError]
) -> None:
    exceptions = pytest.importorskip("botocore.exceptions")
    boto3 = pytest.importorskip("boto3.exceptions")
    heard = exceptions.ClientError(
        {"Error": {"Code": "Why"}, "ResponseMetadata": {"HTTPStatusCode": status}}, "PutObject"
    )
    with pytest.raises(AnuvadError) as caught, mlflow_errors("store MLmodel"):
        raise heard
    assert type(caught.value) is kind
    failed = boto3.S3UploadFailedError("Failed to upload MLmodel")
    # As boto3 raises it, which names no cause.
    failed.__context__ = heard
    with pytest.raises(AnuvadError) as caught, mlflow_errors("store MLmodel"):
        raise failed
    assert type(caught.value) is kind


def test_an_error_of_our_own_stays_what_it_is() -> None:
    with pytest.raises(KeyError), mlflow_errors("take metrics"):
        raise KeyError("train.seed")
    with pytest.raises(RegistryError, match=r"^no version$"), mlflow_errors("take metrics"):
        raise RegistryError("no version")


@pytest.mark.parametrize("before", ["7", None])
def test_requests_are_not_repeated_within_the_innermost_and_the_outermost_block(
    monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    name = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
    monkeypatch.delenv(name, raising=False)
    if before:
        monkeypatch.setenv(name, before)
    with asked_once():
        with asked_once():
            assert os.environ[name] == "0"
        assert os.environ[name] == "0"
    assert os.environ.get(name) == before


def test_other_reasons_are_one_line_of_some_length() -> None:
    assert reason_of(Exception("one\n  two")) == "one two"
    assert len(reason_of(Exception("x" * 1000))) == 300


@pytest.mark.integration
@pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")
def test_an_experiment_that_was_deleted_is_named_at_once_with_what_brings_it_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    client = open_mlflow(uri).MlflowClient()
    deleted = client.create_experiment("seed")
    client.delete_experiment(deleted)
    config = load_config(str(SEED), [f"storage={tmp_path}"])
    run_id, warnings = "seed-0123456789ab", list[str]()
    run = TrackedRun(uri, "seed", run_id, Storage(str(tmp_path)), warnings.append)
    run.metrics({"train/loss": 2.5})
    with pytest.raises(RegistryError) as refused:
        run.mlflow_id()
    run.end()
    why = (
        f"the experiment seed at {uri} must stand, but was deleted; `mlflow experiments restore "
        f"-x {deleted}` brings it back, or tracking.experiment names another"
    )
    assert str(refused.value) == why
    assert warnings[0] == f"{why}; MLflow is told no more of this run until `anuvad sync CONFIG`"
    # One that can't be sent keeps no other back.
    other = Journal(Storage(str(tmp_path)), "seed-0123456789ac")
    other.append("open", experiment="another", name=other.run_id)
    with JobContext(config, JobConsole()) as job:
        found = [(one.sent, one.left, one.why) for one in sync(job)]
    assert found == [(0, 3, why), (1, 0, None)]
