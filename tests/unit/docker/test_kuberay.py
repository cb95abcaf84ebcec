"""The manifests of docker/kuberay: rendered, valid to the letter, and as tight as they claim."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from manifests import REPOSITORY, Manifest, ManifestError, closed, render, require_valid

KUBERAY = REPOSITORY / "docker" / "kuberay"
JOBS = ("evaluate", "prepare", "promote", "retrain", "train")


@pytest.fixture(scope="module", params=["cpu", "gpu"])
def overlay(request: pytest.FixtureRequest) -> list[Manifest]:
    return render(KUBERAY / "overlays" / request.param)


@pytest.fixture(scope="module")
def gpu() -> list[Manifest]:
    return render(KUBERAY / "overlays" / "gpu")


def of_kind(manifests: list[Manifest], kind: str) -> dict[str, Manifest]:
    return {m["metadata"]["name"]: m for m in manifests if m["kind"] == kind}


def pods(manifest: Manifest) -> Iterator[Manifest]:
    """Every pod's spec in a RayJob or a CronJob."""
    spec = manifest["spec"]
    if manifest["kind"] == "CronJob":
        yield spec["jobTemplate"]["spec"]["template"]["spec"]
        return
    cluster = spec["rayClusterSpec"]
    yield spec["submitterPodTemplate"]["spec"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        yield group["template"]["spec"]


def all_pods(manifests: list[Manifest]) -> list[Manifest]:
    jobs = [m for m in manifests if m["kind"] in ("RayJob", "CronJob")]
    return [pod for job in jobs for pod in pods(job)]


def gpus_of(job: Manifest) -> str | None:
    worker = job["spec"]["rayClusterSpec"]["workerGroupSpecs"][0]["template"]["spec"]
    found: str | None = worker["containers"][0]["resources"]["limits"].get("nvidia.com/gpu")
    return found


def test_every_object_is_valid_to_the_letter(overlay: list[Manifest]) -> None:
    for manifest in overlay:
        require_valid(manifest)
    assert set(of_kind(overlay, "RayJob")) == {f"anuvad-{job}" for job in JOBS}
    assert set(of_kind(overlay, "CronJob")) == {f"anuvad-{job}" for job in JOBS}


def _misspell_deadline(m: Manifest) -> None:
    m["spec"]["activeDeadlineSecond"] = m["spec"].pop("activeDeadlineSeconds")


def _misspell_deep(m: Manifest) -> None:
    worker = m["spec"]["rayClusterSpec"]["workerGroupSpecs"][0]["template"]["spec"]
    worker["containers"][0]["securityContext"]["runAsNonroot"] = True


def _misspell_metadata(m: Manifest) -> None:
    m["metadata"]["label"] = {}


def _wrong_type(m: Manifest) -> None:
    m["spec"]["ttlSecondsAfterFinished"] = "600"


def _unknown_mode(m: Manifest) -> None:
    m["spec"]["rayClusterSpec"]["authOptions"]["mode"] = "tokens"


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (_misspell_deadline, "activeDeadlineSecond"),
        (_misspell_deep, "runAsNonroot"),
        (_misspell_metadata, "label"),
        (_wrong_type, "600"),
        (_unknown_mode, "tokens"),
    ],
)
def test_a_rayjob_with_a_misspelt_field_is_refused(
    gpu: list[Manifest], spoil: Callable[[Manifest], None], complaint: str
) -> None:
    job = copy.deepcopy(of_kind(gpu, "RayJob")["anuvad-train"])
    require_valid(job)
    spoil(job)
    with pytest.raises(ManifestError, match=complaint):
        require_valid(job)


def test_a_cronjob_with_a_misspelt_field_is_refused(gpu: list[Manifest]) -> None:
    job = copy.deepcopy(of_kind(gpu, "CronJob")["anuvad-retrain"])
    job["spec"]["concurencyPolicy"] = job["spec"].pop("concurrencyPolicy")
    with pytest.raises(ManifestError, match="concurencyPolicy"):
        require_valid(job)


def test_closing_a_schema_leaves_maps_and_what_is_said_to_be_open_alone() -> None:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "free": {
                "type": "object",
                "properties": {"a": {"type": "string"}},
                "x-kubernetes-preserve-unknown-fields": True,
            },
            "list": {"items": {"type": "object", "properties": {"b": {"type": "string"}}}},
        },
    }
    shut = closed(schema)
    assert shut["additionalProperties"] is False
    assert shut["properties"]["labels"] == schema["properties"]["labels"]
    assert shut["properties"]["free"]["additionalProperties"] is True
    assert shut["properties"]["list"]["items"]["additionalProperties"] is False


