"""The units of docs/operations.md, read by systemd's own check."""

from __future__ import annotations

import re
import shutil
import subprocess
import textwrap
from pathlib import Path

import pytest

from command_line import REPOSITORY

_HEADER = re.compile(r"^ {8}# /etc/systemd/system/([\w.-]+).*\n", re.MULTILINE)
_CODE = re.compile(r"(?: {8}.*\n|\n)*")


def units() -> dict[str, str]:
    """The text of each unit of the page, by its file name."""
    _, *parts = _HEADER.split((REPOSITORY / "docs" / "operations.md").read_text())
    found = {}
    for name, text in zip(parts[::2], parts[1::2], strict=True):
        code = _CODE.match(text)
        assert code is not None
        found[name] = textwrap.dedent(code[0])
    return found


def complaints(folder: Path, units: dict[str, str]) -> str:
    """What systemd says of the units, where the commands that they start are there."""
    for name, text in units.items():
        (folder / name).write_text(
            re.sub(r"(?<=^ExecStart=)\S+", "/bin/true", text, flags=re.MULTILINE)
        )
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(folder / name for name in units)],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder with the unit that ours call and that is the operator's own."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze, which reads units as systemd does")
    (tmp_path / "mail-the-operator.service").write_text("[Service]\nExecStart=/bin/true\n")
    return tmp_path


def test_systemd_has_nothing_to_say_of_the_documented_units(folder: Path) -> None:
    found = units()
    assert sorted(found) == [
        "anuvad-retrain.service",
        "anuvad-retrain.timer",
        "mlflow.service",
        "ray.service",
    ]
    assert complaints(folder, found) == ""


def test_a_misspelt_key_is_seen(folder: Path) -> None:
    found = units()
    name = "anuvad-retrain.service"
    found[name] = found[name].replace("RestartSec=", "RestartSecs=")
    assert "Unknown key" in complaints(folder, found)
