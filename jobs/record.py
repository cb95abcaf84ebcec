"""What an evaluation leaves where a version's readers look: its run, and the tags on it.

holds   one at a time records what a version scored, under a lock of the storage, see
        :mod:`jobs.lease`: MLflow may refuse one of two that write a new tag at once
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from jobs.evaluation_tasks import HYPOTHESES, OUTPUTS, REFERENCES, SCORES
from jobs.lease import lease
from model.config import DecodeConfig
from pipeline.errors import ArtifactError

if TYPE_CHECKING:
    from jobs.context import JobContext
    from jobs.evaluate import ScoredTest
    from jobs.registry import Registry, Version


def record(job: JobContext, version: Version, scored: ScoredTest, decode: DecodeConfig) -> None:
    """Write metrics, outputs and tags where the version's readers look for them, once.

    Raises:
        BusyError: if another process records scores of the version for minutes.
    """
    if _is_recorded(job.registry, version, scored):
        return
    lock = f"record-{version.name}-{version.number}"
    with contextlib.ExitStack() as held:
        # Without locks, or in a storage that may only be read, two at once are the smaller evil.
        with contextlib.suppress(ArtifactError):
            job.storage.require_create()
            held.enter_context(lease(job.storage, lock, job.console.warn))
        if not _is_recorded(job.registry, version, scored):
            _record(job.registry, version, scored, decode)


def _is_recorded(registry: Registry, version: Version, scored: ScoredTest) -> bool:
    # The version in hand may have been read before an evaluation of a moment ago.
    return registry.resolve(version.uri).tags.get(_tag(scored)) == scored.artifact.id


def _tag(scored: ScoredTest) -> str:
    return f"anuvad.evaluation.{scored.test}"


def _record(registry: Registry, version: Version, scored: ScoredTest, decode: DecodeConfig) -> None:
    test, scores = scored.test, scored.scores
    registry.log_metrics(
        version,
        {f"{test}/{name.replace('++', 'pp')}": score.score for name, score in scores.items()},
    )
    for name in (OUTPUTS, REFERENCES, HYPOTHESES, SCORES):
        registry.log_file(version, scored.artifact.local(name), f"evaluation/{test}")
    tags = {
        f"anuvad.decode.{test}": decode.model_dump_json(),
        f"anuvad.test_set.{test}": scored.test_hash,
        **{
            f"anuvad.{test}.{name.replace('++', 'pp')}": (
                f"{s.score:.2f} [{s.low:.2f}, {s.high:.2f}] {s.signature}"
            )
            for name, s in scores.items()
        },
    }
    # Its own id comes last: where it stands, all of it stands.
    registry.set_tags(version, {**tags, _tag(scored): scored.artifact.id})
