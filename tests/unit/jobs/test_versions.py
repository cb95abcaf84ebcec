"""What a run records of the code that made it."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import version

import pytest

from command_line import REPOSITORY
from jobs import versions


def test_package_versions_are_those_installed() -> None:
    found = versions.package_versions()
    assert found["python"] == platform.python_version()
    assert found["torch"] == version("torch")
    assert "not installed" not in found.values()


def test_a_package_that_is_missing_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "_PACKAGES", ("no-such-package",))
    assert versions.package_versions.__wrapped__()["no-such-package"] == "not installed"


def test_a_registered_model_requires_exact_versions_and_neither_ray_nor_mlflow() -> None:
    pins = dict(line.split("==") for line in versions.requirements())
    assert {"anuvad", "torch", "sentencepiece", "safetensors"} <= pins.keys()
    assert not {"ray", "mlflow"} & pins.keys()


def test_the_revision_is_the_checkout_s() -> None:
    head = subprocess.run(
        ["git", "-C", str(REPOSITORY), "rev-parse", "HEAD"], capture_output=True, text=True
    )
    expected = head.stdout.strip() if head.returncode == 0 else "unknown"
    assert versions.git_revision.__wrapped__().removesuffix("-dirty") == expected


@pytest.mark.parametrize(("status", "revision"), [("", "abc"), (" M jobs/cli.py", "abc-dirty")])
def test_a_changed_checkout_is_dirty(
    monkeypatch: pytest.MonkeyPatch, status: str, revision: str
) -> None:
    answers = {"rev-parse": "abc", "status": status}
    monkeypatch.setattr(versions, "_git", lambda folder, *arguments: answers[arguments[0]])
    assert versions.git_revision.__wrapped__() == revision


@pytest.mark.parametrize(
    "error", [FileNotFoundError("git"), subprocess.CalledProcessError(128, "git")]
)
def test_without_git_or_a_checkout_the_revision_is_unknown(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(*_: object) -> str:
        raise error

    monkeypatch.setattr(versions, "_git", refuse)
    assert versions.git_revision.__wrapped__() == "unknown"
