"""Kubernetes manifests: kustomizations rendered, and every object held against a closed schema."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parent.parent
KUBERAY = "kuberay-1.7.0"
# From the first with what the manifests use (podFailurePolicy is stable) to the newest known.
KUBERNETES = ("1.31.0", "1.37.0")

Manifest = dict[str, Any]


class ManifestError(Exception):
    """An object is not what its schema says: where, and what."""


def render(kustomization: Path) -> list[Manifest]:
    """What ``kubectl apply -k`` would send; the test is skipped where there is no kustomize."""
    tool = shutil.which("kustomize")
    command = [tool, "build"] if tool else [shutil.which("kubectl") or "", "kustomize"]
    if not command[0]:
        pytest.skip("neither kubectl nor kustomize is here to render the manifests")
    done = subprocess.run(
        [*command, str(kustomization)], capture_output=True, text=True, check=False
    )
    if done.returncode != 0 or done.stderr:
        raise ManifestError(f"{kustomization} must render without a word, but: {done.stderr}")
    return list(yaml.safe_load_all(done.stdout))


def require_valid(manifest: Manifest) -> None:
    """Hold one object against the schema of its kind, in which every object is closed.

    Raises:
        ManifestError: naming the place.
    """
    if manifest["apiVersion"].startswith("ray.io/"):
        schema = _kuberay_schema(manifest["kind"])
        # The schema leaves it to Kubernetes, whose check is asked with an object of its own.
        _require_kubernetes(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": manifest["metadata"]}
        )
        errors = jsonschema.Draft202012Validator(schema).iter_errors(manifest)
        for error in sorted(errors, key=lambda e: list(map(str, e.absolute_path))):
            raise ManifestError(f"{_name(manifest)} {error.json_path}: {error.message[:300]}")
    else:
        _require_kubernetes(manifest)


def _require_kubernetes(manifest: Manifest) -> None:
    validate = pytest.importorskip(
        "kubernetes_validate", reason="no kubernetes-validate here; `make install` has it"
    )
    for version in KUBERNETES:
        try:
            validate.validate(manifest, version, strict=True)
        except validate.ValidationError as error:
            raise ManifestError(f"{_name(manifest)} {error.path}: {error.message[:300]}") from None


@functools.cache
def _kuberay_schema(kind: str) -> Manifest:
    root = Path(os.environ.get("ANUVAD_SCHEMAS", REPOSITORY.parent / "shared" / "schemas"))
    file = root / KUBERAY / f"{kind}.schema.json"
    if not file.exists():
        pytest.skip(f"no KubeRay schemas at {root / KUBERAY}; ANUVAD_SCHEMAS names their folder")
    schema: Manifest = json.loads(file.read_text(encoding="utf-8"))
    return closed(schema)


def closed(schema: Any) -> Any:
    """The same schema, but objects whose properties are named have no others."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    shut = {key: closed(value) for key, value in schema.items()}
    # A property may itself be called "properties"; then this one is no schema.
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        shut.setdefault(
            "additionalProperties", bool(schema.get("x-kubernetes-preserve-unknown-fields"))
        )
    return shut


def _name(manifest: Manifest) -> str:
    return f"{manifest['kind']}/{manifest['metadata'].get('name')}"
