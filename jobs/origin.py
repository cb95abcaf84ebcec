"""What made a version: the command, the revision of the code, the packages.

reads   ``lineage.json`` of the version's MLflow run, which its training wrote
holds   who tells of a version later, by newer code, still tells what trained it
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jobs.versions import git_revision, package_versions

if TYPE_CHECKING:
    from jobs.registry import Registry, Version

LINEAGE = "lineage.json"
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


def origin_of(registry: Registry, version: Version) -> Origin:
    """What trained the version, as its run says; unknown is what that does not say.

    The run may have been deleted, and what it has to say may not have reached MLflow yet.
    """
    text = registry.run_text(version, LINEAGE)
    if text is not None:
        told = json.loads(text)
        return Origin(told["command"], told["git_revision"], told["packages"])
    command, revision = (
        registry.run_tag(version, f"anuvad.{name}") for name in ("command", "git_revision")
    )
    return Origin(command or UNKNOWN, revision or UNKNOWN)