def test_applying_an_overlay_starts_nothing_but_the_clock(overlay: list[Manifest]) -> None:
    assert all(job["spec"]["suspend"] for job in of_kind(overlay, "RayJob").values())
    running = {n for n, m in of_kind(overlay, "CronJob").items() if not m["spec"]["suspend"]}
    assert running == {"anuvad-retrain"}


def test_a_template_has_its_queue_where_kueue_does_not_look(overlay: list[Manifest]) -> None:
    for job in of_kind(overlay, "RayJob").values():
        assert job["metadata"]["annotations"] == {"kueue.x-k8s.io/queue-name": "anuvad"}
        assert "kueue.x-k8s.io/queue-name" not in job["metadata"]["labels"]


def test_each_job_runs_its_command_within_bounds(overlay: list[Manifest]) -> None:
    for job in JOBS:
        spec = of_kind(overlay, "RayJob")[f"anuvad-{job}"]["spec"]
        assert spec["entrypoint"] == f"anuvad {job} $ANUVAD_ARGUMENTS"
        assert spec["activeDeadlineSeconds"] == 86400
        assert spec["ttlSecondsAfterFinished"] == 600
        assert spec["shutdownAfterJobFinishes"] is True


def test_the_command_line_knows_each_job() -> None:
    from jobs.cli import app

    known = {command.callback.__name__ for command in app.registered_commands if command.callback}
    assert set(JOBS) <= known


def test_a_cronjob_starts_the_template_of_its_own_name_one_at_a_time(
    overlay: list[Manifest],
) -> None:
    for name, job in of_kind(overlay, "CronJob").items():
        spec = job["spec"]
        assert spec["concurrencyPolicy"] == "Forbid"
        template = spec["jobTemplate"]["spec"]["template"]
        assert template["metadata"]["labels"]["app.kubernetes.io/instance"] == name
        variables = {v["name"]: v["valueFrom"] for v in template["spec"]["containers"][0]["env"]}
        where = variables["TEMPLATE"]["fieldRef"]["fieldPath"]
        assert where == "metadata.labels['app.kubernetes.io/instance']"


def test_the_launcher_is_the_file_that_is_tested(overlay: list[Manifest]) -> None:
    data = of_kind(overlay, "ConfigMap")["anuvad-launcher"]["data"]
    assert data == {"launch.py": (KUBERAY / "base" / "launch.py").read_text(encoding="utf-8")}


def test_the_launcher_may_read_list_and_create_rayjobs_and_nothing_else(
    overlay: list[Manifest],
) -> None:
    assert {m["kind"] for m in overlay if "rbac" in m["apiVersion"]} == {"Role", "RoleBinding"}
    assert of_kind(overlay, "Role")["anuvad-launcher"]["rules"] == [
        {"apiGroups": ["ray.io"], "resources": ["rayjobs"], "verbs": ["get", "list", "create"]}
    ]
    bound = of_kind(overlay, "RoleBinding")["anuvad-launcher"]["subjects"]
    assert bound == [{"kind": "ServiceAccount", "name": "anuvad-launcher"}]


def test_only_the_launcher_gets_a_token_of_kubernetes(overlay: list[Manifest]) -> None:
    assert not any(
        m["automountServiceAccountToken"] for m in of_kind(overlay, "ServiceAccount").values()
    )
    with_token = [p for p in all_pods(overlay) if p["automountServiceAccountToken"]]
    assert len(with_token) == len(JOBS)
    assert {pod["serviceAccountName"] for pod in with_token} == {"anuvad-launcher"}


def test_every_container_keeps_to_the_restricted_pod_security_standard(
    overlay: list[Manifest],
) -> None:
    assert len(all_pods(overlay)) == len(JOBS) * 4
    for pod in all_pods(overlay):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert set(container["resources"]["limits"]) >= {"cpu", "memory"}


def test_a_ray_pod_may_write_to_tmp_shared_memory_and_the_storage(overlay: list[Manifest]) -> None:
    ray = [p for p in all_pods(overlay) if p["containers"][0]["name"] == "ray"]
    for pod in ray:
        mounts = {m["name"]: m["mountPath"] for m in pod["containers"][0]["volumeMounts"]}
        assert mounts == {"storage": "/data", "tmp": "/tmp", "shm": "/dev/shm"}
        assert {volume["name"] for volume in pod["volumes"]} == set(mounts)


