"""What may import what: jobs → model → pipeline, and Ray, MLflow and torch where they belong."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from command_line import REPOSITORY, environment, run

PACKAGES = ("pipeline", "model", "jobs")
MODULES = sorted(path for package in PACKAGES for path in (REPOSITORY / package).rglob("*.py"))

MAY_IMPORT_RAY = {"pipeline/runner.py"}
MAY_IMPORT_MLFLOW = {
    "jobs/tracking.py",
    "jobs/registry.py",
    "jobs/logged_model.py",
    "jobs/pyfunc.py",
}


@cache
def imported(path: Path) -> frozenset[str]:
    """The top-level names of all that a module imports, at its top and inside its functions."""
    return frozenset(_imported(path))


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            assert node.module is not None
            yield node.module.partition(".")[0]


def importers(name: str) -> set[str]:
    """The modules that import ``name``, as paths from the repository's root."""
    return {p.relative_to(REPOSITORY).as_posix() for p in MODULES if name in imported(p)}


def loaded_by(module: str) -> set[str]:
    """The top-level packages that a fresh process holds after importing ``module``."""
    code = (
        f"import {module}, json, sys; print(json.dumps([m for m in sys.modules if '.' not in m]))"
    )
    done = run([sys.executable, "-c", code], REPOSITORY, env=environment())
    assert done.code == 0, done.err
    return set(json.loads(done.out))


def test_every_package_has_modules() -> None:
    assert {path.relative_to(REPOSITORY).parts[0] for path in MODULES} == set(PACKAGES)


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [("pipeline", {"model", "jobs"}), ("model", {"jobs"})],
)
def test_imports_run_one_way(package: str, forbidden: set[str]) -> None:
    found = {name for other in forbidden for name in importers(other)}
    assert not [path for path in found if path.startswith(f"{package}/")]


def test_ray_is_imported_where_tasks_become_ray_tasks_and_in_jobs_only() -> None:
    outside = {path for path in importers("ray") if not path.startswith("jobs/")}
    assert outside == MAY_IMPORT_RAY


def test_mlflow_is_imported_by_tracking_registry_and_the_registered_model_only() -> None:
    assert importers("mlflow") == MAY_IMPORT_MLFLOW


def test_the_pipeline_knows_no_torch() -> None:
    assert not {path for path in importers("torch") if path.startswith("pipeline/")}


def test_no_package_imports_the_tests() -> None:
    names = {path.stem for path in (REPOSITORY / "tests").glob("*.py")} | {"tests", "pytest"}
    assert not {path for name in names for path in importers(name)}


@pytest.mark.integration
@pytest.mark.parametrize("module", ["pipeline.stages", "pipeline.runner", "jobs.config"])
def test_data_and_configuration_load_neither_torch_nor_ray_nor_mlflow(module: str) -> None:
    assert not loaded_by(module) & {"torch", "ray", "mlflow", "transformers", "datasets"}


@pytest.mark.integration
def test_the_command_line_loads_next_to_nothing() -> None:
    heavy = {"torch", "ray", "mlflow", "numpy", "pandas", "pyarrow", "pydantic", "sacrebleu"}
    assert not loaded_by("jobs.cli") & heavy


@pytest.mark.integration
@pytest.mark.parametrize("module", ["model.translator", "model.training"])
def test_the_model_loads_neither_ray_nor_mlflow(module: str) -> None:
    assert not loaded_by(module) & {"ray", "mlflow"}
