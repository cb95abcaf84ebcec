"""What made a version: the command, the revision of the code, the packages.

reads   ``origins/train-<hash>.json`` in the storage, or ``lineage.json`` of the version's run
writes  the first, as a training begins or goes on
holds   who tells of a version later, by newer code, still tells what trained it
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from jobs.versions import git_revision, package_versions
from pipeline.storage import Storage

if TYPE_CHECKING:
    from jobs.registry import Registry, Version

LINEAGE = "lineage.json"
ORIGINS = "origins"
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Origin:
    """What a training was run by.

    Attributes:
        command: as it can be given again.
        revision: the commit of the code.
        packages: package → version.
    """

    command: str = UNKNOWN
    revision: str = UNKNOWN
    packages: Mapping[str, str] = field(default_factory=dict)


def origin_here(command: Sequence[str]) -> Origin:
    """This process, which trains by ``command``."""
    return Origin(shlex.join(command), git_revision(), package_versions())


def note_origin(storage: Storage, training_id: str, origin: Origin) -> None:
    """Put down what trains, for whoever registers it, perhaps by newer code."""
    text = json.dumps(asdict(origin), ensure_ascii=False, indent=1)
    storage.write_bytes(_path(training_id), f"{text}\n".encode())


def noted_origin(storage: Storage, training_id: str) -> Origin | None:
    """What trained the artifact; None where that is not on record, or can't be read."""
    path = _path(training_id)
    if storage.size(path) is None:
        return None
    return _origin(storage.read_bytes(path), "revision")


def origin_of(registry: Registry, version: Version) -> Origin:
    """What trained the version, as its run says; unknown is what that does not say.

    The run may have been deleted, and what it has to say may not have reached MLflow yet.
    """
    text = registry.run_text(version, LINEAGE)
    found = None if text is None else _origin(text, "git_revision")
    if found is not None:
        return found
    command, revision = (
        registry.run_tag(version, f"anuvad.{name}") for name in ("command", "git_revision")
    )
    return Origin(command or UNKNOWN, revision or UNKNOWN)


def _origin(text: str | bytes, revision: str) -> Origin | None:
    """None of what was cut off, or is something else."""
    try:
        told = json.loads(text)
        return Origin(told["command"], told[revision], dict(told["packages"]))
    except (ValueError, KeyError, TypeError):
        return None


def _path(training_id: str) -> str:
    return f"{ORIGINS}/{training_id}.json"
