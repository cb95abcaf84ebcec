"""An artifact that several commands may need at once: one of them makes it, the others wait.

reads   the artifact, once more after the lock was taken
writes  ``locks/evaluate-1f2e3d4c5b6a/``, whose turn it is to make it, see :mod:`jobs.lease`
holds   one commits it, and while that one is heard of no other begins: committing removes what the
        tasks left, which would take the other's work along. One that was silent for a minute and
        wakes up may write to the folder beside its successor until it asks whether it still may
"""

from __future__ import annotations

import math
from collections.abc import Callable

from jobs.context import JobContext
from jobs.lease import Holder, lease
from pipeline import artifacts
from pipeline.artifacts import Artifact, ArtifactSpec
from pipeline.errors import AnuvadError, ArtifactError


def made_once(
    job: JobContext, spec: ArtifactSpec, make: Callable[[Callable[[], None]], Artifact]
) -> tuple[Artifact, bool]:
    """The artifact of ``spec``, and whether this call made it.

    While another process makes it, on this machine or on another, this one waits, however long
    that takes, and says for whom; so does one that was taken for dead and has lost its turn. In a
    store that has no locks there is a warning instead.

    Args:
        job: whose storage it is in.
        spec: of the artifact.
        make: makes it; it must call what it is handed just before it commits, and let pass what
            that raises if another process has taken over.
    """
    storage = job.storage
    if (standing := artifacts.find(storage, spec)) is not None:
        return standing, False
    try:
        storage.require_create()
    except ArtifactError as error:
        job.console.warn(f"{error}; without, let no other command make {spec.id} meanwhile")
        return make(lambda: None), True

    def waits(holder: Holder | None) -> None:
        job.console.say(spec.stage, f"waits for {holder or 'another process'}: it makes {spec.id}")

    while True:
        with lease(storage, spec.id, job.console.warn, waits=waits, wait_s=math.inf) as turn:
            if (standing := artifacts.find(storage, spec)) is not None:
                return standing, False
            try:
                return make(turn.check), True
            except (AnuvadError, OSError):
                # Not only what `check` raises: the successor's commit takes files from under this.
                if not turn.is_lost():
                    raise
                job.console.warn(
                    f"{spec.id}: this process was silent for so long that another took it for dead "
                    f"and makes it anew; what this one has made of it does not count"
                )