def test_a_job_that_is_stopped_has_time_for_its_checkpoint(overlay: list[Manifest]) -> None:
    from jobs.config import ComputeConfig

    ray = [p for p in all_pods(overlay) if p["containers"][0]["name"] == "ray"]
    for pod in ray:
        variables = {v["name"]: v["value"] for v in pod["containers"][0]["env"]}
        stopped_after = int(variables["RAY_JOB_STOP_WAIT_TIME_S"])
        assert ComputeConfig().grace_s < stopped_after < pod["terminationGracePeriodSeconds"]


def test_a_cluster_asks_for_a_token_and_holds_no_secret_in_clear(overlay: list[Manifest]) -> None:
    for job in of_kind(overlay, "RayJob").values():
        assert job["spec"]["rayClusterSpec"]["authOptions"] == {"mode": "token"}
        assert "runtimeEnvYAML" not in job["spec"]
    assert of_kind(overlay, "Secret") == {}
    settings = of_kind(overlay, "ConfigMap")["anuvad-settings"]["data"]
    assert set(settings) == {"ANUVAD_ARGUMENTS", "MLFLOW_TRACKING_URI"}


def test_the_manifests_name_the_ray_that_the_image_has(overlay: list[Manifest]) -> None:
    pins = (REPOSITORY / "constraints.txt").read_text().split("\n")
    (ray,) = [line.removeprefix("ray==") for line in pins if line.startswith("ray==")]
    versions = {
        j["spec"]["rayClusterSpec"]["rayVersion"] for j in of_kind(overlay, "RayJob").values()
    }
    assert versions == {ray}


def test_every_container_runs_the_overlays_image(overlay: list[Manifest]) -> None:
    images = {c["image"] for pod in all_pods(overlay) for c in pod["containers"]}
    assert len(images) == 1
    assert images.pop() in (
        "registry.example.com/anuvad:0.1.0-cpu",
        "registry.example.com/anuvad:0.1.0-cuda",
    )


def test_rays_ports_are_reached_by_its_own_pods_and_the_operator_only(
    overlay: list[Manifest],
) -> None:
    policies = of_kind(overlay, "NetworkPolicy")
    selected = {
        name: policy["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/name"]
        for name, policy in policies.items()
    }
    assert selected == {"anuvad-ray": "anuvad", "anuvad-launcher": "anuvad-launcher"}
    assert "ingress" not in policies["anuvad-launcher"]["spec"]
    for policy in policies.values():
        assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    ours, operator = policies["anuvad-ray"]["spec"]["ingress"]
    assert ours == {
        "from": [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "anuvad"}}}]
    }
    assert operator["ports"] == [{"port": 8265, "protocol": "TCP"}]


def test_the_pods_that_a_policy_is_about_carry_its_label(overlay: list[Manifest]) -> None:
    for job in of_kind(overlay, "RayJob").values():
        cluster = job["spec"]["rayClusterSpec"]
        templates = [
            job["spec"]["submitterPodTemplate"],
            cluster["headGroupSpec"]["template"],
            cluster["workerGroupSpecs"][0]["template"],
        ]
        for template in templates:
            assert template["metadata"]["labels"] == {"app.kubernetes.io/name": "anuvad"}


def test_gpus_go_to_all_jobs_but_the_one_that_prepares_data(gpu: list[Manifest]) -> None:
    given = {name: gpus_of(job) for name, job in of_kind(gpu, "RayJob").items()}
    assert given == {
        "anuvad-evaluate": "1",
        "anuvad-prepare": None,
        "anuvad-promote": "1",
        "anuvad-retrain": "1",
        "anuvad-train": "1",
    }


def test_an_overlay_with_s3_has_no_volume_of_its_own(tmp_path: Path) -> None:
    # kustomize takes folders by relative paths only.
    near = Path(os.path.relpath(KUBERAY, tmp_path))
    (tmp_path / "kustomization.yaml").write_text(
        "apiVersion: kustomize.config.k8s.io/v1beta1\n"
        "kind: Kustomization\n"
        f"resources: [{near / 'overlays' / 'cpu'}]\n"
        f"components: [{near / 'components' / 's3'}]\n"
    )
    manifests = render(tmp_path)
    for manifest in manifests:
        require_valid(manifest)
    assert of_kind(manifests, "PersistentVolumeClaim") == {}
    # Copies of objects go where the volume would be, which has no limit as /tmp has.
    settings = of_kind(manifests, "ConfigMap")["anuvad-settings"]["data"]
    assert settings["ANUVAD_CACHE"] == "/data"
    assert "compute.num_workers=4" in settings["ANUVAD_ARGUMENTS"]
    ray = [p for p in all_pods(manifests) if p["containers"][0]["name"] == "ray"]
    assert len(ray) == len(JOBS) * 2
    assert all({"name": "storage", "emptyDir": {}} in pod["volumes"] for pod in ray)
