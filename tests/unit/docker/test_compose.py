"""docker/compose.yaml: no start without secrets, and nothing open that need not be."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[3]
MODELS = ("head", "worker", "mlflow")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The repository's Makefile and compose file, alone in a folder."""
    (tmp_path / "docker").mkdir()
    shutil.copy(REPOSITORY / "Makefile", tmp_path)
    shutil.copy(REPOSITORY / "docker" / "compose.yaml", tmp_path / "docker")
    return tmp_path


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    """As written, with anchors resolved and variables left as they are."""
    text = (REPOSITORY / "docker" / "compose.yaml").read_text(encoding="utf-8")
    found: dict[str, dict[str, Any]] = yaml.safe_load(text)["services"]
    return found


def compose(project: Path) -> subprocess.CompletedProcess[str]:
    """``docker-compose config``, with nothing in the environment but the path."""
    tool = shutil.which("docker-compose")
    if tool is None:
        pytest.skip("no docker-compose here; Debian's package docker-compose has it")
    return subprocess.run(
        [tool, "-f", "docker/compose.yaml", "config"],
        cwd=project,
        env={"PATH": os.environ["PATH"], "HOME": str(project)},
        capture_output=True,
        text=True,
        check=False,
    )


def make_secrets(project: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "secrets"], cwd=project, capture_output=True, text=True, check=False
    )


def secrets_in(project: Path) -> dict[str, str]:
    lines = (project / "docker" / ".env").read_text().split()
    return dict(line.split("=", maxsplit=1) for line in lines)


def test_the_secrets_are_random_and_for_their_owner_only(project: Path) -> None:
    assert make_secrets(project).returncode == 0
    file = project / "docker" / ".env"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    secrets = secrets_in(project)
    assert set(secrets) == {"COMPOSE_PROJECT_NAME", "POSTGRES_PASSWORD", "RAY_AUTH_TOKEN"}
    assert len({secrets["POSTGRES_PASSWORD"], secrets["RAY_AUTH_TOKEN"]}) == 2
    assert all(
        len(bytes.fromhex(secrets[k])) == 24 for k in ("POSTGRES_PASSWORD", "RAY_AUTH_TOKEN")
    )


def test_secrets_that_stand_are_not_written_over(project: Path) -> None:
    make_secrets(project)
    before = secrets_in(project)
    again = make_secrets(project)
    assert again.returncode != 0
    assert "stands already" in again.stdout
    assert secrets_in(project) == before


def test_git_ignores_the_secrets() -> None:
    assert "docker/.env" in (REPOSITORY / ".gitignore").read_text().split("\n")


def test_nothing_starts_without_the_secrets(project: Path) -> None:
    refused = compose(project)
    assert refused.returncode != 0
    assert "run `make secrets` first" in refused.stderr


def test_nothing_starts_with_one_secret_missing(project: Path) -> None:
    (project / "docker" / ".env").write_text("RAY_AUTH_TOKEN=0123\n")
    refused = compose(project)
    assert refused.returncode != 0
    assert "POSTGRES_PASSWORD" in refused.stderr


def test_with_the_secrets_each_service_gets_its_own_and_no_other(project: Path) -> None:
    make_secrets(project)
    done = compose(project)
    assert (done.stderr, done.returncode) == ("", 0)
    secrets = secrets_in(project)
    configured = yaml.safe_load(done.stdout)["services"]
    password, token = secrets["POSTGRES_PASSWORD"], secrets["RAY_AUTH_TOKEN"]
    assert {n for n, s in configured.items() if password in str(s)} == {"mlflow", "db"}
    assert {n for n, s in configured.items() if token in str(s)} == {"head", "worker"}
    assert configured["mlflow"]["environment"]["MLFLOW_BACKEND_STORE_URI"] == (
        f"postgresql://mlflow:{password}@db:5432/mlflow"
    )


def test_no_password_stands_in_the_file(services: dict[str, dict[str, Any]]) -> None:
    for service in services.values():
        for name, value in service["environment"].items():
            if "PASSWORD" in name or name == "RAY_AUTH_TOKEN":
                assert value.startswith("${")
                assert ":?" in value


def test_every_service_has_a_healthcheck_and_bounds(services: dict[str, dict[str, Any]]) -> None:
    assert set(services) == {"head", "worker", "mlflow", "db"}
    for service in services.values():
        assert service["healthcheck"]["test"][0] == "CMD"
        assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}
        assert service["pids_limit"] > 0


def test_a_job_that_is_stopped_has_time_for_its_checkpoint(
    services: dict[str, dict[str, Any]],
) -> None:
    from jobs.config import ComputeConfig

    for name in ("head", "worker"):
        assert services[name]["stop_grace_period"] == "2m"
        stopped_after = int(services[name]["environment"]["RAY_JOB_STOP_WAIT_TIME_S"])
        assert ComputeConfig().grace_s < stopped_after < 120


def test_ports_are_open_on_this_machine_only(services: dict[str, dict[str, Any]]) -> None:
    ports = {name: service.get("ports", []) for name, service in services.items()}
    assert ports == {
        "head": ["127.0.0.1:8265:8265"],
        "worker": [],
        "mlflow": ["127.0.0.1:5000:5000"],
        "db": [],
    }


def test_only_mlflow_reaches_the_database(services: dict[str, dict[str, Any]]) -> None:
    networks = {name: service["networks"] for name, service in services.items()}
    assert networks == {
        "head": ["cluster"],
        "worker": ["cluster"],
        "mlflow": ["cluster", "database"],
        "db": ["database"],
    }


def test_nothing_may_write_outside_of_volumes_and_tmp(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
    assert {services[name]["user"] for name in MODELS} == {"${ANUVAD_UID:-10001}:0"}
