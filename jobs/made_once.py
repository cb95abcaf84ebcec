"""An artifact that several commands may need at once: one of them makes it, the others wait.

reads   the artifact, once more after the lock was taken
writes  ``locks/evaluate-1f2e3d4c5b6a/`` while it is made, see :mod:`jobs.lease`
holds   two never write to one artifact's folder: committing one removes what its tasks left, which
        would take the other's work along
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable

from jobs.context import JobContext
from jobs.lease import Holder, lease
from jobs.lock import LOCKS
from pipeline import artifacts
from pipeline.artifacts import Artifact, ArtifactSpec
from pipeline.errors import AnuvadError, ArtifactError


def made_once(
    job: JobContext, spec: ArtifactSpec, make: Callable[[Callable[[], None]], Artifact]
) -> tuple[Artifact, bool]:
    """The artifact of ``spec``, and whether this call made it.

    While another process makes it, on this machine or on another, this one waits, however long
    that takes, and says for whom. In a store that has no locks there is a warning instead.

    Args:
        job: whose storage it is in.
        spec: of the artifact.
        make: makes it; it must call what it is handed just before it commits.

    Raises:
        LostLockError: from what ``make`` is handed, if another process took this one for dead and
            makes the artifact itself.
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

    with contextlib.ExitStack() as held:
        try:
            turn = held.enter_context(
                lease(storage, spec.id, job.console.warn, waits=waits, wait_s=math.inf)
            )
        except ArtifactError:
            # Whoever has made it takes the lock away, perhaps from under this look at it.
            if (standing := artifacts.find(storage, spec)) is None:
                raise
            return standing, False
        standing = artifacts.find(storage, spec)
        made = make(turn.check) if standing is None else standing
    # From here on nobody needs the lock: whoever still takes a turn finds the artifact.
    with contextlib.suppress(AnuvadError, OSError):
        storage.delete(f"{LOCKS}/{spec.id}")
    return made, standing is None
