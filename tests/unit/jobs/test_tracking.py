"""Where MLflow is, and what is said when it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.tracking import reason_of, registry_stands, require_registry, tracking_uri_at
from pipeline.errors import ConfigError, RegistryError


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


def test_other_reasons_are_one_line_of_some_length() -> None:
    assert reason_of(Exception("one\n  two")) == "one two"
    assert len(reason_of(Exception("x" * 1000))) == 300
