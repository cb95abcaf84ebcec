"""The launcher makes one RayJob of a template, waits for it, and exits as its command did."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubernetes_api import KubernetesApi

LAUNCHER = Path(__file__).resolve().parents[3] / "docker" / "kuberay" / "base" / "launch.py"
QUEUE = "kueue.x-k8s.io/queue-name"


def template() -> dict[str, Any]:
    return {
        "apiVersion": "ray.io/v1",
        "kind": "RayJob",
        "metadata": {
            "name": "anuvad-retrain",
            "uid": "of-the-template",
            "resourceVersion": "7",
            "labels": {"app.kubernetes.io/instance": "anuvad-retrain"},
            "annotations": {QUEUE: "nightly"},
        },
        "spec": {"suspend": True, "entrypoint": "anuvad retrain", "backoffLimit": 2},
        "status": {"jobDeploymentStatus": "Suspended"},
    }


@pytest.fixture
def api(tmp_path: Path) -> Iterator[KubernetesApi]:
    with KubernetesApi(tmp_path, {"anuvad-retrain": template()}) as server:
        yield server


def launch(api: KubernetesApi, name: str = "anuvad-retrain-1") -> subprocess.CompletedProcess[str]:
    """The launcher as its pod starts it, with the environment of its pod."""
    own = {"TEMPLATE": "anuvad-retrain", "JOB_NAME": name, "JOB_UID": "of-the-job"}
    return subprocess.run(
        [sys.executable, LAUNCHER],
        env={"PATH": os.environ["PATH"]} | api.environment | own,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_template_becomes_a_job_that_starts_and_its_success_is_the_launchers(
    api: KubernetesApi,
) -> None:
    done = launch(api)
    assert (done.stderr, done.returncode) == ("", 0)
    assert done.stdout.split("\n") == [
        "RayJob anuvad-retrain-1-ray: created",
        "RayJob anuvad-retrain-1-ray: New",
        "RayJob anuvad-retrain-1-ray: Running RUNNING",
        "RayJob anuvad-retrain-1-ray: Complete SUCCEEDED",
        "",
    ]
    made = api.jobs["anuvad-retrain-1-ray"]
    assert made["spec"] == {"entrypoint": "anuvad retrain", "backoffLimit": 2}
    assert made["metadata"] == {
        "name": "anuvad-retrain-1-ray",
        "labels": {"app.kubernetes.io/instance": "anuvad-retrain", QUEUE: "nightly"},
        "ownerReferences": [
            {
                "apiVersion": "batch/v1",
                "kind": "Job",
                "name": "anuvad-retrain-1",
                "uid": "of-the-job",
            }
        ],
    }
    assert api.requests[:4] == [
        "GET /anuvad-retrain",
        "GET /anuvad-retrain-1-ray",
        "GET ?labelSelector=app.kubernetes.io%2Finstance%3Danuvad-retrain",
        "POST ?fieldValidation=Strict",
    ]


def test_started_again_it_waits_for_the_job_that_it_made(api: KubernetesApi) -> None:
    launch(api)
    again = launch(api)
    assert again.returncode == 0
    assert again.stdout.startswith("RayJob anuvad-retrain-1-ray: stands already, waiting for it\n")
    assert set(api.jobs) == {"anuvad-retrain", "anuvad-retrain-1-ray"}


def test_while_an_earlier_copy_is_under_way_no_second_one_is_started(api: KubernetesApi) -> None:
    launch(api, "anuvad-retrain-1")
    # Its Job has met its deadline, or could not reach the API server: it is over, the RayJob isn't.
    waiting = {"jobDeploymentStatus": "Running", "jobStatus": "RUNNING"}
    api.jobs["anuvad-retrain-1-ray"]["status"] = waiting
    api.jobs["anuvad-retrain-1-ray"]["spec"]["suspend"] = True
    second = launch(api, "anuvad-retrain-2")
    assert second.returncode == 0
    assert second.stdout == "not started, as RayJob anuvad-retrain-1-ray is still under way\n"
    assert set(api.jobs) == {"anuvad-retrain", "anuvad-retrain-1-ray"}


def test_copies_that_have_ended_are_in_nobodys_way(api: KubernetesApi) -> None:
    api.ends_as = {"jobDeploymentStatus": "Failed", "message": "DeadlineExceeded"}
    assert launch(api, "anuvad-retrain-1").returncode == 1
    api.ends_as = {"jobDeploymentStatus": "Complete", "jobStatus": "SUCCEEDED"}
    assert launch(api, "anuvad-retrain-2").returncode == 0


def test_the_rayjob_of_a_deleted_job_of_the_same_name_is_not_taken_for_ones_own(
    api: KubernetesApi,
) -> None:
    launch(api, "anuvad-retrain-1")
    leftover = api.jobs["anuvad-retrain-1-ray"]
    leftover["metadata"]["ownerReferences"][0]["uid"] = "of-the-deleted-job"
    api.collected_after = {"anuvad-retrain-1-ray": 2}
    again = launch(api, "anuvad-retrain-1")
    assert again.returncode == 0
    lines = again.stdout.split("\n")
    assert lines[0] == "RayJob anuvad-retrain-1-ray of an earlier Job: waiting until it is gone"
    assert "RayJob anuvad-retrain-1-ray: created" in lines


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("Job entrypoint command failed with exit code 3, last available logs: …", 3),
        ("Job entrypoint command failed with exit code 75, last available logs: …", 75),
        # Killed for want of memory, after it had logged another process's end.
        ("Job entrypoint command failed with exit code -9, … \nhook: exit code 3", 137),
        ("Job submission has failed. … \nanuvad: exit code 3", 1),
        ("The RayJob has passed the activeDeadlineSeconds.", 1),
    ],
)
def test_the_exit_code_is_that_of_the_command(api: KubernetesApi, message: str, code: int) -> None:
    api.ends_as = {"jobDeploymentStatus": "Failed", "jobStatus": "FAILED", "message": message}
    done = launch(api)
    assert done.returncode == code
    assert f"RayJob anuvad-retrain-1-ray failed: {message}" in done.stdout


def test_an_api_server_that_is_busy_is_asked_again(api: KubernetesApi) -> None:
    api.failures = [503, 429, 0]
    done = launch(api)
    assert (done.stderr, done.returncode) == ("", 0)
    assert api.requests[:4] == ["GET /anuvad-retrain"] * 4


def test_an_api_server_that_stays_away_is_told_from_a_job_that_failed(api: KubernetesApi) -> None:
    api.failures = [500] * 100
    done = launch(api)
    assert done.returncode == 69
    assert "must answer, but did not in 30 attempts: 500: etcd has no leader" in done.stdout


def test_a_token_that_is_not_taken_is_said_in_a_sentence(api: KubernetesApi) -> None:
    (api.account / "token").write_text("of-yesterday")
    done = launch(api)
    assert (done.returncode, done.stdout) == (1, "error: 401: Unauthorized\n")


def test_a_name_that_kuberay_would_refuse_is_refused_before(api: KubernetesApi) -> None:
    done = launch(api, "n" * 44)
    assert done.returncode == 1
    assert "must have at most 47 characters" in done.stdout
    assert set(api.jobs) == {"anuvad-retrain"}
