"""The comparison job: two registered versions on the same test sets, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from jobs.comparison import Comparison, compare_outputs
from jobs.context import JobContext
from jobs.evaluate import evaluate
from jobs.registry import Version
from pipeline.artifacts import Artifact
from pipeline.errors import ConfigError


@dataclass(frozen=True)
class Compared:
    """Two versions, and what is said of them on each test set."""

    a: Version
    b: Version
    tests: Mapping[str, Comparison]

    def as_json(self) -> dict[str, Any]:
        """What ``anuvad compare --json`` prints."""
        return {
            "a": {"model": self.a.name, "version": self.a.number},
            "b": {"model": self.b.name, "version": self.b.number},
            "tests": {
                name: {
                    **asdict(found),
                    "tests": [asdict(t) | {"difference": t.difference} for t in found.tests],
                }
                for name, found in self.tests.items()
            },
        }


def named_version(job: JobContext, name: str) -> Version:
    """The version that ``models:/NAME@ALIAS``, ``models:/NAME/3``, ``champion`` or ``3`` names.

    The short forms are of the configuration's own model.

    Raises:
        ConfigError, RegistryError: if there is no such version.
    """
    if not name.startswith("models:"):
        separator = "/" if name.isdecimal() else "@"
        name = f"models:/{job.config.registry.name}{separator}{name}"
    return job.registry.resolve(name)


def compare(
    job: JobContext, models: tuple[str, str], corpus: Artifact, tests: Sequence[str]
) -> Compared:
    """Score both versions on the test sets, as far as that is not done, and compare them.

    Raises:
        ConfigError: if both names are of one version, or a test set is not in the corpus.
        RegistryError: if a version is not in the registry.
    """
    a, b = (named_version(job, name) for name in models)
    if a.uri == b.uri:
        raise ConfigError(
            f"--models must name two versions, but {models[0]} and {models[1]} are both {a.uri}"
        )
    ours, theirs = (evaluate(job, version, corpus, tests).tests for version in (a, b))
    found = {}
    for test in tests:
        first, second = ours[test].outputs(), theirs[test].outputs()
        found[test] = compare_outputs(
            first["source"],
            first["reference"],
            first["hypothesis"],
            second["hypothesis"],
            job.config.evaluation.bootstrap_samples,
        )
    return Compared(a, b, found)


if __name__ == "__main__":
    from jobs.cli import run

    run("compare")
