"""The installed program ``anuvad``, run as its users run it: in a process of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
SEED = REPOSITORY / "configs" / "seed.yaml"
ANUVAD = Path(sys.executable).with_name("anuvad")

_OURS = re.compile(
    r"(corpus|clean|dedup|tokenizer|tensorize|train|register|evaluate|evaluate test|gate) +\S"
    r"|(card|ray|mlflow|report|schedule|submit|translate|trigger|warning) +\S"
    r"|(error|warning): \S|(interrupted|terminated); \S"
)


@dataclass(frozen=True)
class Finished:
    """What a command came to."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Standard output, which must be one JSON document."""
        return json.loads(self.out)

    def foreign_lines(self) -> list[str]:
        """Lines of standard error that are not of anuvad's own making: warnings, logs, traces."""
        return [line for line in self.err.splitlines() if not _OURS.match(line)]


def environment(**changed: str) -> dict[str, str]:
    """This process's environment without what would point anuvad at another Ray or MLflow."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("RAY_", "MLFLOW_", "ANUVAD_", "PYTHON")) or key == "PYTHONPATH"
    }
    return {**kept, **changed}


def run(
    command: list[str], cwd: Path, stdin: bytes = b"", env: dict[str, str] | None = None
) -> Finished:
    """Run any command to its end."""
    done = subprocess.run(
        command, cwd=cwd, input=stdin, env=env or environment(), capture_output=True, check=False
    )
    return Finished(done.returncode, done.stdout.decode(), done.stderr.decode())


def anuvad(*arguments: str | Path, cwd: Path, stdin: bytes = b"", **env: str) -> Finished:
    """Run ``anuvad ARGUMENTS`` in the folder ``cwd``."""
    return run([str(ANUVAD), *map(str, arguments)], cwd, stdin, environment(**env))
